#include <catch2/catch_test_macros.hpp>

#include "dataplane/idle.h"

using namespace byway;

namespace {

struct Sleeper {
  explicit Sleeper(PollMode mode) : policy(mode) {}
  IdlePolicy policy;
  Instant now{1'000'000'000};
  Instant due = Instant::never();

  IdlePolicy::Wait idle_round(Nanoseconds later) {
    now = now + later;
    return policy.after_round(false, now, [this] { return due; });
  }
  void work() {
    static_cast<void>(policy.after_round(true, now, [this] { return due; }));
  }
};

}  // namespace

TEST_CASE("a busy-polling worker pauses and never sleeps") {
  Sleeper sleeper(PollMode::busy);
  for (int i = 0; i < 100; ++i) {
    const auto wait = sleeper.idle_round(1ms);
    CHECK(wait.pause);
    CHECK(wait.sleep == 0ns);
  }
}

TEST_CASE("an adaptive worker spins for 100 us, then sleeps longer and longer up to 500 us") {
  Sleeper sleeper(PollMode::adaptive);
  sleeper.work();
  CHECK(sleeper.idle_round(1us).pause);
  CHECK(sleeper.idle_round(98us).pause);
  CHECK(sleeper.idle_round(3us).sleep == 20us);
  CHECK(sleeper.idle_round(50us).sleep == 30us);
  CHECK(sleeper.idle_round(50us).sleep == 45us);
  for (int i = 0; i < 20; ++i) static_cast<void>(sleeper.idle_round(600us));
  CHECK(sleeper.idle_round(600us).sleep == 500us);
}

TEST_CASE("work ends the sleeping and the spell begins anew") {
  Sleeper sleeper(PollMode::adaptive);
  for (int i = 0; i < 20; ++i) static_cast<void>(sleeper.idle_round(600us));
  sleeper.work();
  CHECK(sleeper.idle_round(1us).pause);
  CHECK(sleeper.idle_round(101us).sleep == 20us);
}

TEST_CASE("a worker does not sleep through a timer") {
  Sleeper sleeper(PollMode::adaptive);
  for (int i = 0; i < 20; ++i) static_cast<void>(sleeper.idle_round(600us));
  sleeper.due = sleeper.now + 600us + 200us;
  CHECK(sleeper.idle_round(600us).sleep == 200us - idle_oversleep);
  sleeper.due = sleeper.now + 1us + 40us;
  CHECK(sleeper.idle_round(1us).pause);  // less than the kernel can sleep
  sleeper.due = sleeper.now;
  CHECK(sleeper.idle_round(1us).pause);  // overdue: the next round works on it
}
