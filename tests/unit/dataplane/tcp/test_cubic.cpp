// CUBIC's window over time, against the formulas of RFC 9438 in double precision: segments of 1,000 octets,
// an ACK for each, a window that is always full.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "dataplane/tcp/cubic.h"

using namespace byway;
using namespace byway::tcp;
using Catch::Approx;

namespace {

constexpr Bytes mss = 1000;
constexpr double beta = 0.7;
constexpr double c = 0.4;

struct Path {
  explicit Path(Nanoseconds round_trip) : rtt(round_trip) { cubic.start(mss); }

  /// ACKs of one round trip. `part`: of the window that is in flight.
  void round(double part = 1.0) {
    const Bytes acks = std::max(cubic.window() / mss, 1u);
    for (Bytes i = 0; i < acks; ++i) {
      now = now + rtt / acks;
      ack(static_cast<Bytes>(cubic.window() * part));
    }
  }
  void ack(Bytes flight) {
    AckEvent event;
    event.now = now;
    una += mss;
    event.una = una;
    event.nxt = una + flight;
    event.acked = mss;
    event.flight = flight;
    event.mss = mss;
    event.rtt = event.srtt = static_cast<Micros>(rtt / 1us);
    cubic.on_ack(event, rounds);
  }
  void run(Nanoseconds time, double part = 1.0) {
    const Instant end = now + time;
    while (now < end) round(part);
  }
  /// The window is full with `segments` when a loss shows.
  void lose_at(Bytes segments) {
    cubic.set_window(segments * mss);
    cubic.on_congestion(segments * mss, mss);
  }
  [[nodiscard]] double segments() const { return static_cast<double>(cubic.window()) / mss; }

