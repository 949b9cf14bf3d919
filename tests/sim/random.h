// The simulator's source of chance: the same numbers from the same seed on every machine and compiler (the
// standard library's distributions are not). SplitMix64 (Steele, Lea, Flood, 2014).
#pragma once

#include <cstdint>

#include "dataplane/clock.h"

namespace byway::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// 0 to `end` - 1; 0 for an end of 0.
  std::uint64_t below(std::uint64_t end) { return end == 0 ? 0 : next() % end; }
  std::uint64_t between(std::uint64_t first, std::uint64_t last) { return first + below(last - first + 1); }
  bool chance(double probability) { return static_cast<double>(next() >> 11) * 0x1p-53 < probability; }
  Nanoseconds duration(Nanoseconds end) {
    return Nanoseconds(static_cast<std::int64_t>(below(static_cast<std::uint64_t>(end.count()))));
  }
  /// A source of its own, so that what one part draws does not shift what another gets.
  Random fork() { return Random(next()); }

 private:
  std::uint64_t state_;
};

}  // namespace byway::sim
