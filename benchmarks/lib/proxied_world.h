// A client, the gateway and a server as machines on wires in memory: one listener, one route, one backend
// with one endpoint. Who measures calls the rounds, and does with the gateway's stages what it likes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "benchmarks/lib/machine.h"
#include "l7/proxy.h"
#include "tests/support/live_set.h"
#include "tools/loadgen/client.h"
#include "tools/loadgen/server.h"

namespace byway::benchmark {

inline constexpr std::uint32_t connections_max = 2048;

/// Thread: one. Time is its own and goes on by 20 us a round.
class ProxiedWorld {
 public:
  /// `slots` and `stats` outlive it; several worlds may share them, each with a worker's number of its own.
  /// `connections`: of clients, at most connections_max; each has one request out all the time.
  ProxiedWorld(shm::SlotRegion& slots, shm::EndpointStatsRegion& stats, std::uint32_t worker,
               std::uint32_t connections = 32);
  ~ProxiedWorld();

  /// One round of all machines. `gateway_round(gateway, proxy, now)` is called twice: after the client's, and
  /// after the server's.
  template <typename GatewayRound>
  void round(GatewayRound&& gateway_round) {
    now_ = now_ + round_time;
    load_->on_round(now_);
    client_.round(now_);
    gateway_.take_burst();
    gateway_round(gateway_, *proxy_, now_);
    gateway_.flush();
    server_.round(now_);
    gateway_.take_burst();
    gateway_round(gateway_, *proxy_, now_);
    gateway_.flush();
  }
  [[nodiscard]] std::uint64_t completed() const { return load_->results().completed; }
  [[nodiscard]] std::uint64_t failed() const { return load_->results().failed(); }

 private:
  static constexpr Nanoseconds round_time = 20us;

  Instant now_{1'000'000'000};
  BlockProvider buffers_;
  Machine client_;
  Machine gateway_;
  Machine server_;
  l7::OwnTelemetry telemetry_;
  test::TestSet set_;
  std::array<net::IpAddress, 1> node_addresses_;
  std::optional<l7::Proxy> proxy_;
  std::optional<loadgen::Server> origin_;
  std::optional<loadgen::Client> load_;
};

}  // namespace byway::benchmark
