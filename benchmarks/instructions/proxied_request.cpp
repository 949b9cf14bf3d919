// Counts the instructions of one proxied HTTP/1.1 request and of each stage of it. Run by `run` in this
// folder under callgrind, which collects inside the functions stage_* only: the client and the server beside
// the gateway cost nothing. Without callgrind it just runs and checks that every answer is right.
//
//     proxied_request                     32 connections, a fixed number of requests
//     proxied_request CONNECTIONS MS      times the gateway's rounds for so long: ns per request, for pairs
//     of builds
#include <fmt/format.h>
#include <valgrind/callgrind.h>
#include <x86intrin.h>

#include <charconv>
#include <chrono>
#include <cstring>
#include <string_view>

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

// The time that the gateway's rounds take of all, while the memory of so many connections goes through the
// caches.
int time_rounds(std::uint32_t connections, std::uint32_t milliseconds) {
  using Clock = std::chrono::steady_clock;
  auto slots = std::move(*shm::SlotRegion::create(256));
  auto stats = std::move(*shm::EndpointStatsRegion::create(1, 256));
  ProxiedWorld world(slots, stats, 0, connections);
  while (world.completed() < std::uint64_t{8} * connections) world.round(gateway_round);
  const std::uint64_t completed_before = world.completed();
  std::uint64_t ticks = 0;
  const auto timed_round = [&ticks](Machine& gateway, l7::Proxy& proxy, Instant now) {
    const std::uint64_t began = __rdtsc();
    gateway_round(gateway, proxy, now);
    ticks += __rdtsc() - began;
  };
  const std::uint64_t ticks_began = __rdtsc();
  const auto began = Clock::now();
  const auto end = began + std::chrono::milliseconds(milliseconds);
  while (Clock::now() < end) {
    for (int i = 0; i < 16; ++i) world.round(timed_round);
  }
  const auto all_ticks = static_cast<double>(__rdtsc() - ticks_began);
  const double all_ns = std::chrono::duration<double, std::nano>(Clock::now() - began).count();
  const auto requests = static_cast<double>(world.completed() - completed_before);
  fmt::print("{:.0f} ns per request, {} connections, {} failed\n",
             static_cast<double>(ticks) / all_ticks * all_ns / requests, connections, world.failed());
  return world.failed() == 0 ? 0 : 1;
}

bool read_number(std::string_view text, std::uint32_t most, std::uint32_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number > 0 && number <= most;
}

}  // namespace
}  // namespace byway::benchmark

int main(int count, char** arguments) {
  using namespace byway::benchmark;
  if (count == 1) return run();
  std::uint32_t connections = 0;
  std::uint32_t milliseconds = 0;
  if (count == 3 && read_number(arguments[1], connections_max, connections) &&
      read_number(arguments[2], 60'000, milliseconds)) {
    return time_rounds(connections, milliseconds);
  }
  fmt::print(stderr, "usage: proxied_request [CONNECTIONS MILLISECONDS], at most {} and 60000\n",
             connections_max);
  return 2;
}
