// The rounds of RFC 9406: ten segments a round trip, each acknowledged.
#include <catch2/catch_test_macros.hpp>

#include "dataplane/tcp/hystart.h"

using namespace byway;
using namespace byway::tcp;
using Advice = HyStart::Advice;

namespace {

constexpr std::uint32_t mss = 1000;

struct Path {
  /// One round: `samples` ACKs with this round trip. Returns the advice of the last one.
  Advice round(Micros rtt, int samples = 10) {
    const Seq nxt = una + 10 * mss;  // what was out when the round began
    Advice advice = Advice::grow;
    for (int i = 1; i <= 10; ++i) {
      una += mss;
      advice = hystart.on_ack(una, nxt, i <= samples ? rtt : 0);
      if (advice == Advice::leave) return advice;
    }
    return advice;
  }

  HyStart hystart;
  Seq una{0xffff'0000};  // wraps on the way
};

}  // namespace

TEST_CASE("round trips that stay the same let slow start go on") {
  Path path;
  for (int i = 0; i < 20; ++i) CHECK(path.round(50'000) == Advice::grow);
}

TEST_CASE("a round that is longer by an eighth slows the growth") {
  Path path;
  path.round(80'000);
  CHECK(path.round(89'900) == Advice::grow);
  Path longer;
  longer.round(80'000);
  CHECK(longer.round(90'000) == Advice::slow);
}

TEST_CASE("less than 4 ms is no sign of a queue, more than 16 ms always is") {
  Path quick;
  quick.round(1'000);
  CHECK(quick.round(4'900) == Advice::grow);
  Path quick_longer;
  quick_longer.round(1'000);
  CHECK(quick_longer.round(5'000) == Advice::slow);
  Path slow;
  slow.round(400'000);
  CHECK(slow.round(415'900) == Advice::grow);
  Path slow_longer;
  slow_longer.round(400'000);
  CHECK(slow_longer.round(416'000) == Advice::slow);
}

TEST_CASE("eight samples make a round trip, seven do not") {
  Path seven;
  seven.round(50'000);
  CHECK(seven.round(90'000, 7) == Advice::grow);
  Path eight;
  eight.round(50'000);
  CHECK(eight.round(90'000, 8) == Advice::slow);
}

TEST_CASE("the shortest round trip of a round counts") {
  Path path;
  path.round(50'000);
  const Seq nxt = path.una + 10 * mss;
  for (int i = 1; i <= 10; ++i) {
    path.una += mss;
    CHECK(path.hystart.on_ack(path.una, nxt, i == 3 ? 50'000 : 90'000) == Advice::grow);
  }
}

TEST_CASE("after five rounds of slower growth slow start ends; the one it began in counts") {
  Path path;
  path.round(50'000);
  REQUIRE(path.round(90'000) == Advice::slow);  // the first
  for (int i = 2; i <= 5; ++i) {
    CAPTURE(i);
    CHECK(path.round(90'000) == Advice::slow);
  }
  CHECK(path.round(90'000) == Advice::leave);
}

TEST_CASE("a round trip below that which began the slower growth brings slow start back") {
  Path path;
  path.round(50'000);
  REQUIRE(path.round(90'000) == Advice::slow);
  REQUIRE(path.round(90'000) == Advice::slow);
  CHECK(path.round(89'000) == Advice::grow);
  // And five whole rounds are needed again.
  REQUIRE(path.round(120'000) == Advice::slow);
  for (int i = 2; i <= 5; ++i) CHECK(path.round(120'000) == Advice::slow);
  CHECK(path.round(120'000) == Advice::leave);
}
