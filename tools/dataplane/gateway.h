// byway-dataplane as one object: the packet side (NodeRuntime) with the proxy on its workers, the shared
// memory, the socket that the agent comes to, and the main thread's loop.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/shm/channel_server.h"
#include "control/shm/installer.h"
#include "control/shm/publication.h"
#include "control/shm/regions.h"
#include "tools/dataplane/commands.h"
#include "tools/dataplane/listen_plan.h"
#include "tools/dataplane/node_config.h"
#include "tools/dataplane/node_runtime.h"
#include "tools/dataplane/port_metrics.h"
#include "tools/dataplane/signals.h"

namespace byway::tools {

/// How a run of the program ended.
enum class ExitCode : int {
  done = 0,
  failed = 1,  ///< the machine or a device said no
  usage = 2,   ///< wrong configuration or arguments
  leaked = 3,  ///< packet buffers were missing at the end: a bug
};

class Gateway final : private shm::ChannelHandler {
 public:
  /// Brings everything up: when it returns, workers run and the socket is there. `signals` hears of the
  /// signals that end the run.
  [[nodiscard]] static std::expected<std::unique_ptr<Gateway>, std::string> start(const NodeConfig& config);
  ~Gateway() override;
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// The main thread's loop, until a signal and the drain after it have ended. Then everything is given back.
  [[nodiscard]] ExitCode run(SignalSource& signals);

 private:
  explicit Gateway(const NodeConfig& config);
  [[nodiscard]] std::expected<void, std::string> start_all();
  [[nodiscard]] std::expected<void, std::string> make_runtime_dir() const;
  [[nodiscard]] WorkerParts make_parts(std::uint32_t worker);
  [[nodiscard]] std::expected<std::unique_ptr<const shm::SetAttachment>, std::string> prepare(
      const shm::Snapshot& snapshot) const;
  void install_last_good();
  [[nodiscard]] std::expected<void, std::string> open_socket();
  void turn(SignalSource& signals);
  void tell_time();
  void on_signal();
  /// Once a second.
  void read_ports();
  [[nodiscard]] std::uint64_t now_ns() const { return static_cast<std::uint64_t>(runtime_->now().ns); }

  // shm::ChannelHandler
  shm::HandoverOutcome on_handover(const shm::Handover& handover,
                                   std::array<shm::OwnedFd, shm::blob_count> blobs,
                                   std::uint64_t now_ns) override;
  void on_command(shm::CommandTicket ticket, const shm::CommandRequest& request) override;
  void on_peer(std::string_view name, std::string_view what) override;

  NodeConfig config_;
  std::vector<net::Prefix> node_prefixes_;
  std::vector<net::IpAddress> node_addresses_;
  std::unique_ptr<NodeRuntime> runtime_;
  std::optional<PortMetrics> port_metrics_;
  Instant ports_read_at_;
  std::optional<shm::DataPlaneRegions> regions_;
  std::optional<shm::Publication> publication_;
  std::optional<shm::SetInstaller> installer_;
  std::optional<Commands> commands_;
  std::unique_ptr<shm::ChannelServer> server_;
  int signals_seen_ = 0;
  /// The time of day for workers, which do not ask the system: the main thread writes it when it has changed.
  /// Each response reads it, so that nothing else may stand in its line.
  alignas(64) std::atomic<std::int64_t> wall_seconds_{0};
};

}  // namespace byway::tools
