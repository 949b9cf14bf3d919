// What a worker of the gateway runs: the HTTP proxy, with the policy that the agent publishes. Takes up new
// sets between events, opens and closes listeners and virtual addresses as they say.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "control/shm/publication.h"
#include "control/shm/regions.h"
#include "dataplane/application.h"
#include "l7/proxy.h"
#include "tools/dataplane/listen_plan.h"

namespace byway::tools {

/// A virtual address that no listener has any more is answered until its connections have drained, and for so
/// long after it: the last segments are repeated, and acknowledged, for some round trips.
inline constexpr Nanoseconds address_retirement = 1s;

struct ProxyApplicationOptions {
  std::uint32_t worker = 0;
  std::uint32_t connections_max = 0;
  std::uint32_t buffers = 0;  ///< packet buffers of this worker
  std::uint64_t random_seed = 0;
  std::span<const net::IpAddress> node_addresses;           ///< outlives the application
  const std::atomic<std::int64_t>* wall_seconds = nullptr;  ///< since 1970; outlives the application
};

class ProxyApplication final : public Application {
 public:
  /// Main thread, before the worker runs: from now on sets wait for this worker. The regions and the
  /// publication outlive the application.
  ProxyApplication(const ProxyApplicationOptions& options, shm::DataPlaneRegions& regions,
                   const shm::Publication& publication, l7::Telemetry telemetry);

  void on_start(const WorkerServices& services, Instant now) override;
  bool on_round(Instant now) override;
  void on_drain(Instant now) override;
  [[nodiscard]] bool is_drained() const override;
  void on_stop(Instant now) override;

 private:
  struct Retired {
    net::IpAddress address;
    Instant until;
  };

  void take_up(const shm::LiveSet* set, Instant now);
  void change_addresses(std::span<const net::IpAddress> wanted, Instant now);
  void change_listeners(std::span<const ListenSocket> wanted, Instant now);
  void drop_retired(Instant now);

  ProxyApplicationOptions options_;
  shm::SlotTable slots_;
  shm::EndpointStatsTable endpoint_stats_;
  l7::Telemetry telemetry_;
  shm::WorkerPolicy policy_;
  tcp::Stack* stack_ = nullptr;
  net::Host* host_ = nullptr;
  std::unique_ptr<l7::Proxy> proxy_;       ///< from on_start to on_stop
  std::vector<ListenSocket> listening_;    ///< sorted
  std::vector<net::IpAddress> addresses_;  ///< virtual ones in use, sorted
  std::vector<Retired> retired_;
  Nanoseconds drain_longest_{0};  ///< of the listeners that went with the newest set
  bool draining_ = false;
};

}  // namespace byway::tools
