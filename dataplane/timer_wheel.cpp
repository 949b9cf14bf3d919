#include "dataplane/timer_wheel.h"

#include <algorithm>
#include <bit>

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
  timer.placed_tick_ = tick;
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
  (timer.prev_ != nullptr ? timer.prev_->next_ : on.heads[slot]) = timer.next_;
  if (timer.next_ != nullptr) timer.next_->prev_ = timer.prev_;
  if (on.heads[slot] == nullptr) on.occupied[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  timer.next_ = timer.prev_ = nullptr;
}

void TimerWheel::arm(Timer& timer, Instant deadline) {
  if (deadline.is_never()) {
    cancel(timer);
    return;
  }
  timer.deadline_ = deadline;
  if (timer.armed_) {
    if (due_tick(deadline) >= timer.placed_tick_) return;  // its slot comes up first and places it again
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

/// Moves the timers of the coarser slots that begin at tick_ down.
void TimerWheel::cascade() {
  for (int level = 1; level < levels; ++level) {
    const std::int64_t below = std::int64_t{1} << (level_bits * level);
    if ((tick_ & (below - 1)) != 0) return;
    Level& on = levels_[static_cast<std::size_t>(level)];
    const auto slot = static_cast<std::uint32_t>(tick_ >> (level_bits * level)) & (slots - 1);
    while (Timer* timer = on.heads[slot]) {
      unlink(*timer);
      place(*timer);
    }
  }
}

std::uint32_t TimerWheel::fire_current_slot(Instant now, std::uint32_t fires_max) {
  const auto slot = static_cast<std::uint32_t>(tick_) & (slots - 1);
  std::uint32_t fired = 0;
  firing_ = true;
  while (fired < fires_max) {
    Timer* timer = levels_[0].heads[slot];
    if (timer == nullptr) break;
    unlink(*timer);
    if (due_tick(timer->deadline_) > tick_) {  // pushed back since it was placed
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
  while (tick_ <= now_tick) {
    if (armed_count_ == 0) {
      tick_ = now_tick + 1;
      break;
    }
    cascade();
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
  std::int64_t due = INT64_MAX;
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
