#include "tools/loadgen/application.h"

namespace byway::loadgen {

void ClientApplication::on_start(const WorkerServices& services, Instant now) {
  client_.emplace(scenario_, services.stack, services.memory);
  is_out_of_memory_ = !client_->start(now);
}

bool ClientApplication::on_round(Instant now) {
  if (is_out_of_memory_) return false;
  // An adaptive worker would sleep through the due times of an open loop: what is due soon counts as work.
  const bool is_due_soon = client_->next_due() <= now + 100us;
  client_->on_round(now);
  return is_due_soon;
}

void ClientApplication::on_drain(Instant) {
  client_->stop();
}

void ClientApplication::on_stop(Instant) {
  client_->close_all();
  client_->release_request();
}

void ServerApplication::on_start(const WorkerServices& services, Instant) {
  server_.emplace(services.memory, body_bytes_, connections_);
  // An address of all zeros: whatever address of ours the client used.
  is_out_of_memory_ = !server_->start() || !services.stack.listen({net::IpAddress{}, tcp_port_}, *server_);
}

void ServerApplication::on_stop(Instant) {
  server_->close_all();
  server_->release_answer();
}

}  // namespace byway::loadgen
