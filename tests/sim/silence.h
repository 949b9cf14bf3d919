// Whether a host's timers keep still while nobody tells it anything: RFC 6298 5.5 doubles the time between
// two retransmissions, and every other timer runs once or slowly.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "dataplane/clock.h"

namespace byway::sim {

class Silence {
 public:
  /// Firings that one connection may need at once after the last thing that it heard: delayed ACK,
  /// reordering, probe, time-out, keepalive, each armed anew once.
  static constexpr std::uint64_t at_once = 12;
  /// For each doubling of the silence from `doubling_from` on: a retransmission, a probe of the tail.
  static constexpr std::uint64_t per_doubling = 3;
  static constexpr Nanoseconds doubling_from = 100ms;
  /// Later: one for each of these (keepalive's interval, the largest retransmission time-out is a minute).
  static constexpr Nanoseconds slow_interval = 5s;
  /// A connection that found no memory looks again after tcp::starved_retry (10 ms).
  static constexpr Nanoseconds starved_interval = 5ms;

  /// One that paces wakes up for every tcp::pacing_burst, until its window is out: within a round trip.
  static constexpr Nanoseconds paced_interval = 1ms;
  static constexpr Nanoseconds paced_time_max = 1s;

  Silence(Instant now, bool paces) : since_(now), paces_(paces) {}

  void end(Instant now) {
    since_ = now;
    fires_ = 0;
    connections_ = 0;
    was_starved_ = false;
  }
  /// `count` timers fired where there were `connections` connections, and nothing else happened.
  void on_fires(std::uint32_t count, std::uint32_t connections, bool is_starved, Instant now) {
    total_ += count;
    fires_ += count;
    connections_ = std::max(connections_, connections);
    was_starved_ |= is_starved;
    if (fires_ <= fires_max(now) * connections_ || !storm_.empty()) return;
    storm_ = std::to_string(fires_) + " timers fired for " + std::to_string(connections_) +
             " connections in a silence of " + std::to_string((now - since_).count() / 1000) + " us";
  }
  [[nodiscard]] std::uint64_t total() const { return total_; }
  /// What was wrong, or nothing.
  [[nodiscard]] const std::string& storm() const { return storm_; }

 private:
  [[nodiscard]] std::uint64_t fires_max(Instant now) const {
    const Nanoseconds length = now - since_;
    std::uint64_t allowed = at_once + static_cast<std::uint64_t>(length / slow_interval);
    for (Nanoseconds at = doubling_from; at < length; at *= 2) allowed += per_doubling;
    if (paces_) allowed += static_cast<std::uint64_t>(std::min(length, paced_time_max) / paced_interval);
    if (was_starved_) allowed += static_cast<std::uint64_t>(length / starved_interval);
    return allowed;
  }

  Instant since_;
  bool paces_;
  std::uint64_t fires_ = 0;
  std::uint64_t total_ = 0;
  std::uint32_t connections_ = 0;  ///< Most since then.
  bool was_starved_ = false;
  std::string storm_;
};

}  // namespace byway::sim
