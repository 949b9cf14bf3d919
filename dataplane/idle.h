// What a worker does when there is nothing to do: a policy without I/O. It is told after each round whether
// work was found and answers how to wait.
//
// adaptive: spin for 100 us after the last work (a packet of a running exchange comes within that), then
// sleep, 20 us at first and half as much more each time, up to 500 us: what a new request may have to wait at
// worst. No driver of a virtual port wakes anybody, so sleeps are blind, and the kernel adds some 30 us to
// each.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/clock.h"

namespace byway {

enum class PollMode : std::uint8_t { busy, adaptive };

inline constexpr Nanoseconds idle_spin_time = 100us;
inline constexpr Nanoseconds idle_sleep_min = 20us;
inline constexpr Nanoseconds idle_sleep_max = 500us;
/// What a sleep of the kernel takes longer than it was asked to (measured: 22-32 us with a timer slack of 1
/// ns).
inline constexpr Nanoseconds idle_oversleep = 30us;

class IdlePolicy {
 public:
  explicit IdlePolicy(PollMode mode) : mode_(mode) {}

  struct Wait {
    bool pause = false;    ///< let the sibling hyper-thread run, then poll again
    Nanoseconds sleep{0};  ///< 0: do not sleep
  };

  /// After a round that began at `now`. `next_due` is called only when a sleep is considered: the earliest
  /// time at which something is due by itself.
  template <typename NextDue>
  [[nodiscard]] Wait after_round(bool found_work, Instant now, NextDue&& next_due) {
    if (found_work) {
      idle_ = false;
      return {};
    }
    if (!idle_) {
      idle_ = true;
      idle_since_ = now;
      next_sleep_ = idle_sleep_min;
    }
    if (mode_ == PollMode::busy || now - idle_since_ < idle_spin_time) return {.pause = true};
    const Instant due = next_due();
    const Nanoseconds wanted = next_sleep_;
    next_sleep_ = std::min(next_sleep_ + next_sleep_ / 2, idle_sleep_max);
    // A timer that is due before the kernel would bring us back is waited for awake.
    const Nanoseconds room = due.is_never() ? wanted : due - now - idle_oversleep;
    const Nanoseconds sleep = std::min(wanted, room);
    if (sleep < idle_sleep_min) return {.pause = true};
    return {.sleep = sleep};
  }

 private:
  PollMode mode_;
  bool idle_ = false;
  Instant idle_since_;
  Nanoseconds next_sleep_{idle_sleep_min};
};

}  // namespace byway
