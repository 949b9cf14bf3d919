// What is looked up for each packet, against plain lists: own addresses, routes, neighbours. Each looks first
// where the last answer was, or asks a filter, and must not notice.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "tests/unit/dataplane/net/bench.h"

using namespace byway;
using namespace byway::net;

namespace {

/// Few of each, so that they meet: of both versions, some of them link-local.
IpAddress random_address(std::mt19937& random) {
  const auto number = static_cast<std::uint8_t>(random() % 24);
  switch (random() % 3) {
    case 0:
      return IpAddress::from_v4({0x0a000000u + number});
    case 1:
      return {{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number}};
    default:
      return {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number}};
  }
}

LinkIndex random_link(std::mt19937& random) {
  return static_cast<LinkIndex>(random() % 3);
}

struct Asked final : NeighborOutput {
  void solicit(LinkIndex, const IpAddress&, const MacAddress*) override { ++solicitations; }
  void send_waiting(LinkIndex, const MacAddress&, std::span<std::uint8_t>, Rope&&) override {}
  void give_up(std::span<const std::uint8_t>, Instant) override {}
  int solicitations = 0;
};

struct NeighborBench {
  TimerWheel wheel{Instant{}};
  OwnCounters<Counter> counters;
  Asked asked;
  Neighbors neighbors{wheel, counters.block, asked, 1, 4};
  Instant now{};

  NeighborLookup find(LinkIndex link, std::string_view address, MacAddress& mac) {
    now = now + 1ms;
    return neighbors.find(link, ip(address), now, mac);
  }
  void hear(LinkIndex link, std::string_view address, const MacAddress& mac) {
    neighbors.on_heard(link, ip(address), mac, true, true, now);
  }
};

}  // namespace

TEST_CASE("own addresses are found as in a plain list while they come and go") {
  std::mt19937 random(1);
  OwnAddresses own;
  std::vector<OwnAddress> plain;
  const auto held = [&](const IpAddress& address, LinkIndex link) {
    return std::ranges::any_of(
        plain, [&](const OwnAddress& one) { return one.address == address && one.link == link; });
  };
  const auto is_in_list = [&](const IpAddress& address) {
    return std::ranges::any_of(plain, [&](const OwnAddress& one) { return one.address == address; });
  };
  for (int step = 0; step < 20'000; ++step) {
    OwnAddress one;
    one.address = random_address(random);
    one.link = random_link(random);
    if (random() % 8 == 0) {
      const bool is_new =
          is_link_local(one.address) ? !held(one.address, one.link) : !is_in_list(one.address);
      REQUIRE((own.add(one) == AddressError::none) == is_new);
      if (is_new) plain.push_back(one);
    } else if (random() % 8 == 0 && !is_link_local(one.address)) {
      own.remove(one.address);
      std::erase_if(plain, [&](const OwnAddress& other) { return other.address == one.address; });
    }
    REQUIRE(own.all().size() == plain.size());
    for (int again = 0; again < 2; ++again) {  // the second time it was found last
      const OwnAddress* found = std::as_const(own).find(one.address, one.link);
      REQUIRE((found != nullptr) == held(one.address, one.link));
      if (found != nullptr) REQUIRE((found->address == one.address && found->link == one.link));
    }
    const OwnAddress* found = own.find(one.address);
    REQUIRE((found != nullptr) == is_in_list(one.address));
    if (found != nullptr) REQUIRE(found->address == one.address);
  }
}

TEST_CASE("an address that was found last and is removed is ours no more") {
  OwnAddresses own;
  OwnAddress one;
  for (const auto* text : {"10.0.0.1", "10.0.0.2", "10.0.0.3"}) {
    one.address = ip(text);
    REQUIRE(own.add(one) == AddressError::none);
  }
  for (const auto* text : {"10.0.0.3", "10.0.0.1", "10.0.0.2"}) {
    REQUIRE(own.find(ip(text), 0) != nullptr);
    own.remove(ip(text));
    CHECK(own.find(ip(text), 0) == nullptr);
    CHECK(own.find(ip(text)) == nullptr);
  }
}

TEST_CASE("the longest prefix of a plain list is the route, in both versions") {
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    Routes routes;
    std::vector<Route> plain;
    for (std::size_t wanted = random() % routes_max; wanted > 0; --wanted) {
      Route route;
      route.destination.address = random_address(random);
      const bool is_v4 = route.destination.address.is_v4();
      route.destination.bits =
          static_cast<std::uint8_t>(is_v4 ? v4_prefix_offset + random() % 33 : random() % 129);
      route.link = static_cast<LinkIndex>(random() % links_max);
      if (routes.add(route) == RouteError::none) plain.push_back(route);
    }
    for (int i = 0; i < 200; ++i) {
      const IpAddress address = random_address(random);
      const Route* longest = nullptr;
      for (const Route& route : plain) {
        if (route.destination.address.is_v4() != address.is_v4() || !route.destination.contains(address))
          continue;
        if (longest == nullptr || route.destination.bits > longest->destination.bits) longest = &route;
      }
      const Route* found = routes.find(address);
      REQUIRE((found != nullptr) == (longest != nullptr));
      if (found == nullptr) continue;
      CHECK(found->destination == longest->destination);
      CHECK(found->link == longest->link);
    }
  }
}

TEST_CASE("a neighbour is one of its link, also right after another of the same address") {
  NeighborBench bench;
  bench.hear(0, "10.0.0.2", peer_mac);
  bench.hear(1, "10.0.0.2", other_mac);
  MacAddress mac;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(bench.find(0, "10.0.0.2", mac) == NeighborLookup::known);
    CHECK(mac == peer_mac);
    REQUIRE(bench.find(1, "10.0.0.2", mac) == NeighborLookup::known);
    CHECK(mac == other_mac);
  }
  CHECK(bench.find(2, "10.0.0.2", mac) == NeighborLookup::incomplete);
}

TEST_CASE("a neighbour that was found last and had to make room is not known any more") {
  NeighborBench bench;
  bench.hear(0, "10.0.0.2", peer_mac);
  MacAddress mac;
  REQUIRE(bench.find(0, "10.0.0.2", mac) == NeighborLookup::known);
  for (const auto* text : {"10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"}) {
    bench.now = bench.now + 1ms;
    bench.hear(0, text, other_mac);  // heard of, never looked for
  }
  REQUIRE(bench.counters.block.value(Counter::neighbors_evicted) == 1);
  CHECK(bench.find(0, "10.0.0.2", mac) == NeighborLookup::incomplete);
}

TEST_CASE("a neighbour whose failure is forgotten is asked for again") {
  NeighborBench bench;
  MacAddress mac;
  REQUIRE(bench.find(0, "10.0.0.2", mac) == NeighborLookup::incomplete);
  const auto pass = [&bench](Nanoseconds time) {
    bench.now = bench.now + time;
    while (bench.wheel.advance(bench.now, 64) != 0) {
    }
  };
  for (int i = 0; i < 3; ++i) pass(1s + 1ms);
  REQUIRE(bench.find(0, "10.0.0.2", mac) == NeighborLookup::unreachable);
  pass(neighbor_failed_time + 1s);
  REQUIRE(bench.neighbors.size() == 0);
  CHECK(bench.find(0, "10.0.0.2", mac) == NeighborLookup::incomplete);
}
