// The two roles as applications of a worker (dataplane/application.h). The main thread looks at them by
// commands that run on the worker's thread (Generator::on_worker), so nothing is read while it is written.
#pragma once

#include <optional>

#include "dataplane/application.h"
#include "tools/loadgen/client.h"
#include "tools/loadgen/server.h"

namespace byway::loadgen {

/// Sends requests.
class ClientApplication final : public Application {
 public:
  explicit ClientApplication(const Scenario& scenario) : scenario_(scenario) {}

  void on_start(const WorkerServices& services, Instant now) override;
  bool on_round(Instant now) override;
  void on_drain(Instant now) override;
  [[nodiscard]] bool is_drained() const override { return !client_ || client_->is_quiet(); }
  void on_stop(Instant now) override;

  /// Only on the worker's thread, or after it has ended.
  [[nodiscard]] Client& client() { return *client_; }
  [[nodiscard]] bool has_started() const { return client_.has_value(); }
  [[nodiscard]] bool is_out_of_memory() const { return is_out_of_memory_; }

 private:
  const Scenario scenario_;
  std::optional<Client> client_;
  bool is_out_of_memory_ = false;
};

/// Answers requests.
class ServerApplication final : public Application {
 public:
  ServerApplication(std::uint16_t tcp_port, std::uint32_t body_bytes, std::uint32_t connections)
      : tcp_port_(tcp_port), body_bytes_(body_bytes), connections_(connections) {}

  void on_start(const WorkerServices& services, Instant now) override;
  bool on_round(Instant) override { return false; }
  void on_drain(Instant) override {}
  [[nodiscard]] bool is_drained() const override { return true; }
  void on_stop(Instant now) override;

  [[nodiscard]] const ServerCounts& counts() const { return server_->counts(); }
  [[nodiscard]] bool has_started() const { return server_.has_value(); }
  [[nodiscard]] bool is_out_of_memory() const { return is_out_of_memory_; }

 private:
  std::uint16_t tcp_port_;
  std::uint32_t body_bytes_;
  std::uint32_t connections_;
  std::optional<Server> server_;
  bool is_out_of_memory_ = false;
};

}  // namespace byway::loadgen
