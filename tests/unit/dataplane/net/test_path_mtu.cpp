// Path MTUs: what ICMP errors may teach (RFC 1191, RFC 8201), and what not.
#include <catch2/catch_test_macros.hpp>

#include "dataplane/net/path_mtu.h"

using namespace byway;
using namespace byway::net;

namespace {

constexpr std::uint16_t link_mtu = 1500;
const IpAddress v4 = IpAddress::from_v4({0xc0000201});

IpAddress v6_host(std::uint32_t number) {
  IpAddress address{{0x20, 0x01, 0x0d, 0xb8}};
  for (std::size_t i = 0; i < 4; ++i)
    address.bytes[12 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return address;
}

struct Bench {
  OwnCounters<Counter> counters;
  PathMtus mtus{counters.block, 0x0123456789abcdefULL};
  Instant now{1'000'000'000'000};

  [[nodiscard]] std::uint16_t find(const IpAddress& to) const { return mtus.find(to, link_mtu, now); }
  std::optional<std::uint16_t> learn(const IpAddress& to, std::uint32_t mtu, std::uint32_t sent = link_mtu) {
    return mtus.on_too_big(to, mtu, sent, link_mtu, now);
  }
  [[nodiscard]] std::uint64_t count(Counter counter) const { return counters.block.value(counter); }
};

}  // namespace

TEST_CASE("a path has the link's MTU until an error says less, which is for its destination only") {
  Bench bench;
  CHECK(bench.find(v4) == link_mtu);
  CHECK(bench.learn(v4, 1400) == 1400);
  CHECK(bench.find(v4) == 1400);
  CHECK(bench.find(IpAddress::from_v4({0xc0000202})) == link_mtu);
  CHECK(bench.learn(v6_host(1), 1300) == 1300);
  CHECK(bench.find(v6_host(1)) == 1300);
  CHECK(bench.find(v6_host(2)) == link_mtu);
  CHECK(bench.count(Counter::path_mtus_learned) == 2);
}

TEST_CASE("no error makes packets longer") {
  Bench bench;
  CHECK(bench.learn(v4, 1400));
  for (const std::uint32_t mtu : {1400u, 1401u, 1499u, 1500u, 1501u, 65'535u, 70'000u, UINT32_MAX}) {
    CHECK_FALSE(bench.learn(v4, mtu));
    CHECK(bench.find(v4) == 1400);
  }
  CHECK(bench.count(Counter::path_mtus_ignored) == 8);
  CHECK(bench.learn(v4, 1399) == 1399);
}

TEST_CASE("an MTU that is no less than the packet says nothing") {
  Bench bench;
  CHECK_FALSE(bench.learn(v4, 1400, 1400));
  CHECK_FALSE(bench.learn(v4, 1400, 1000));
  CHECK(bench.find(v4) == link_mtu);
  CHECK(bench.learn(v4, 1400, 1401) == 1400);
}

TEST_CASE("below the floor IPv4 goes to the floor, and IPv6 ignores it") {
  for (const std::uint32_t mtu : {1u, 67u, 68u, 551u, 552u}) {
    Bench bench;
    CHECK(bench.learn(v4, mtu) == path_mtu_min_v4);
  }
  for (const std::uint32_t mtu : {0u, 1u, 552u, 1279u}) {
    Bench bench;
    CHECK_FALSE(bench.learn(v6_host(1), mtu));
    CHECK(bench.find(v6_host(1)) == link_mtu);
    CHECK(bench.count(Counter::path_mtus_ignored) == 1);
  }
  Bench bench;
  CHECK(bench.learn(v6_host(1), 1280) == 1280);
}

TEST_CASE("a router that does not say its MTU makes packets smaller plateau by plateau") {
  Bench bench;
  std::uint16_t sent = link_mtu;
  for (const std::uint16_t next : {std::uint16_t{1492}, std::uint16_t{1006}, path_mtu_min_v4}) {
    CHECK(bench.learn(v4, 0, sent) == next);
    // Errors about what left before come again.
    CHECK_FALSE(bench.learn(v4, 0, sent));
    CHECK(bench.find(v4) == next);
    sent = next;
  }
  CHECK_FALSE(bench.learn(v4, 0, sent));
  CHECK_FALSE(bench.learn(v4, 0, 40));
  CHECK(bench.find(v4) == path_mtu_min_v4);

  OwnCounters<Counter> counters;
  PathMtus jumbo(counters.block, 1);
  CHECK(jumbo.on_too_big(v4, 0, 9000, 9000, bench.now) == 8166);
}

TEST_CASE("what was learned is forgotten after ten minutes, and may be learned again") {
  Bench bench;
  CHECK(bench.learn(v4, 1400));
  bench.now = bench.now + path_mtu_life - 1ns;
  CHECK(bench.find(v4) == 1400);
  bench.now = bench.now + 1ns;
  CHECK(bench.find(v4) == link_mtu);
  CHECK(bench.learn(v4, 1450) == 1450);
  CHECK(bench.find(v4) == 1450);
}

TEST_CASE("the link's MTU stays the bound when it is less than what was learned") {
  Bench bench;
  CHECK(bench.learn(v4, 1400));
  CHECK(bench.mtus.find(v4, 1300, bench.now) == 1300);
}

TEST_CASE("a flood of destinations costs no memory: the newest are known, the oldest forgotten") {
  Bench bench;
  constexpr std::uint32_t flood = 10 * path_mtus_max;
  for (std::uint32_t i = 0; i < flood; ++i) {
    bench.now = bench.now + 1us;
    REQUIRE(bench.learn(v6_host(i), 1300));
    REQUIRE(bench.find(v6_host(i)) == 1300);
  }
  std::uint32_t known = 0;
  for (std::uint32_t i = 0; i < flood; ++i) known += bench.find(v6_host(i)) == 1300 ? 1 : 0;
  CHECK(known <= path_mtus_max);
  CHECK(known > path_mtus_max * 9 / 10);
  CHECK(bench.count(Counter::path_mtus_evicted) == flood - known);
}

TEST_CASE("a destination takes one place, however often its path shrinks, and its set forgets the oldest") {
  Bench bench;
  CHECK(bench.learn(v4, 1450));
  for (std::uint32_t mtu = 1449; mtu > 600; --mtu) REQUIRE(bench.learn(v4, mtu));
  CHECK(bench.count(Counter::path_mtus_evicted) == 0);
  CHECK(bench.find(v4) == 601);
}
