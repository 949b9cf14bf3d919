// The gateway of the simulation: a host with the whole of layer 7 on its stack, routing by a set that was
// built, sealed and verified as in production.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "l7/proxy.h"
#include "tests/sim/network.h"
#include "tests/support/live_set.h"

namespace byway::sim {

struct GatewayPlan {
  shm::PolicySpec policy;
  std::vector<shm::BackendSpec> backends;
  l7::ProxyOptions options;
};

class Gateway {
 public:
  Gateway(Host& host, const GatewayPlan& plan);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// Publishes the next set: the same policy, other endpoints.
  void change_endpoints(const std::vector<shm::BackendSpec>& backends);
  /// When all clients and servers have gone quiet: what it still holds, or nothing.
  [[nodiscard]] std::string leftovers() const;
  [[nodiscard]] std::uint64_t count(l7::Counter counter) const { return cells_.telemetry.value(counter); }
  /// How often exchanges looked for memory in one second of virtual time, at most.
  [[nodiscard]] std::uint64_t waits_per_second_max() const { return waits_max_; }
  [[nodiscard]] l7::Proxy& proxy() { return *proxy_; }
  /// Prints its counters, for a run that failed.
  void print_state() const;

 private:
  void on_time(Instant now);

  Host& host_;
  std::int64_t second_ = 0;
  std::uint64_t waits_before_ = 0;  ///< that second
  std::uint64_t waits_max_ = 0;
  std::vector<net::IpAddress> addresses_;
  shm::SlotRegion slots_;
  shm::EndpointStatsRegion stats_;
  l7::OwnTelemetry cells_;
  shm::PolicySpec policy_;
  std::list<test::TestSet> sets_;  ///< one generation after the other; the last is live
  std::unique_ptr<l7::Proxy> proxy_;
};

}  // namespace byway::sim
