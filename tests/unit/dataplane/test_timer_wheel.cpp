#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <random>
#include <vector>

#include "dataplane/timer_wheel.h"

using namespace byway;

namespace {

struct Probe {
  Timer timer{&Probe::fired};
  std::vector<Instant> times;

  static void fired(Timer& timer, Instant now) { reinterpret_cast<Probe*>(&timer)->times.push_back(now); }
};

constexpr Nanoseconds slot{65'536};

}  // namespace

TEST_CASE("a timer fires once, never early, and at most one slot late") {
  TimerWheel wheel(Instant{1'000'000'000});
  Probe probe;
  const Instant due = Instant{1'000'000'000} + 5ms;
  wheel.arm(probe.timer, due);
  CHECK(probe.timer.deadline() == due);
  wheel.advance(due - 1ns, 10);
  CHECK(probe.times.empty());
  wheel.advance(due + slot, 10);
  CHECK(probe.times.size() == 1);
  CHECK_FALSE(probe.timer.is_armed());
  wheel.advance(due + 1s, 10);
  CHECK(probe.times.size() == 1);
}

TEST_CASE("re-arming moves a deadline both ways, never() and cancel() disarm") {
  TimerWheel wheel(Instant{0});
  Probe probe;
  wheel.arm(probe.timer, Instant{0} + 10ms);
  wheel.arm(probe.timer, Instant{0} + 20ms);
  wheel.advance(Instant{0} + 15ms, 10);
  CHECK(probe.times.empty());
  wheel.arm(probe.timer, Instant{0} + 16ms);
  wheel.advance(Instant{0} + 17ms, 10);
  CHECK(probe.times.size() == 1);
  wheel.arm(probe.timer, Instant{0} + 30ms);
  wheel.arm(probe.timer, Instant::never());
  CHECK(wheel.armed_count() == 0);
  wheel.arm(probe.timer, Instant{0} + 30ms);
  wheel.cancel(probe.timer);
  wheel.advance(Instant{0} + 1s, 10);
  CHECK(probe.times.size() == 1);
}

TEST_CASE("the number of timers fired in one call is bounded and the rest follows") {
  TimerWheel wheel(Instant{0});
  std::vector<std::unique_ptr<Probe>> probes;
  for (int i = 0; i < 10; ++i) {
    probes.push_back(std::make_unique<Probe>());
    wheel.arm(probes.back()->timer, Instant{0} + 1ms);
  }
  CHECK(wheel.advance(Instant{0} + 1s, 4) == 4);
  CHECK(wheel.next_due() <= Instant{0} + 1s);
  CHECK(wheel.advance(Instant{0} + 1s, 4) == 4);
  CHECK(wheel.advance(Instant{0} + 1s, 4) == 2);
  CHECK(wheel.advance(Instant{0} + 1s, 4) == 0);
}

TEST_CASE("a timer that re-arms itself for now does not loop inside one call") {
  struct Loop {
    Timer timer{&Loop::fired};
    TimerWheel* wheel = nullptr;
    int count = 0;
    static void fired(Timer& timer, Instant now) {
      auto* self = reinterpret_cast<Loop*>(&timer);
      ++self->count;
      self->wheel->arm(timer, now);
    }
  };
  TimerWheel wheel(Instant{0});
  Loop loop;
  loop.wheel = &wheel;
  wheel.arm(loop.timer, Instant{0});
  wheel.advance(Instant{0} + 1ms, 1000);
  CHECK(loop.count <= 16);  // 1 ms holds 16 slots
  CHECK(loop.count >= 1);
  wheel.cancel(loop.timer);
}

TEST_CASE("random timers over hours fire exactly when a sorted reference says") {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const Instant start{static_cast<std::int64_t>(random() % (std::uint64_t{1} << 50))};
    TimerWheel wheel(start);
    std::vector<std::unique_ptr<Probe>> probes;
    std::vector<Instant> due(40, Instant::never());
    for (int i = 0; i < 40; ++i) probes.push_back(std::make_unique<Probe>());
    Instant now = start;
    for (int step = 0; step < 300; ++step) {
      const auto i = static_cast<std::size_t>(random() % 40);
      const auto spread = static_cast<int>(random() % 48);
      const Nanoseconds in{static_cast<std::int64_t>(random() % (std::uint64_t{1} << spread))};
      if (random() % 6 == 0) {
        wheel.cancel(probes[i]->timer);
        due[i] = Instant::never();
      } else {
        wheel.arm(probes[i]->timer, now + in);
        due[i] = now + in;
      }
      if (random() % 3 != 0) continue;
      const Instant next = wheel.next_due();
      now = (random() % 2 == 0 && !next.is_never())
                ? std::max(now, next)
                : now + Nanoseconds{
                            static_cast<std::int64_t>(random() % (std::uint64_t{1} << (random() % 46)))};
      wheel.advance(now, UINT32_MAX);
      for (std::size_t k = 0; k < 40; ++k) {
        if (!probes[k]->times.empty()) {
          REQUIRE(probes[k]->times.size() == 1);
          REQUIRE(due[k] <= now);
          probes[k]->times.clear();
          due[k] = Instant::never();
        } else {
          REQUIRE((due[k].is_never() || due[k] > now - slot));  // not fired: not due, or within its slot
        }
      }
    }
    for (auto& probe : probes) wheel.cancel(probe->timer);
  }
}

TEST_CASE("following next_due() reaches every deadline without skipping") {
  TimerWheel wheel(Instant{123});
  Probe probe;
  for (const Nanoseconds in :
       {Nanoseconds{1}, Nanoseconds{1ms}, Nanoseconds{1s}, Nanoseconds{600s}, Nanoseconds{7200s}}) {
    const Instant due = Instant{123} + in;
    wheel.arm(probe.timer, due);
    int steps = 0;
    while (probe.times.empty() && steps++ < 10) wheel.advance(wheel.next_due(), 10);
    REQUIRE(probe.times.size() == 1);
    CHECK(probe.times[0] >= due);
    CHECK(probe.times[0] <= due + slot);
    probe.times.clear();
  }
}

namespace {

/// Many timers that stand in one slot of the third level, spread over its 4.3 s, and one beside them.
struct Crowd {
  static constexpr std::uint32_t size = 20 * timer_moves_per_call;
  static constexpr Nanoseconds coarse_slot{std::int64_t{1} << 32};
  static constexpr Nanoseconds begin = 3 * coarse_slot;

  TimerWheel wheel{Instant{0}};
  std::vector<std::unique_ptr<Probe>> probes;
  Probe other;

  Crowd() {
    for (std::uint32_t i = 0; i < size; ++i) {
      probes.push_back(std::make_unique<Probe>());
      wheel.arm(probes.back()->timer, due(i));
    }
  }
  [[nodiscard]] static Instant due(std::uint32_t i) {
    return Instant{0} + begin + coarse_slot / 8 + coarse_slot / 2 / size * i;
  }
};

}  // namespace

TEST_CASE("timers that leave a coarse slot together are moved a bounded number a call, and others go on") {
  Crowd crowd;
  // Due within the slot, and armed when most of the way has passed: it stands in the finest level.
  Instant now = Instant{0} + Crowd::begin - 1ms;
  crowd.wheel.advance(now, 1);
  crowd.wheel.arm(crowd.other.timer, now + 2ms);
  now = now + 3ms;
  crowd.wheel.advance(now, 1);
  CHECK(crowd.other.times.size() == 1);
  // A twentieth has been moved; the rest asks for more calls without being due.
  std::uint32_t calls = 0;
  while (crowd.wheel.next_due() <= now + slot && calls < 1000) {
    crowd.wheel.advance(now, 1);
    ++calls;
  }
  CHECK(calls >= Crowd::size / timer_moves_per_call - 4);  // the calls before took some
  CHECK(calls <= Crowd::size / timer_moves_per_call);
  // Nothing was lost, nothing is early, nothing late.
  for (std::uint32_t i = 0; i < Crowd::size; ++i) REQUIRE(crowd.probes[i]->times.empty());
  for (now = now + 1ms; crowd.wheel.armed_count() > 0; now = now + 1ms) crowd.wheel.advance(now, 64);
  for (std::uint32_t i = 0; i < Crowd::size; ++i) {
    REQUIRE(crowd.probes[i]->times.size() == 1);
    REQUIRE(crowd.probes[i]->times[0] >= Crowd::due(i));
    REQUIRE(crowd.probes[i]->times[0] <= Crowd::due(i) + 1ms + slot);
  }
}

TEST_CASE("a timer of a slot that is being moved down can be cancelled and armed anew") {
  Crowd crowd;
  Instant now = Instant{0} + Crowd::begin + 1ms;
  crowd.wheel.advance(now, 1);
  for (std::uint32_t i = 0; i < Crowd::size; i += 2) crowd.wheel.cancel(crowd.probes[i]->timer);
  for (std::uint32_t i = 1; i < Crowd::size; i += 4) crowd.wheel.arm(crowd.probes[i]->timer, now + 1ms);
  CHECK(crowd.wheel.armed_count() == Crowd::size / 2);
  now = now + 2ms;
  while (crowd.wheel.advance(now, 64) > 0) {
  }
  for (; crowd.wheel.armed_count() > 0; now = now + 1ms) crowd.wheel.advance(now, 64);
  for (std::uint32_t i = 0; i < Crowd::size; ++i) {
    REQUIRE(crowd.probes[i]->times.size() == i % 2);
    if (i % 4 == 1) REQUIRE(crowd.probes[i]->times[0] < Crowd::due(0));
    if (i % 4 == 3) REQUIRE(crowd.probes[i]->times[0] >= Crowd::due(i));
  }
}

TEST_CASE("a slot that begins while the one before it is still being moved waits for it") {
  TimerWheel wheel(Instant{0});
  std::vector<std::unique_ptr<Probe>> probes;
  constexpr Nanoseconds second_level = 256 * slot;
  for (int i = 0; i < 4; ++i) {
    for (std::uint32_t k = 0; k < 2 * timer_moves_per_call; ++k) {
      probes.push_back(std::make_unique<Probe>());
      wheel.arm(probes.back()->timer, Instant{0} + (i + 1) * second_level + 100 * slot);
    }
  }
  const Instant now = Instant{0} + 10 * second_level;  // all of them begin in one call
  std::uint32_t fired = 0;
  for (int calls = 0; calls < 1000 && wheel.armed_count() > 0; ++calls) fired += wheel.advance(now, 64);
  CHECK(fired == probes.size());
  for (const auto& probe : probes) REQUIRE(probe->times.size() == 1);
}
