// A Proxy between streams in memory: the test plays clients, servers, the clock and the agent. When it goes,
// it closes everything and checks that nothing was leaked.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>
#include <vector>

#include "l7/proxy.h"
#include "tests/support/live_set.h"
#include "tests/support/memory_stream.h"

namespace byway::l7::test {

using byway::test::MemoryConnector;
using byway::test::MemoryStream;
using byway::test::TestSet;

inline net::IpAddress ip(std::uint32_t host_order) {
  return net::IpAddress::from_v4({host_order});
}

inline constexpr std::uint32_t gateway_ip = 0x0a000001;
inline constexpr std::uint32_t client_ip = 0x0a000064;
inline constexpr std::uint32_t server_ip = 0x0a0000c8;
inline constexpr std::uint16_t gateway_port = 80;
inline constexpr std::uint16_t server_port = 8080;

/// An endpoint at 10.0.0.(200 + number).
inline shm::EndpointSpec endpoint(std::uint32_t number, std::uint32_t weight = 1) {
  return {
      .address = shm::IpAddress::from_ipv4(server_ip + number), .tcp_port = server_port, .weight = weight};
}

/// One listener on port 80, one route for everything, one backend with one endpoint.
struct Specs {
  shm::PolicySpec policy;
  std::vector<shm::BackendSpec> backends;

  Specs() {
    policy.listeners.push_back({.name = "ns/gateway/http", .tcp_port = gateway_port});
    shm::RouteSpec route{.route_namespace = "ns", .route_name = "route"};
    route.listeners = {0};
    route.rules.push_back({});
    route.rules[0].backends.push_back({.backend = "ns/service:80"});
    policy.routes.push_back(route);
    backends.push_back({.name = "ns/service:80", .endpoints = {endpoint(0)}});
  }
  shm::ListenerSpec& listener() { return policy.listeners[0]; }
  shm::RuleSpec& rule() { return policy.routes[0].rules[0]; }
  shm::BackendSpec& backend() { return backends[0]; }
};

/// Keeps every record.
class Records final : public RecordSink {
 public:
  void on_record(const ExchangeRecord& record) override { all.push_back(record); }
  std::vector<ExchangeRecord> all;
};

struct FixtureOptions {
  std::uint32_t downstream_max = 64;
  std::uint32_t exchanges_max = 64;
  std::uint32_t upstream_max = 64;
  std::uint32_t slices = 4096;
  Bytes buffer_bytes_max = 2048;  ///< what an mbuf holds
};

class ProxyFixture {
 public:
  explicit ProxyFixture(const Specs& specs = {}, const FixtureOptions& options = {})
      : slices(options.slices),
        buffers(options.buffer_bytes_max),
        slot_region(std::move(*shm::SlotRegion::create(256))),
        stats_region(std::move(*shm::EndpointStatsRegion::create(1, 256))),
        timers(now),
        connector(slices, network),
        proxy(std::make_unique<Proxy>(ProxySeams{.connector = connector,
                                                 .timers = timers,
                                                 .memory = {slices, buffers},
                                                 .telemetry = cells.telemetry,
                                                 .slots = slot_region.table(),
                                                 .endpoint_stats = stats_region.table(0),
                                                 .wall_seconds = &wall_seconds},
                                      ProxyOptions{.downstream_max = options.downstream_max,
                                                   .exchanges_max = options.exchanges_max,
                                                   .upstream_max = options.upstream_max,
                                                   .node_addresses = node_addresses,
                                                   .random_seed = 1,
                                                   .records = &records})) {
    proxy->set_now(now);
    use(specs);
  }
  ~ProxyFixture() {
    buffers.fail_after(UINT64_MAX);
    proxy->abort_all();
    CHECK(proxy->exchange_count() == 0);
    CHECK(proxy->upstream_count() == 0);
    for (const Counter gauge : {Counter::exchanges_active, Counter::downstream_open, Counter::upstream_open,
                                Counter::upstream_idle}) {
      CHECK(count(gauge) == 0);
    }
    check_slots_empty();
    proxy.reset();
    CHECK(timers.armed_count() == 0);
    clients.clear();
    connector.clear();
    CHECK(slices.in_use() == 0);
    CHECK(buffers.live() == 0);
    CHECK(network.live() == 0);
  }
  ProxyFixture(const ProxyFixture&) = delete;
  ProxyFixture& operator=(const ProxyFixture&) = delete;

  /// The agent publishes a set.
  void use(const Specs& specs) {
    sets.push_back(std::make_unique<TestSet>(specs.policy, specs.backends, sets.size() + 1, slot_region));
    proxy->use_set(sets.back()->live());
  }
  /// A client connects.
  MemoryStream& accept(std::uint32_t from = client_ip) {
    clients.push_back(std::make_unique<MemoryStream>(
        slices, network, net::SocketAddress{ip(gateway_ip), gateway_port},
        net::SocketAddress{ip(from), static_cast<std::uint16_t>(40'000 + clients.size())}));
    proxy->on_accept(*clients.back());
    return *clients.back();
  }
  /// The newest connection to a server, which accepts it if it has not yet.
  MemoryStream& server() {
    MemoryStream& stream = connector.last();
    if (!stream.is_connected()) stream.complete_connect();
    return stream;
  }
  /// Time passes; timers fire on the way as in a worker's rounds.
  void pass(Nanoseconds duration) {
    const Instant target = now + duration;
    while (true) {
      const Instant due = timers.next_due();
      if (due > target) break;
      now = std::max(now, due);
      proxy->set_now(now);
      if (timers.advance(now, 1000) == 0 && timers.next_due() <= now) now = now + 1us;
    }
    now = std::max(now, target);
    proxy->set_now(now);
    timers.advance(now, 1000);
  }
  [[nodiscard]] std::uint64_t count(Counter counter) const { return cells.telemetry.value(counter); }
  [[nodiscard]] const ExchangeRecord& last_record() const { return records.all.back(); }
  void check_slots_empty() const {
    for (const auto& set : sets) {
      for (const shm::SlotHandle slot : set->live()->slots) CHECK(slot_region.table().in_flight(slot) == 0);
    }
  }

  Instant now{1'000'000'000};
  std::atomic<std::int64_t> wall_seconds{0};  ///< 0: no Date in what the proxy writes
  SlicePool slices;
  HeapProvider network{1u << 20};  ///< received bytes
  HeapProvider buffers;            ///< what the proxy may allocate
  shm::SlotRegion slot_region;
  shm::EndpointStatsRegion stats_region;
  TimerWheel timers;
  OwnTelemetry cells;
  Records records;
  std::vector<net::IpAddress> node_addresses{ip(gateway_ip)};
  std::vector<std::unique_ptr<TestSet>> sets;
  std::vector<std::unique_ptr<MemoryStream>> clients;
  MemoryConnector connector;
  std::unique_ptr<Proxy> proxy;
};

/// A GET of HTTP/1.1, and what the endpoint gets of it when the client is 10.0.0.100.
inline const std::string get_request =
    "GET /path?q=1 HTTP/1.1\r\nHost: example.com\r\nUser-Agent: test\r\n\r\n";
inline const std::string get_forwarded =
    "GET /path?q=1 HTTP/1.1\r\nHost: example.com\r\nUser-Agent: test\r\nX-Forwarded-For: 10.0.0.100\r\n"
    "X-Forwarded-Proto: http\r\nVia: 1.1 byway\r\n\r\n";

}  // namespace byway::l7::test
