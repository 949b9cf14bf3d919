// The packet buffers of a worker as its stack sees them: how many are free, and what follows from that
// (limits.h, "Memory").
#pragma once

#include <cstdint>

#include "dataplane/tcp/limits.h"
#include "dataplane/tcp/options.h"

namespace byway::tcp {

/// What rule 1 gives a queue of `free` out of `total`; the fair share comes on top of it.
[[nodiscard]] constexpr std::uint32_t share_of(std::uint32_t free, std::uint32_t total) {
  const std::uint32_t kept = total / supply_high_parts;
  return free > kept ? (free - kept) / queue_share_parts : 0;
}

/// Unknown until update(): then nothing is short. Units: buffers.
class BufferSupply {
 public:
  /// The worker has counted.
  void update(std::uint32_t free, std::uint32_t total) {
    free_ = free;
    total_ = total;
    high_ = total / supply_high_parts;
    critical_ = total / supply_critical_parts;
    floor_ = total / supply_floor_parts;
  }
  /// A received buffer stays with us. Those that come back show in the next count.
  void take() {
    if (free_ > 0) --free_;
  }

  [[nodiscard]] bool is_known() const { return total_ > 0; }
  [[nodiscard]] std::uint32_t total() const { return total_; }
  [[nodiscard]] std::uint32_t available() const { return free_; }
  [[nodiscard]] std::uint32_t share() const { return share_of(free_, total_); }
  [[nodiscard]] bool is_at_floor() const { return free_ < floor_; }
  /// Enough to end relief.
  [[nodiscard]] bool is_relieved() const {
    return std::uint64_t{free_} * 8 >= std::uint64_t{total_} * supply_relieved_eighths;
  }
  [[nodiscard]] Pressure pressure() const {
    if (free_ >= high_) return Pressure::none;
    return free_ >= critical_ ? Pressure::high : Pressure::critical;
  }

 private:
  std::uint32_t free_ = 0;
  std::uint32_t total_ = 0;
  std::uint32_t high_ = 0;
  std::uint32_t critical_ = 0;
  std::uint32_t floor_ = 0;
};

}  // namespace byway::tcp
