// A connection leaves for another stack, or comes from one (handover.h).
#include "dataplane/tcp/stack.h"

namespace byway::tcp {

std::size_t Stack::export_bytes(const Stream& stream) const {
  const auto& socket = static_cast<const Socket&>(stream);
  if (!socket.attached || socket.aborted || !socket.connection.can_move()) return 0;
  return socket.connection.export_bytes();
}

std::size_t Stack::export_connection(const Stream& stream, std::span<std::uint8_t> out, Instant now) const {
  const auto& socket = static_cast<const Socket&>(stream);
  if (!socket.attached || socket.aborted) return 0;
  return socket.connection.export_state(out, socket.flow, now);
}

void Stack::forget(Stream& stream) {
  auto& socket = static_cast<Socket&>(stream);
  count(CounterIndex::moved_out);
  detach(socket);
  release(socket);
}

Stream* Stack::import_connection(std::span<const std::uint8_t> bytes, StreamHandler& handler,
                                 HandoverError& error, Instant now) {
  now_ = now;
  HandoverHead head;
  error = read_handover_head(bytes, head);
  if (error != HandoverError::none) return nullptr;
  const FlowKey flow{net::IpAddress{head.local}, net::IpAddress{head.remote}, head.local_port,
                     head.remote_port};
  if (flow.local_port == 0 || flow.remote_port == 0) {
    error = HandoverError::bad_state;
    return nullptr;
  }
  if (flows_.find(flow) != nullptr) {
    error = HandoverError::in_use;
    return nullptr;
  }
  Socket* socket = acquire_socket(flow);
  if (socket == nullptr) {
    error = HandoverError::no_memory;
    return nullptr;
  }
  error = socket->connection.import_state(context_, head, bytes.subspan(sizeof(HandoverHead)), now);
  if (error != HandoverError::none) {
    release(*socket);
    return nullptr;
  }
  count(CounterIndex::moved_in);
  socket->attached = true;
  socket->handler = &handler;
  settle(*socket);
  return socket;
}

}  // namespace byway::tcp
