// Congestion control by RFC 5681 (slow start, congestion avoidance). How losses are found and repaired is
// not its business (recovery.h): it only says how much may be in flight. Another algorithm is another file
// with these functions, and one line in connection.h.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/rope.h"

namespace byway::tcp {

/// RFC 6928 2: the initial window, ten segments but at most 14,600 octets, or two if those are larger.
[[nodiscard]] constexpr Bytes initial_window(Bytes mss) {
  return std::min(10 * mss, std::max(2 * mss, 14'600u));
}

class NewReno {
 public:
  /// When the handshake has told the MSS.
  void start(Bytes mss) {
    cwnd_ = initial_window(mss);
    ssthresh_ = UINT32_MAX;
    acked_ = 0;
  }
  /// `acked` octets were acknowledged outside recovery while `flight` were out. A window that was not filled
  /// does not grow (RFC 2861 1): what was not tried says nothing about the path.
  void on_ack(Bytes acked, Bytes flight, Bytes mss) {
    if (cwnd_ < ssthresh_) {
      if (2 * flight >= cwnd_) grow(std::min(acked, slow_start_segments_max * mss));
      return;
    }
    if (flight + mss < cwnd_) return;
    acked_ += acked;  // RFC 5681 3.1, octets counted: one segment a window
    if (acked_ >= cwnd_) {
      acked_ -= cwnd_;
      grow(mss);
    }
  }
  /// A loss was found by duplicate ACKs (RFC 5681 3.2 step 2).
  void on_loss(Bytes flight, Bytes mss) {
    ssthresh_ = std::max(flight / 2, 2 * mss);
    cwnd_ = ssthresh_;
    acked_ = 0;
  }
  /// The retransmission timer ran out; `first`: for the first time for these octets (RFC 5681 3.1: the
  /// threshold is held for further ones).
  void on_timeout(Bytes flight, Bytes mss, bool first) {
    if (first) ssthresh_ = std::max(flight / 2, 2 * mss);
    cwnd_ = mss;
    acked_ = 0;
  }
  /// Nothing was sent for longer than the retransmission time-out (RFC 5681 4.1).
  void on_idle(Bytes mss) { cwnd_ = std::min(cwnd_, initial_window(mss)); }
  /// Recovery inflates and deflates the window (RFC 6582 3.2).
  void set_window(Bytes cwnd) { cwnd_ = cwnd; }

  [[nodiscard]] Bytes window() const { return cwnd_; }
  [[nodiscard]] Bytes threshold() const { return ssthresh_; }

 private:
  void grow(Bytes octets) { cwnd_ = std::min(cwnd_ + octets, window_max); }

  /// RFC 5681 would grow by one segment an ACK. Receivers (ours too) answer a whole burst by one ACK, so the
  /// octets are counted (RFC 3465), up to the 8 segments that RFC 9406 4.3 takes for senders without pacing.
  static constexpr Bytes slow_start_segments_max = 8;
  /// No peer offers a larger window (RFC 7323 2.3).
  static constexpr Bytes window_max = 1u << 30;

  Bytes cwnd_ = 0;
  Bytes ssthresh_ = UINT32_MAX;
  Bytes acked_ = 0;
};

}  // namespace byway::tcp
