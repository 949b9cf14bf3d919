// When requests are due. In an open loop the times are fixed by the rate alone, whatever the answers do: a
// request that could not be sent in time still counts from when it was due, so a slow server cannot hide its
// own delay (coordinated omission).
#pragma once

#include <cstdint>

#include "dataplane/clock.h"

namespace byway::loadgen {

class Arrival {
 public:
  /// `rate` requests a second (> 0) from `start` on.
  Arrival(double rate, Instant start) : interval_ns_(1e9 / rate), start_(start) {}

  /// When the next request is due.
  [[nodiscard]] Instant next() const {
    // From the start each time, not by adding: rounding does not pile up over millions of requests.
    return start_ + Nanoseconds{static_cast<std::int64_t>(static_cast<double>(taken_) * interval_ns_)};
  }
  void take() { ++taken_; }
  /// How many requests are due at `now` and not taken.
  [[nodiscard]] std::uint64_t overdue(Instant now) const {
    if (now < next()) return 0;
    return static_cast<std::uint64_t>(static_cast<double>((now - start_).count()) / interval_ns_) + 1 -
           taken_;
  }

 private:
  double interval_ns_;
  Instant start_;
  std::uint64_t taken_ = 0;
};

}  // namespace byway::loadgen
