// Time as the protocols see it: a value that is handed in. No protocol reads a clock; the worker reads the
// TSC once a round, the simulator counts virtual nanoseconds.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace byway {

using Nanoseconds = std::chrono::nanoseconds;
using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""us;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;

/// A point on the worker's monotonic time line: nanoseconds since an arbitrary start, the same for all
/// workers of a process. Never wall-clock time.
struct Instant {
  std::int64_t ns = 0;

  /// Later than every time that occurs: "no timer runs".
  static constexpr Instant never() { return Instant{INT64_MAX}; }
  [[nodiscard]] constexpr bool is_never() const { return ns == INT64_MAX; }

  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant t, Nanoseconds d) {
    return t.is_never() ? t : Instant{t.ns + d.count()};
  }
  friend constexpr Instant operator-(Instant t, Nanoseconds d) {
    return t.is_never() ? t : Instant{t.ns - d.count()};
  }
  friend constexpr Nanoseconds operator-(Instant a, Instant b) { return Nanoseconds{a.ns - b.ns}; }
};

}  // namespace byway
