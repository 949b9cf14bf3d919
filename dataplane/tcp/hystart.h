// Leaving slow start before the queue overflows: HyStart++ (RFC 9406). Round trips that become longer end the
// exponential growth; five rounds of a slower one (CSS) make sure that it was no chance.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/tcp/sent_segments.h"
#include "dataplane/tcp/seq.h"

namespace byway::tcp {

class HyStart {
 public:
  enum class Advice : std::uint8_t {
    grow,   ///< Slow start as RFC 5681 has it.
    slow,   ///< Conservative slow start: a quarter of that (css_growth_divisor).
    leave,  ///< The path is full: congestion avoidance from here on.
  };
  static constexpr std::uint32_t css_growth_divisor = 4;

  /// An ACK up to `una` with a round trip (0: no sample) while `nxt` is what goes next.
  [[nodiscard]] Advice on_ack(Seq una, Seq nxt, Micros rtt) {
    if (!started_ || una > round_end_) {
      if (started_ && css_ && ++css_rounds_ >= css_rounds_max) return Advice::leave;
      started_ = true;
      round_end_ = nxt;
      last_ = current_;
      current_ = none;
      samples_ = 0;
    }
    const bool was_css = css_;  // this ACK still grows the window as before
    if (rtt != 0) {
      current_ = std::min(current_, rtt);
      if (samples_ < UINT8_MAX) ++samples_;
      if (samples_ >= samples_min) judge();
    }
    return was_css ? Advice::slow : Advice::grow;
  }

 private:
  void judge() {
    if (css_) {
      if (current_ < css_baseline_) css_ = false;  // it was a burst: back to slow start
      return;
    }
    if (last_ == none || current_ == none) return;
    const Micros threshold = std::clamp(last_ / 8, threshold_min, threshold_max);
    if (current_ < last_ + threshold) return;
    css_ = true;
    css_rounds_ = 0;
    css_baseline_ = current_;
  }

  // RFC 9406 4.3.
  static constexpr Micros threshold_min = 4'000;
  static constexpr Micros threshold_max = 16'000;
  static constexpr std::uint8_t samples_min = 8;
  static constexpr std::uint8_t css_rounds_max = 5;
  static constexpr Micros none = UINT32_MAX;

  Seq round_end_;
  Micros last_ = none;
  Micros current_ = none;
  Micros css_baseline_ = none;
  std::uint8_t samples_ = 0;
  std::uint8_t css_rounds_ = 0;
  bool css_ = false;
  bool started_ = false;
};

}  // namespace byway::tcp
