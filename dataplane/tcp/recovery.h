// Finding and repairing losses without SACK: fast retransmit and fast recovery by RFC 6582 (NewReno), limited
// transmit by RFC 3042. Values only: the connection asks what an ACK means and does it.
#pragma once

#include <cstdint>

#include "dataplane/tcp/seq.h"

namespace byway::tcp {

/// RFC 5681 3.2: DupThresh.
inline constexpr std::uint8_t duplicate_acks_to_retransmit = 3;

class Recovery {
 public:
  enum class Verdict : std::uint8_t {
    nothing,
    send_new,    ///< RFC 3042: one new segment beyond the window for each of the first two.
    retransmit,  ///< The third one: retransmit the first unacknowledged segment, enter recovery.
    inflate,     ///< A further one during recovery: a segment has left the network.
  };
  enum class AckKind : std::uint8_t {
    ordinary,
    partial,  ///< RFC 6582 3.2 step 3: the next hole begins at the new snd_una.
    full,     ///< All that was out when recovery began is acknowledged.
  };

  void start(Seq iss) { recover_ = iss; }
  /// A duplicate ACK (RFC 5681 2) for `una` while octets up to `max` are out.
  [[nodiscard]] Verdict on_duplicate_ack(Seq una, Seq max) {
    if (duplicate_acks_ < UINT8_MAX) ++duplicate_acks_;
    if (in_recovery_) return Verdict::inflate;
    if (duplicate_acks_ < duplicate_acks_to_retransmit) return Verdict::send_new;
    // RFC 6582 3.2 step 2: not again for octets that a time-out or a recovery has already sent again.
    if (duplicate_acks_ > duplicate_acks_to_retransmit || una <= recover_) return Verdict::nothing;
    in_recovery_ = true;
    first_partial_ = true;
    recover_ = max;
    return Verdict::retransmit;
  }
  /// An ACK that moves snd_una to `una`.
  [[nodiscard]] AckKind on_new_ack(Seq una) {
    duplicate_acks_ = 0;
    if (!in_recovery_) return AckKind::ordinary;
    if (una < recover_) return AckKind::partial;
    in_recovery_ = false;
    return AckKind::full;
  }
  /// RFC 6582 4: after a time-out everything up to `max` counts as sent again.
  void on_timeout(Seq max) {
    recover_ = max;
    duplicate_acks_ = 0;
    in_recovery_ = false;
  }
  /// True once a recovery: RFC 6582 3.2 step 3 restarts the timer at the first partial ACK only, so that many
  /// losses in one window end in a time-out instead of one round trip each.
  [[nodiscard]] bool take_first_partial() {
    const bool first = first_partial_;
    first_partial_ = false;
    return first;
  }
  [[nodiscard]] bool is_active() const { return in_recovery_; }
  /// Segments beyond cwnd that limited transmit allows now (RFC 3042 2).
  [[nodiscard]] std::uint32_t extra_segments() const {
    return in_recovery_ || duplicate_acks_ >= duplicate_acks_to_retransmit ? 0 : duplicate_acks_;
  }

 private:
  Seq recover_;
  std::uint8_t duplicate_acks_ = 0;
  bool in_recovery_ = false;
  bool first_partial_ = false;
};

}  // namespace byway::tcp
