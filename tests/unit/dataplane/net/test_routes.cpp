#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "tests/unit/dataplane/net/bench.h"

using namespace byway;
using namespace byway::net;

TEST_CASE("the longest prefix wins, whatever the order of insertion") {
  const std::array texts{"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32"};
  std::array<std::size_t, 5> order{0, 1, 2, 3, 4};
  do {
    Routes routes;
    for (const std::size_t i : order) {
      REQUIRE(routes.add({prefix(texts[i]), static_cast<LinkIndex>(i), std::nullopt}) == RouteError::none);
    }
    CHECK(routes.find(ip("10.1.2.3"))->link == 4);
    CHECK(routes.find(ip("10.1.2.4"))->link == 3);
    CHECK(routes.find(ip("10.1.3.4"))->link == 2);
    CHECK(routes.find(ip("10.2.3.4"))->link == 1);
    CHECK(routes.find(ip("11.2.3.4"))->link == 0);
    CHECK(routes.find(IpAddress{}) == nullptr);  // an IPv6 address: no IPv4 route holds it
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("a table of routes is bounded and refuses the same prefix twice") {
  Routes routes;
  for (std::uint32_t i = 0; i < routes_max; ++i) {
    REQUIRE(routes.add({Prefix::from_v4({i << 8}, 24), 0, std::nullopt}) == RouteError::none);
  }
  CHECK(routes.add({prefix("0.0.1.9/24"), 0, std::nullopt}) == RouteError::duplicate);
  CHECK(routes.add({prefix("9.0.0.0/8"), 0, std::nullopt}) == RouteError::table_full);
}

TEST_CASE("a prefix holds exactly the addresses that agree in its bits") {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    const auto bits = static_cast<unsigned>(random() % 33);
    const std::uint32_t base = static_cast<std::uint32_t>(random());
    std::uint32_t other = base;
    if (random() % 4 != 0) other ^= std::uint32_t{1} << random() % 32;
    const bool agree = bits == 0 || (base >> (32 - bits)) == (other >> (32 - bits));
    CHECK(Prefix::from_v4({base}, bits).contains(IpAddress::from_v4({other})) == agree);
  }
  static_assert(parse_prefix("10.0.0.0/24")->contains(IpAddress::from_v4({0x0a0000ff})));
  static_assert(!parse_prefix("10.0.0.0/24")->contains(IpAddress::from_v4({0x0a000100})));
}

TEST_CASE("prefixes are read strictly") {
  CHECK(parse_prefix("10.0.0.1/24")->bits == 120);
  CHECK(parse_prefix("0.0.0.0/0")->bits == 96);
  for (const auto* text : {"10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/024", "10.0.0.1/2x", "10.0.0/8",
                           "/8", "10.0.0.1/-1", "10.0.0.1/ 8", "10.0.0.1/100"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_prefix(text).has_value());
  }
  CHECK(prefix("10.0.0.0/24").is_network());
  CHECK_FALSE(prefix("10.0.0.1/24").is_network());
  CHECK(prefix("10.0.0.1/24").v4_broadcast() == ip("10.0.0.255"));
  CHECK_FALSE(prefix("10.0.0.1/31").v4_broadcast().has_value());
}

TEST_CASE("a gateway must be in a connected network") {
  Bench bench;
  CHECK(bench.host.add_route(prefix("172.16.0.0/12"), ip("172.31.0.1")) == RouteError::gateway_not_on_link);
  CHECK(bench.host.add_route(prefix("172.16.0.0/12"), ip("192.168.7.254")) == RouteError::none);
  const auto path = bench.host.path(ip("172.16.5.5"));
  REQUIRE(path.has_value());
  CHECK(path->link == 1);
  CHECK(path->source == ip("192.168.7.1"));
  CHECK(path->mtu == 1400);
}

TEST_CASE("without a route nothing is sent and the caller learns it") {
  HeapProvider heap;
  SlicePool slices(16);
  TimerWheel wheel{Instant{}};
  Catcher wire;
  OwnCounters<Counter> counters;
  Host host({slices, heap}, wheel, wire, counters.block, 1);
  CHECK_FALSE(host.path(ip("10.0.0.2")).has_value());
  Outgoing out;
  out.source = ip("10.0.0.1");
  out.destination = ip("10.0.0.2");
  const Frame header(20);
  out.header = header;
  CHECK(host.send(out, Rope(slices), Instant{}) == SendResult::unreachable);
  CHECK(counters.block.value(Counter::drop_tx_no_route) == 1);
}

TEST_CASE("an IPv6 route holds no IPv4 destination, and the other way round") {
  Routes routes;
  REQUIRE(routes.add({prefix("::/0"), 1, ip("2001:db8::fe")}) == RouteError::none);
  CHECK(routes.find(ip("10.0.0.1")) == nullptr);
  CHECK(routes.find(ip("2001:4860::8"))->link == 1);
  REQUIRE(routes.add({prefix("0.0.0.0/0"), 2, ip("10.0.0.254")}) == RouteError::none);
  CHECK(routes.find(ip("10.0.0.1"))->link == 2);
  CHECK(routes.find(ip("2001:4860::8"))->link == 1);
  REQUIRE(routes.add({prefix("2001:4860::/32"), 3, ip("2001:db8::fd")}) == RouteError::none);
  CHECK(routes.find(ip("2001:4860::8"))->link == 3);
}

TEST_CASE("a link-local gateway needs its link said, another says it itself") {
  Bench bench;
  REQUIRE(bench.host.add_interface_address(0, prefix("2001:db8::1/64"), bench.now) == AddressError::none);
  CHECK(bench.host.add_route(prefix("::/0"), ip("fe80::1")) == RouteError::gateway_not_on_link);
  CHECK(bench.host.add_route(prefix("::/0"), ip("fe80::1"), LinkIndex{9}) == RouteError::gateway_not_on_link);
  CHECK(bench.host.add_route(prefix("::/0"), ip("2001:db8:9::1")) == RouteError::gateway_not_on_link);
  CHECK(bench.host.add_route(prefix("::/0"), ip("fe80::1"), LinkIndex{0}) == RouteError::none);
  CHECK(bench.host.add_route(prefix("2001::/16"), ip("2001:db8::fe")) == RouteError::none);
}
