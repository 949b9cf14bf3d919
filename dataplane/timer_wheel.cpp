#include "dataplane/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace byway {

namespace {

constexpr std::int64_t tick_bytes_shift = 16;

/// The first tick at which a deadline has passed: rounded up, so that nothing fires early.
std::int64_t due_tick(Instant deadline) {
  if (deadline.ns > INT64_MAX - (std::int64_t{1} << tick_bytes_shift)) return INT64_MAX >> tick_bytes_shift;
  return (deadline.ns + (std::int64_t{1} << tick_bytes_shift) - 1) >> tick_bytes_shift;
}

}  // namespace

TimerWheel::TimerWheel(Instant start) : tick_(start.ns >> slot_shift) {
  static_assert(slot_shift == tick_bytes_shift);
}

TimerWheel::~TimerWheel() {
  BYWAY_ASSERT(armed_count_ == 0);
}

std::uint32_t TimerWheel::Level::next_occupied(std::uint32_t from) const {
  for (std::uint32_t word = from / 64; word < occupied.size(); ++word) {
    std::uint64_t bits = occupied[word];
    if (word == from / 64) bits &= ~std::uint64_t{0} << (from % 64);
    if (bits != 0) return word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
  }
  return slots;
}

void TimerWheel::place(Timer& timer) {
  const std::int64_t first = firing_ ? tick_ + 1 : tick_;
  const std::int64_t farthest = tick_ + (std::int64_t{1} << (level_bits * levels)) - 1;
  const std::int64_t tick = std::clamp(due_tick(timer.deadline_), first, farthest);
  int level = 0;
  while (level + 1 < levels && tick - tick_ >= std::int64_t{1} << (level_bits * (level + 1))) ++level;
  const auto slot = static_cast<std::uint32_t>(tick >> (level_bits * level)) & (slots - 1);

  Level& on = levels_[static_cast<std::size_t>(level)];
  timer.kept_after_ = Instant{(tick - 1) << slot_shift};
  timer.level_ = static_cast<std::uint8_t>(level);
  timer.slot_ = static_cast<std::uint8_t>(slot);
  timer.prev_ = nullptr;
  timer.next_ = on.heads[slot];
  if (timer.next_ != nullptr) timer.next_->prev_ = &timer;
  on.heads[slot] = &timer;
  on.occupied[slot / 64] |= std::uint64_t{1} << (slot % 64);
}

void TimerWheel::unlink(Timer& timer) {
  Level& on = levels_[timer.level_];
  const std::uint32_t slot = timer.slot_;
  Timer*& moving = moving_[timer.level_];
  Timer*& head = moving == &timer ? moving : on.heads[slot];
  (timer.prev_ != nullptr ? timer.prev_->next_ : head) = timer.next_;
  if (timer.next_ != nullptr) timer.next_->prev_ = timer.prev_;
  if (on.heads[slot] == nullptr) on.occupied[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  timer.next_ = timer.prev_ = nullptr;
}

/// What arm() cannot do by writing the field.
void TimerWheel::move(Timer& timer, Instant deadline) {
  if (deadline.is_never()) {
    cancel(timer);
    return;
  }
  timer.deadline_ = deadline;
  if (timer.armed_) {
    unlink(timer);
  } else {
    timer.armed_ = true;
    ++armed_count_;
  }
  place(timer);
}

void TimerWheel::cancel(Timer& timer) {
  if (!timer.armed_) return;
  unlink(timer);
  timer.armed_ = false;
  --armed_count_;
}

/// Takes the coarser slots that begin at tick_ off the wheel and moves down as much as this call may. False:
/// the slot before one of them is not empty yet, and tick_ has to wait.
bool TimerWheel::cascade() {
  for (std::size_t level = 1; level < levels; ++level) {
    const int shift = level_bits * static_cast<int>(level);
    if ((tick_ & ((std::int64_t{1} << shift) - 1)) == 0) {
      Level& on = levels_[level];
      const auto slot = static_cast<std::uint32_t>(tick_ >> shift) & (slots - 1);
      if (on.heads[slot] != nullptr) {
        if (!move_down(level)) return false;
        moving_[level] = std::exchange(on.heads[slot], nullptr);
        on.occupied[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
      }
    }
    move_down(level);
  }
  return true;
}

/// True: nothing is left of the slot.
bool TimerWheel::move_down(std::size_t level) {
  while (Timer* timer = moving_[level]) {
    if (moves_left_ == 0) return false;
    --moves_left_;
    unlink(*timer);
    place(*timer);
  }
  return true;
}

std::uint32_t TimerWheel::fire_current_slot(Instant now, std::uint32_t fires_max) {
  const auto slot = static_cast<std::uint32_t>(tick_) & (slots - 1);
  std::uint32_t fired = 0;
  firing_ = true;
  while (fired < fires_max) {
    Timer* timer = levels_[0].heads[slot];
    if (timer == nullptr) break;
    const bool was_pushed_back = due_tick(timer->deadline_) > tick_;
    if (was_pushed_back && moves_left_ == 0) break;
    unlink(*timer);
    if (was_pushed_back) {
      --moves_left_;
      place(*timer);
      continue;
    }
    timer->armed_ = false;
    --armed_count_;
    ++fired;
    timer->fire_(*timer, now);
  }
  firing_ = false;
  return fired;
}

std::uint32_t TimerWheel::advance(Instant now, std::uint32_t fires_max) {
  const std::int64_t now_tick = now.ns >> slot_shift;
  std::uint32_t fired = 0;
  moves_left_ = std::max(fires_max, timer_moves_per_call);
  for (std::size_t level = 1; level < levels; ++level) move_down(level);
  while (tick_ <= now_tick) {
    if (armed_count_ == 0) {
      tick_ = now_tick + 1;
      break;
    }
    if (!cascade()) break;
    const auto slot = static_cast<std::uint32_t>(tick_) & (slots - 1);
    const std::uint32_t next = levels_[0].next_occupied(slot);
    if (next != slot) {  // skip to the next occupied slot, or to where the next cascade is due
      tick_ = std::min(tick_ + (next - slot), now_tick + 1);
      continue;
    }
    fired += fire_current_slot(now, fires_max - fired);
    if (levels_[0].heads[slot] != nullptr) break;  // out of budget: go on here next time
    ++tick_;
  }
  return fired;
}

Instant TimerWheel::next_due() const {
  if (armed_count_ == 0) return Instant::never();
  // What is being moved may be due already; the next tick shows it.
  const bool is_moving = std::ranges::any_of(moving_, [](const Timer* timer) { return timer != nullptr; });
  std::int64_t due = is_moving ? tick_ : INT64_MAX;
  for (int level = 0; level < levels; ++level) {
    const Level& on = levels_[static_cast<std::size_t>(level)];
    const int shift = level_bits * level;
    // A coarse slot is due where it begins. The one that tick_ lies in has been emptied unless tick_ is its
    // beginning, so what stands there belongs to the next time round.
    const std::int64_t block = tick_ >> shift;
    const bool at_start = (tick_ & ((std::int64_t{1} << shift) - 1)) == 0;
    const std::int64_t first = at_start ? block : block + 1;
    const auto from = static_cast<std::uint32_t>(first) & (slots - 1);
    std::uint32_t ahead = on.next_occupied(from);
    if (ahead != slots) {
      ahead -= from;
    } else {
      ahead = on.next_occupied(0);
      if (ahead == slots) continue;
      ahead += slots - from;
    }
    due = std::min(due, (first + ahead) << shift);
  }
  return Instant{due << slot_shift};
}

}  // namespace byway
