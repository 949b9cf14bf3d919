#include <catch2/catch_test_macros.hpp>
#include <string>

#include "control/shm/snapshot.h"
#include "tests/support/set_description.h"
#include "tools/dataplane/listen_plan.h"
#include "tools/dataplane/metrics.h"

using namespace byway;
using namespace byway::tools;

namespace {

const std::vector<net::Prefix> node{*net::parse_prefix("10.0.0.1/24"), *net::parse_prefix("10.9.0.1/16")};

std::expected<std::unique_ptr<const ListenPlan>, std::string> plan_of(const std::string& description) {
  const test::SealedSet set = test::sealed_set_of(description);
  const auto snapshot = shm::Snapshot::open(set.policy.get(), set.endpoints.get(), set.secrets.get(), 1, 1);
  REQUIRE(snapshot.has_value());
  return make_listen_plan(snapshot->policy(), node);
}

net::SocketAddress at(std::string_view ip, std::uint16_t tcp_port) {
  return {net::IpAddress::from_v4(net::parse_ipv4(ip).value()), tcp_port};
}

std::vector<net::SocketAddress> sockets_of(const ListenPlan& plan) {
  std::vector<net::SocketAddress> sockets;
  for (const ListenSocket& socket : plan.sockets) sockets.push_back(socket.local);
  return sockets;
}

}  // namespace

TEST_CASE("a listener without addresses listens on all of the node's, one with addresses on those alone") {
  const auto plan = plan_of("listener a/b/all 80\nlistener a/b/one 8080 address=10.9.3.4\n");
  REQUIRE(plan.has_value());
  CHECK(sockets_of(**plan) == std::vector{at("10.0.0.1", 80), at("10.9.0.1", 80), at("10.9.3.4", 8080)});
  CHECK((*plan)->virtual_addresses == std::vector{at("10.9.3.4", 0).ip});
  CHECK((*plan)->unusable_addresses.empty());
}

TEST_CASE("listeners that share address and port are one socket; the node's own address is not virtual") {
  const auto plan = plan_of(
      "listener a/b/x 80 address=10.0.0.1 hostname=a.example.com\n"
      "listener a/b/y 80 address=10.0.0.1 hostname=b.example.com\n");
  REQUIRE(plan.has_value());
  CHECK(sockets_of(**plan) == std::vector{at("10.0.0.1", 80)});
  CHECK((*plan)->sockets[0].drain == 5s);
  CHECK((*plan)->virtual_addresses.empty());
}

TEST_CASE("an address in no port's network, and a network's broadcast address, are set aside") {
  const auto plan = plan_of("listener a/b/far 80 address=172.16.0.1 address=10.0.0.255\n");
  REQUIRE(plan.has_value());
  CHECK((*plan)->virtual_addresses.empty());
  CHECK((*plan)->unusable_addresses == std::vector{at("10.0.0.255", 0).ip, at("172.16.0.1", 0).ip});
}

TEST_CASE("a set with more listening sockets than the tables hold is refused") {
  std::string most;
  for (std::size_t i = 0; i < listen_sockets_max / 2; ++i) {
    most += "listener a/b/l" + std::to_string(i) + " " + std::to_string(1000 + i) + "\n";
  }
  CHECK(plan_of(most).has_value());
  CHECK_FALSE(plan_of(most + "listener a/b/more 80\n").has_value());
}

TEST_CASE("every counter has a name and a place of its own in the region") {
  auto region = shm::CounterRegion::create(metric_descriptions(), 2);
  if (!region) FAIL(region.error());
  const WorkerCells first = cells_of_worker(*region, 0);
  const WorkerCells second = cells_of_worker(*region, 1);
  first.blocks.worker.add(WorkerCounter::rounds, 3);
  second.blocks.worker.add(WorkerCounter::rounds, 4);
  first.blocks.net.add(net::Counter::drop_tx_port, 5);
  first.blocks.tcp.add(tcp::CounterIndex::segments_in, 6);
  first.telemetry.count(l7::Counter::requests, 7);
  first.telemetry.observe(l7::Histogram::request_duration, 1ms);
  const auto reader = shm::CounterReader::open(region->memory().mapping.bytes());
  REQUIRE(reader.has_value());
  const auto sum = [&](const char* name) { return reader->sum(*reader->find(name)); };
  CHECK(sum("byway_worker_rounds_total") == 7);
  CHECK(sum("byway_net_drop_tx_port_total") == 5);
  CHECK(sum("byway_tcp_segments_in_total") == 6);
  CHECK(sum("byway_http_requests_total") == 7);
  CHECK(reader->histogram(*reader->find("byway_http_request_duration_seconds")).count() == 1);
}
