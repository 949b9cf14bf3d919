// Hierarchical timer wheel (Varghese and Lauck, 1987, scheme 7): arm, re-arm and cancel in O(1) whatever the
// number of timers; firing moves a timer down at most three times. Four levels of 256 slots; the finest slot
// is 2^16 ns (65 us), so the levels span 16.8 ms, 4.3 s, 18 min and 78 h. Deadlines beyond are kept in the
// last slot and placed anew when it comes round. A timer never fires early, and late by less than one slot
// plus the time until advance() is called.
//
// A coarse slot may hold a million timers (idle connections that came within seconds). It is taken off the
// wheel when it begins and moved down piece by piece, so that no call takes long; until all of it has been
// moved, its own timers may be late, the others are not.
//
// A deadline that is pushed back while armed (a retransmission timer on every ACK) is not moved: only its
// field is written, and the timer is placed again when its old slot comes up.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/assert.h"
#include "dataplane/clock.h"

namespace byway {

class TimerWheel;

/// A timer inside its owner (no allocation). The owner cancels it before it goes away.
class Timer {
 public:
  /// Called from TimerWheel::advance with the timer disarmed; it may arm and cancel any timer.
  using Fire = void (*)(Timer&, Instant now);

  explicit Timer(Fire fire) : fire_(fire) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { BYWAY_ASSERT(!armed_); }

  [[nodiscard]] bool is_armed() const { return armed_; }
  /// When it is due; Instant::never() if it is not armed.
  [[nodiscard]] Instant deadline() const { return armed_ ? deadline_ : Instant::never(); }

 private:
  friend class TimerWheel;

  Timer* next_ = nullptr;
  Timer* prev_ = nullptr;  ///< nullptr: first of its slot.
  Fire fire_;
  Instant deadline_;
  /// Any deadline behind this comes when the slot that it stands in does, or later (never: see arm).
  Instant kept_after_{};
  bool armed_ = false;
  std::uint8_t level_ = 0;
  std::uint8_t slot_ = 0;
};

/// Timers that one call of advance() moves, if it may not fire more than that: at some 100 ns each, since
/// they are cold, 25 us. A million, which came within 4 s and leave their slot together, are moved in 0.2 s.
inline constexpr std::uint32_t timer_moves_per_call = 256;

/// All timers of one worker. Time is handed in; starts at `start`.
class TimerWheel {
 public:
  explicit TimerWheel(Instant start);
  ~TimerWheel();  ///< Asserted: no timer armed.
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// Arms `timer` for `deadline`, or moves it there. A deadline in the past fires at the next advance();
  /// Instant::never() cancels.
  void arm(Timer& timer, Instant deadline) {
    if (timer.armed_ && deadline > timer.kept_after_ && !deadline.is_never()) [[likely]] {
      timer.deadline_ = deadline;  // its slot comes up first and places it again
      return;
    }
    move(timer, deadline);
  }
  void cancel(Timer& timer);
  /// Fires timers that are due at `now`, at most `fires_max`, and moves down what begins, at most as many or
  /// timer_moves_per_call; the rest stays for the next call. Returns how many fired. `now` never decreases.
  std::uint32_t advance(Instant now, std::uint32_t fires_max);
  /// The earliest time at which advance() may have something to do (fire, or move timers down a level);
  /// Instant::never() if no timer is armed. For the simulator and for sleeping workers.
  [[nodiscard]] Instant next_due() const;
  [[nodiscard]] std::uint32_t armed_count() const { return armed_count_; }

 private:
  static constexpr int slot_shift = 16;
  static constexpr int level_bits = 8;
  static constexpr int levels = 4;
  static constexpr std::uint32_t slots = 1u << level_bits;

  struct Level {
    std::array<Timer*, slots> heads{};
    std::array<std::uint64_t, slots / 64> occupied{};                     ///< One bit a slot.
    [[nodiscard]] std::uint32_t next_occupied(std::uint32_t from) const;  ///< `slots` if none from `from` on.
  };

  void move(Timer& timer, Instant deadline);
  void place(Timer& timer);
  void unlink(Timer& timer);
  [[nodiscard]] bool cascade();
  bool move_down(std::size_t level);
  std::uint32_t fire_current_slot(Instant now, std::uint32_t fires_max);

  std::array<Level, levels> levels_;
  /// By level: the rest of the slot that began last and has not been moved down yet; off the level's lists.
  std::array<Timer*, levels> moving_{};
  std::uint32_t moves_left_ = 0;  ///< Of this call.
  std::int64_t tick_;             ///< The tick that is worked on next; all before it are done.
  bool firing_ = false;  ///< Inside fire_current_slot: what is armed as due now waits for the next tick.
  std::uint32_t armed_count_ = 0;
};

}  // namespace byway
