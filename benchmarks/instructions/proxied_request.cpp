// Counts the instructions of one proxied HTTP/1.1 request and of each stage of it. Run by `run` in this
// folder under callgrind, which collects inside the functions stage_* only: the client and the server beside
// the gateway cost nothing. Without callgrind it just runs and checks that every answer is right.
#include <fmt/format.h>
#include <valgrind/callgrind.h>

#include <cstdlib>

#include "benchmarks/lib/machine.h"
#include "l7/proxy.h"
#include "tests/support/live_set.h"
#include "tools/loadgen/client.h"
#include "tools/loadgen/server.h"

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

constexpr std::uint32_t connections = 32;
constexpr std::uint64_t warm_up_requests = 2'000;
constexpr std::uint64_t measured_requests = 10'000;

net::Prefix prefix(const char* text) {
  return *net::parse_prefix(text);
}

/// One listener, one route, one backend with one endpoint.
shm::PolicySpec policy() {
  shm::PolicySpec spec;
  spec.listeners.push_back({.name = "default/bench/http", .tcp_port = 80});
  shm::RouteSpec route{.route_namespace = "default", .route_name = "bench"};
  route.listeners = {0};
  route.rules.push_back({});
  route.rules[0].backends.push_back({.backend = "default/service:80"});
  spec.routes.push_back(route);
  return spec;
}

std::vector<shm::BackendSpec> backends() {
  return {{.name = "default/service:80",
           .endpoints = {{.address = shm::IpAddress::from_ipv4(0x0a020002), .tcp_port = 8080, .weight = 1}}}};
}

void plain_round(Machine& machine, Instant now) {
  machine.take_burst();
  machine.parse(now);
  machine.tcp_in(now);
  machine.events(now);
  machine.timers(now);
  machine.tcp_out(now);
}

void gateway_round(Machine& gateway, l7::Proxy& proxy, Instant now) {
  gateway.take_burst();
  stage_parse(gateway, now);
  stage_tcp_in(gateway, now);
  proxy.set_now(now);
  stage_http(gateway, now);
  stage_timers(gateway, now);
  stage_tcp_out(gateway, now);
}

int run() {
  Instant now{1'000'000'000};
  BlockProvider buffers(32'768);
  Machine client(buffers, now);
  Machine gateway(buffers, now);
  Machine server(buffers, now);
  const auto client_link = client.add_link(prefix("10.1.0.2/24"), now);
  const auto front = gateway.add_link(prefix("10.1.0.1/24"), now);
  const auto back = gateway.add_link(prefix("10.2.0.1/24"), now);
  const auto server_link = server.add_link(prefix("10.2.0.2/24"), now);
  Machine::connect(client, client_link, gateway, front);
  Machine::connect(gateway, back, server, server_link);

  auto slots = std::move(*shm::SlotRegion::create(256));
  auto stats = std::move(*shm::EndpointStatsRegion::create(1, 256));
  l7::OwnTelemetry telemetry;
  const test::TestSet set(policy(), backends(), 1, slots);
  const std::array node_addresses{prefix("10.1.0.1/24").address};
  l7::Proxy proxy({.connector = gateway.stack,
                   .timers = gateway.wheel,
                   .memory = gateway.memory(),
                   .telemetry = telemetry.telemetry,
                   .slots = slots.table(),
                   .endpoint_stats = stats.table(0)},
                  {.downstream_max = 1024,
                   .exchanges_max = 1024,
                   .upstream_max = 1024,
                   .node_addresses = node_addresses,
                   .random_seed = 1});
  proxy.set_now(now);
  proxy.use_set(set.live());
  if (!gateway.stack.listen({net::IpAddress{}, 80}, proxy)) return 1;

  loadgen::Server origin(server.memory(), 64, 1024);
  loadgen::Scenario scenario;
  scenario.target = {prefix("10.1.0.1/24").address, 80};
  scenario.host = "shop.example.com";
  scenario.path = "/api/v1/items/1234567890?page=2&sort=price&filter=in-stock";
  scenario.connections = connections;
  loadgen::Client load(scenario, client.stack, client.memory());
  if (!origin.start() || !load.start(now) || !server.stack.listen({net::IpAddress{}, 8080}, origin)) return 1;

  std::uint64_t wanted = warm_up_requests;
  bool is_measuring = false;
  std::uint64_t measured_from = 0;
  for (std::uint64_t round = 0; round < 4'000'000; ++round) {
    now = now + 20us;
    load.on_round(now);
    plain_round(client, now);
    gateway_round(gateway, proxy, now);
    plain_round(server, now);
    gateway_round(gateway, proxy, now);
    if (load.results().completed < wanted) continue;
    if (is_measuring) break;
    is_measuring = true;
    measured_from = load.results().completed;
    wanted = measured_from + measured_requests;
    CALLGRIND_ZERO_STATS;
  }
  CALLGRIND_DUMP_STATS;
  const std::uint64_t measured = load.results().completed - measured_from;
  const std::uint64_t failed = load.results().failed();
  fmt::print("requests {}\nfailed {}\n", measured, failed);
  load.close_all();
  load.release_request();
  origin.close_all();
  origin.release_answer();
  proxy.abort_all();
  return measured >= measured_requests && failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace byway::benchmark

int main() {
  return byway::benchmark::run();
}
