// Counts the instructions of one proxied HTTP/1.1 request and of each stage of it. Run by `run` in this
// folder under callgrind, which collects inside the functions stage_* only: the client and the server beside
// the gateway cost nothing. Without callgrind it just runs and checks that every answer is right.
#include <fmt/format.h>
#include <valgrind/callgrind.h>

#include "benchmarks/lib/proxied_world.h"

using byway::Instant;
using byway::benchmark::Machine;

// Names that callgrind is told; extern "C" so that they are no longer than they look.
extern "C" {
[[gnu::noinline]] void stage_parse(Machine& gateway, Instant now) {
  gateway.parse(now);
}
[[gnu::noinline]] void stage_tcp_in(Machine& gateway, Instant now) {
  gateway.tcp_in(now);
}
[[gnu::noinline]] void stage_http(Machine& gateway, Instant now) {
  gateway.events(now);
}
[[gnu::noinline]] void stage_timers(Machine& gateway, Instant now) {
  gateway.timers(now);
}
[[gnu::noinline]] void stage_tcp_out(Machine& gateway, Instant now) {
  gateway.tcp_out(now);
}
}

namespace byway::benchmark {

namespace {

constexpr std::uint64_t warm_up_requests = 2'000;
constexpr std::uint64_t measured_requests = 10'000;

void gateway_round(Machine& gateway, l7::Proxy& proxy, Instant now) {
  stage_parse(gateway, now);
  stage_tcp_in(gateway, now);
  proxy.set_now(now);
  stage_http(gateway, now);
  stage_timers(gateway, now);
  stage_tcp_out(gateway, now);
}

int run() {
  auto slots = std::move(*shm::SlotRegion::create(256));
  auto stats = std::move(*shm::EndpointStatsRegion::create(1, 256));
  ProxiedWorld world(slots, stats, 0);
  std::uint64_t wanted = warm_up_requests;
  bool is_measuring = false;
  std::uint64_t measured_from = 0;
  for (std::uint64_t round = 0; round < 4'000'000; ++round) {
    world.round(gateway_round);
    if (world.completed() < wanted) continue;
    if (is_measuring) break;
    is_measuring = true;
    measured_from = world.completed();
    wanted = measured_from + measured_requests;
    CALLGRIND_ZERO_STATS;
  }
  CALLGRIND_DUMP_STATS;
  const std::uint64_t measured = world.completed() - measured_from;
  fmt::print("requests {}\nfailed {}\n", measured, world.failed());
  return measured >= measured_requests && world.failed() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace byway::benchmark

int main() {
  return byway::benchmark::run();
}
