// Round-trip time and retransmission time-out (RFC 6298, Jacobson 1988).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "dataplane/clock.h"

namespace byway::tcp {

/// RFC 6298 2.1: before the first measurement.
inline constexpr Nanoseconds rto_initial = 1s;
/// RFC 6298 2.4 says 1 s in all; Linux waits 200 ms beyond the round trip, and so do we: it is five times the
/// delay of an ACK (40 ms here and there), so that no delayed ACK looks like a loss; and where the round trip
/// hardly varies, a repair, which takes two of them, is not overtaken by the time-out.
inline constexpr Nanoseconds rto_margin_min = 200ms;
/// RFC 6298 5.7.
inline constexpr Nanoseconds rto_after_lost_syn = 3s;
/// RFC 6298 2.5: at least 60 s.
inline constexpr Nanoseconds rto_max = 60s;

/// Kept in microseconds, 12 octets a connection.
class RttEstimator {
 public:
  /// RFC 6298 2.2, 2.3. The caller keeps Karn's rule (3): no sample from a segment that was sent twice.
  void add_sample(Nanoseconds sample) {
    add_sample_us(static_cast<std::uint32_t>(std::clamp<std::int64_t>(sample / 1us, 0, rto_max / 1us)));
  }
  void add_sample_us(std::uint32_t sample) {
    constexpr auto most = static_cast<std::uint32_t>(rto_max / 1us);
    const std::uint32_t rtt = std::clamp(sample, 1u, most);
    if (srtt_us_ == 0) {
      srtt_us_ = rtt;
      rttvar_us_ = rtt / 2;
    } else {
      const std::uint32_t error = rtt > srtt_us_ ? rtt - srtt_us_ : srtt_us_ - rtt;
      rttvar_us_ = rttvar_us_ - rttvar_us_ / 4 + error / 4;
      srtt_us_ = std::max(1u, srtt_us_ - srtt_us_ / 8 + rtt / 8);
    }
  }
  /// RFC 6298 5.7: a SYN was lost; until there is a sample, data waits longer.
  void on_lost_syn() { lost_syn_ = true; }
  [[nodiscard]] bool has_sample() const { return srtt_us_ != 0; }
  [[nodiscard]] Nanoseconds srtt() const { return std::chrono::microseconds(srtt_us_); }
  [[nodiscard]] std::uint32_t srtt_us() const { return srtt_us_; }
  [[nodiscard]] std::uint32_t rttvar_us() const { return rttvar_us_; }
  void restore(std::uint32_t srtt_us, std::uint32_t rttvar_us) {
    constexpr auto most = static_cast<std::uint32_t>(rto_max / 1us);
    srtt_us_ = std::min(srtt_us, most);
    rttvar_us_ = std::min(rttvar_us, most);
  }
  /// RFC 6298 2.2, 2.3 (K = 4), 5.5: doubled for each of `backoffs` time-outs in a row.
  [[nodiscard]] Nanoseconds rto(std::uint32_t backoffs = 0) const {
    Nanoseconds base = lost_syn_ ? rto_after_lost_syn : rto_initial;
    if (has_sample()) {
      const Nanoseconds margin = std::chrono::microseconds(4 * std::int64_t{rttvar_us_});
      base = std::min<Nanoseconds>(srtt() + std::max(margin, rto_margin_min), rto_max);
    }
    return std::min<Nanoseconds>(base * (std::int64_t{1} << std::min(backoffs, 16u)), rto_max);
  }

 private:
  std::uint32_t srtt_us_ = 0;
  std::uint32_t rttvar_us_ = 0;
  bool lost_syn_ = false;
};

}  // namespace byway::tcp
