// Time of a benchmark: ticks of the time stamp counter, and what one is worth.
#pragma once

#include <time.h>
#include <x86intrin.h>

#include <chrono>
#include <cstdint>

namespace byway::benchmark {

[[nodiscard]] inline std::uint64_t ticks() {
  return __rdtsc();
}

/// Nanoseconds that the calling thread has run: others that had its core meanwhile do not count. A system
/// call (some 200 ns).
[[nodiscard]] inline std::uint64_t thread_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

/// Nanoseconds a tick, against the kernel's clock over 50 ms.
[[nodiscard]] inline double measure_ns_per_tick() {
  using Steady = std::chrono::steady_clock;
  const auto began = Steady::now();
  const std::uint64_t first = ticks();
  while (Steady::now() - began < std::chrono::milliseconds(50)) {
  }
  const std::uint64_t last = ticks();
  const double ns = std::chrono::duration<double, std::nano>(Steady::now() - began).count();
  return ns / static_cast<double>(last - first);
}

/// What reading the counter costs by itself, in ticks: the least of many, since only noise adds to it.
[[nodiscard]] inline std::uint64_t measure_stamp_ticks() {
  constexpr int stamps = 1000;
  std::uint64_t least = UINT64_MAX;
  for (int repeat = 0; repeat < 20; ++repeat) {
    const std::uint64_t first = ticks();
    std::uint64_t last = first;
    for (int i = 0; i < stamps; ++i) last = ticks();
    if (last - first < least) least = last - first;
  }
  return least / stamps;
}

}  // namespace byway::benchmark
