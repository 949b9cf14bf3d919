#include "benchmarks/goodput/lossy_link.h"

#include <algorithm>
#include <utility>

#include "dataplane/mix.h"

namespace byway::goodput {

Nanoseconds LossyLink::time_of(std::uint64_t octets) const {
  return Nanoseconds(static_cast<std::int64_t>(octets * 8 * 1'000'000'000 / options_.bits_per_second));
}

bool LossyLink::is_lost(std::uint64_t number) const {
  // 53 bits, which a double holds.
  const std::uint64_t chance = mix(mix(options_.seed) + number) >> 11;
  return static_cast<double>(chance) * 0x1p-53 < options_.loss;
}

void LossyLink::send(sim::Packet packet, Instant now) {
  const std::uint64_t number = packets_++;
  const Nanoseconds time = time_of(packet.size());
  const Instant begin = std::max(free_at_, now);
  if (begin > now && (begin - now) + time > time_of(options_.queue_bytes)) {
    ++overflowed_;
    return;
  }
  free_at_ = begin + time;
  if (is_lost(number)) {
    ++lost_;
    return;
  }
  way_.push_back({free_at_ + options_.delay, std::move(packet)});
}

bool LossyLink::receive(sim::Packet& packet, Instant now) {
  if (way_.empty() || way_.front().arrival > now) return false;
  packet = std::move(way_.front().packet);
  way_.pop_front();
  return true;
}

Instant LossyLink::next_due() const {
  return way_.empty() ? Instant::never() : way_.front().arrival;
}

}  // namespace byway::goodput
