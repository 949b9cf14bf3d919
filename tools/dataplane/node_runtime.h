// The packet side of a process: DPDK, pools, ports and workers of one node.yaml, started and stopped as one.
// What runs on the workers is handed in: the gateway's proxy, or a test.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/application.h"
#include "dataplane/buffer_pool.h"
#include "dataplane/eal.h"
#include "dataplane/steering.h"
#include "dataplane/tsc_clock.h"
#include "dataplane/worker.h"
#include "tools/dataplane/node_config.h"

namespace byway::tools {

/// What the runtime asks for, worker by worker, in the main thread before they run.
struct WorkerParts {
  std::unique_ptr<Application> application;
  WorkerCounterBlocks counters;
};
using MakeWorkerParts = std::function<WorkerParts(std::uint32_t worker)>;

/// Main thread only, but for what the workers do.
class NodeRuntime {
 public:
  /// Starts DPDK and opens all ports. Nothing runs yet. The error is for the person at the terminal.
  [[nodiscard]] static std::expected<std::unique_ptr<NodeRuntime>, std::string> open(
      const NodeConfig& config);
  ~NodeRuntime();  ///< Asserted: stop() was called, or run() never.
  NodeRuntime(const NodeRuntime&) = delete;
  NodeRuntime& operator=(const NodeRuntime&) = delete;

  /// Starts the ports and the workers.
  [[nodiscard]] std::expected<void, std::string> run(const MakeWorkerParts& make_parts);

  /// A few times a second: ports that have to be connected again. Calls `log` for each that has come up.
  void tick(const std::function<void(const std::string&)>& log);

  /// New connections are refused from now on; workers end when the others have, or after `time`. May be
  /// called again with less time.
  void drain(Nanoseconds time);
  [[nodiscard]] bool has_ended() const;

  /// After has_ended(): stops workers and ports, and looks whether every packet buffer has come back. The
  /// error says how many have not; false: with a driver like af_xdp nobody can tell.
  [[nodiscard]] std::expected<bool, std::string> stop();

  [[nodiscard]] Instant now() const { return clock_->now(); }
  [[nodiscard]] bool uses_huge_pages() const { return huge_pages_; }
  [[nodiscard]] std::uint32_t worker_count() const {
    return static_cast<std::uint32_t>(config_.cores.size());
  }
  /// Of each worker.
  [[nodiscard]] std::uint32_t connections_max() const { return config_.connections; }
  [[nodiscard]] Worker& worker(std::uint32_t index) { return *workers_[index]; }
  [[nodiscard]] Mailbox& mailbox(std::uint32_t index) { return *shared_->mailboxes[index]; }
  [[nodiscard]] const std::vector<std::unique_ptr<Port>>& devices() const { return ports_; }
  /// The ports of node.yaml, by link index, with their devices.
  [[nodiscard]] const std::vector<LinkSetup>& links() const { return shared_->links; }

 private:
  explicit NodeRuntime(NodeConfig config) : config_(std::move(config)) {}
  [[nodiscard]] std::expected<void, std::string> open_all();
  [[nodiscard]] std::expected<void, std::string> open_pools();
  [[nodiscard]] std::expected<void, std::string> open_ports();
  [[nodiscard]] std::vector<rte_mempool*> raw_pools() const;
  [[nodiscard]] std::expected<Port*, std::string> open_device(const PortConfig& first);
  [[nodiscard]] tcp::StackOptions stack_options() const;

  NodeConfig config_;
  bool huge_pages_ = false;
  std::size_t duplicates_told_ = 0;
  bool running_ = false;
  std::optional<TscClock> clock_;
  std::optional<Steering> steering_;
  RssPlan::Key rss_key_{};
  std::vector<BufferPool> pools_;             ///< by worker
  std::vector<std::unique_ptr<Port>> ports_;  ///< devices
  std::vector<std::unique_ptr<Port>>
      kernel_sides_;  ///< interfaces of the kernel, of those ports that have one
  std::optional<WorkerShared> shared_;
  std::vector<std::unique_ptr<Application>> applications_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

/// Bytes from the kernel's random generator.
void fill_random(std::span<std::uint8_t> out);
[[nodiscard]] std::uint64_t random_number();

}  // namespace byway::tools
