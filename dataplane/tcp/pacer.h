// Pacing: what a window allows leaves spread over the round trip, not in one burst that a queue on the path
// has to hold (Aggarwal, Savage and Anderson, "Understanding the Performance of TCP Pacing", 2000). On when
// asked for: short messages gain nothing by it, so the first segments of a flight (RFC 6928's initial window)
// go at once.
//
// The rate is that of the window in a round trip, and some more, so that it is the window that bounds a
// connection: twice as much in slow start, where the window doubles, and 1.2 times else (as Linux does).
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/clock.h"
#include "dataplane/rope.h"

namespace byway::tcp {

/// What may go at once: a timer for each segment of a fast connection would cost more than it brings.
inline constexpr Nanoseconds pacing_burst = 1ms;

class Pacer {
 public:
  /// When the next segment may go; now, or before, means now.
  [[nodiscard]] Instant next() const { return next_; }
  [[nodiscard]] bool may_send(Instant now) const { return next_ <= now + pacing_burst; }

  /// `bytes` leave. `window` and `round_trip` (more than 0) of the connection.
  void on_sent(Bytes bytes, Bytes window, Nanoseconds round_trip, bool slow_start, Instant now) {
    constexpr std::uint64_t percent = 100;
    const std::uint64_t factor = slow_start ? 200 : 120;
    const std::uint64_t per_round = std::max<std::uint64_t>(std::uint64_t{window} * factor / percent, 1);
    const auto round_ns = static_cast<std::uint64_t>(round_trip.count());
    next_ = std::max(next_, now) + Nanoseconds(static_cast<std::int64_t>(bytes * round_ns / per_round));
  }

  /// When to look again, while something waits; never: nothing does.
  Instant wake_at = Instant::never();

 private:
  Instant next_{};
};

}  // namespace byway::tcp
