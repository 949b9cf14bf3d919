// The workers' clock: the time stamp counter as nanoseconds since the clock was made. One instance serves all
// workers of a process, so that their Instants compare (the counter is the same on all CPUs of x86-64
// servers).
#pragma once

#include <x86intrin.h>

#include <cstdint>

#include "dataplane/clock.h"

namespace byway {

class TscClock {
 public:
  explicit TscClock(std::uint64_t ticks_per_second)
      : start_(__rdtsc()), scale_((std::uint64_t{1'000'000'000} << 32) / ticks_per_second) {}

  /// About 12 ns. Begins at 1 s, so that no time that occurs is zero or less.
  [[nodiscard]] Instant now() const {
    const std::uint64_t ticks = __rdtsc() - start_;
    const auto ns = static_cast<std::int64_t>(static_cast<__uint128_t>(ticks) * scale_ >> 32);
    return Instant{ns + 1'000'000'000};
  }

 private:
  std::uint64_t start_;
  std::uint64_t scale_;  ///< nanoseconds a tick, 32 bits behind the point
};

}  // namespace byway