  Nanoseconds rtt;
  Cubic cubic;
  HyStart rounds;
  Instant now{5'000'000'000};
  Seq una{0xffff'0000};
};

/// RFC 9438 figure 1 and 2.
double window_at(double t, double w_max, double cwnd_at_begin) {
  const double k = std::cbrt((w_max - cwnd_at_begin) / c);
  return c * std::pow(t - k, 3) + w_max;
}

}  // namespace

TEST_CASE("a connection begins with ten segments and grows by what arrives (RFC 6928, RFC 5681)") {
  Path path(100ms);
  CHECK(path.cubic.window() == 10 * mss);
  path.round();
  CHECK(path.cubic.window() == 20 * mss);
  path.round();
  CHECK(path.cubic.window() == 40 * mss);
}

TEST_CASE("slow start grows by eight segments an ACK at most, however much it acknowledges (RFC 9406 4.2)") {
  Path path(100ms);
  AckEvent event;
  event.now = path.now;
  event.una = Seq{100'000};
  event.nxt = Seq{200'000};
  event.acked = 10 * mss;
  event.flight = 10 * mss;
  event.mss = mss;
  path.cubic.on_ack(event, path.rounds);
  CHECK(path.cubic.window() == 18 * mss);
}

TEST_CASE("a loss leaves seven tenths of what was in flight, two segments at least (RFC 9438 4.6)") {
  Path path(100ms);
  path.lose_at(100);
  CHECK(path.cubic.window() == 70 * mss);
  CHECK(path.cubic.threshold() == 70 * mss);
  path.cubic.on_congestion(2 * mss, mss);
  CHECK(path.cubic.window() == 2 * mss);
  CHECK(path.cubic.threshold() == 2 * mss);
}

TEST_CASE("after a loss the window follows the cubic function, flat at the old window and steep beyond") {
  // A long round trip and a large window: the cubic function is above Reno's all the time.
  Path path(200ms);
  path.lose_at(2000);
  const Instant begin = path.now;
  const double k = std::cbrt(600 / c);  // 11.4 s
  for (int i = 0; i < 20; ++i) {
    path.run(1s);
    const double t = static_cast<double>((path.now - begin) / 1ms) / 1000;
    CAPTURE(t);
    CHECK(path.segments() == Approx(window_at(t, 2000, 1400)).epsilon(0.02));
    if (t < k - 0.5) CHECK(path.segments() < 2000);
    if (t > k + 3) CHECK(path.segments() > 2000);
  }
}

TEST_CASE("on a short path the window grows as Reno's would, by 3 (1 - b) / (1 + b) a round trip") {
  // At 10 ms a round trip, 20 segments: K is 2.5 s, and Reno is back at 20 after a quarter of a second.
  Path path(10ms);
  path.lose_at(20);
  REQUIRE(path.segments() == Approx(14).margin(0.01));
  const double alpha = 3 * (1 - beta) / (1 + beta);
  for (int i = 0; i < 10; ++i) path.round();
  CHECK(path.segments() == Approx(14 + 10 * alpha).epsilon(0.02));
  // Behind the old window by one whole segment a round trip (RFC 9438 4.3).
  while (path.segments() < 20) path.round();
  const double there = path.segments();
  for (int i = 0; i < 10; ++i) path.round();
  CHECK(path.segments() == Approx(there + 10).epsilon(0.02));
}

TEST_CASE("the window does not grow by more than half in a round trip (RFC 9438 4.4)") {
  Path path(1s);
  path.lose_at(10);
  path.run(3s);
  for (int i = 0; i < 30; ++i) {
    const double before = path.segments();
    path.round();
    // Each ACK aims at half as much again: over all of them no more than e^0.5.
    CHECK(path.segments() <= before * 1.65 + 1);
  }
  CHECK(path.segments() > 1000);
}

TEST_CASE("a loss below the old window gives way to others: fast convergence (RFC 9438 4.7)") {
  Path path(200ms);
  path.lose_at(2000);
  path.lose_at(1400);  // before it was back: W_max is 1400 x 0.85
  const Instant begin = path.now;
  path.run(6s);
  const double t = static_cast<double>((path.now - begin) / 1ms) / 1000;
  CHECK(path.segments() == Approx(window_at(t, 1400 * (1 + beta) / 2, 980)).epsilon(0.02));
}

TEST_CASE("a loss above the old window aims at where it was") {
  Path path(200ms);
  path.lose_at(1000);
  path.lose_at(1400);
  const Instant begin = path.now;
  path.run(6s);
  const double t = static_cast<double>((path.now - begin) / 1ms) / 1000;
  CHECK(path.segments() == Approx(window_at(t, 1400, 980)).epsilon(0.02));
}

TEST_CASE("after a time-out one segment, slow start to the threshold, then from there with K = 0") {
  Path path(200ms);
  path.lose_at(2000);
  path.cubic.set_window(1000 * mss);
  path.cubic.on_timeout(1000 * mss, mss, true);
  CHECK(path.cubic.window() == mss);
  CHECK(path.cubic.threshold() == 700 * mss);
  while (path.cubic.window() < path.cubic.threshold()) path.round();
  const double from = path.segments();
  const Instant begin = path.now;
  path.run(6s);
  const double t = static_cast<double>((path.now - begin) / 1ms) / 1000;
  CHECK(path.segments() == Approx(c * t * t * t + from).epsilon(0.03));  // RFC 9438 4.8
}

TEST_CASE("a second time-out for the same octets leaves the threshold (RFC 5681 3.1)") {
  Path path(200ms);
  path.cubic.set_window(100 * mss);
  path.cubic.on_timeout(100 * mss, mss, true);
  path.cubic.on_timeout(mss, mss, false);
  CHECK(path.cubic.threshold() == 70 * mss);
  CHECK(path.cubic.window() == mss);
}

TEST_CASE("a reduction that is undone leaves all as it was (RFC 9438 4.9)") {
  Path path(200ms);
  path.lose_at(2000);
  path.run(4s);
  const Cubic before = path.cubic;
  const double reached = path.segments();
  path.cubic.on_congestion(path.cubic.window(), mss);
  path.cubic.undo(before);
  CHECK(path.segments() == reached);
  CHECK(path.cubic.threshold() == 1400 * mss);
  const Instant begin{5'000'000'000};
  path.run(4s);
  const double t = static_cast<double>((path.now - begin) / 1ms) / 1000;
  CHECK(path.segments() == Approx(window_at(t, 2000, 1400)).epsilon(0.02));
}

TEST_CASE("what has grown meanwhile stays when a reduction is undone") {
  Path path(200ms);
  const Cubic before = path.cubic;
  path.cubic.set_window(50 * mss);
  path.cubic.undo(before);
  CHECK(path.cubic.window() == 50 * mss);
}

TEST_CASE("a window that is not filled does not grow, and the time does not count (RFC 9438 5.8)") {
  Path path(200ms);
  path.lose_at(2000);
  path.run(4s);
  const double reached = path.segments();
  path.run(30s, 0.5);
  CHECK(path.segments() == reached);
  path.run(2s);
  CHECK(path.segments() == Approx(window_at(6, 2000, 1400)).epsilon(0.02));
}

TEST_CASE("slow start needs half of the window in flight (RFC 7661 4.3)") {
  Path path(100ms);
  path.round(0.49);
  CHECK(path.cubic.window() == 10 * mss);
  path.round(0.5);
  CHECK(path.cubic.window() > 10 * mss);
}

TEST_CASE("after a pause ten segments, slow start to the threshold, and a new stage from there") {
  Path path(200ms);
  path.lose_at(2000);
  path.run(4s);
  path.now = path.now + 60s;
  path.cubic.on_idle(mss);
  CHECK(path.cubic.window() == 10 * mss);
  CHECK(path.cubic.threshold() == 1400 * mss);
  while (path.cubic.window() < path.cubic.threshold()) path.round();
  const double from = path.segments();
  const Instant begin = path.now;
  path.run(4s);
  const double t = static_cast<double>((path.now - begin) / 1ms) / 1000;
  CHECK(path.segments() == Approx(window_at(t, 2000, from)).epsilon(0.02));
}

TEST_CASE("a pause does not make a small window larger") {
  Path path(200ms);
  path.lose_at(4);
  const Bytes before = path.cubic.window();
  path.cubic.on_idle(mss);
  CHECK(path.cubic.window() == before);
}

TEST_CASE("the window stops at what a peer can offer") {
  Path path(100ms);
  path.cubic.set_window(congestion_window_max - mss);
  path.ack(congestion_window_max);
  path.ack(congestion_window_max);
  CHECK(path.cubic.window() == congestion_window_max);
}
