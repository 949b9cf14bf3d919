// What is lost, by time: RACK (RFC 8985). A segment is lost when one that was sent sufficiently later has
// arrived. "Sufficiently" is the reordering window, which grows when reordering is seen and when DSACKs
// (RFC 2883) show that something was sent again in vain.
//
// RackPath is what a connection remembers of its path; RackState is about what is in flight now.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/clock.h"
#include "dataplane/tcp/sent_segments.h"
#include "dataplane/tcp/seq.h"

namespace byway::tcp {

/// RFC 8985 3.2.1, DupThresh: as many segments known to have arrived behind a hole show a loss as long as no
/// reordering has been seen.
inline constexpr std::uint32_t duplicate_threshold = 3;

/// RFC 8985 6.2 step 2: the smallest round trip of the last minutes, in two windows of which the older one
/// is forgotten: what a route change or a queue that never empties made of it is believed for so long.
class MinimumRtt {
 public:
  void add(Micros rtt, Micros now) {
    if (current_ == 0 || now - began_ > window_length) {
      previous_ = current_ == 0 ? rtt : current_;
      current_ = rtt;
      began_ = now;
    }
    current_ = std::min(current_, rtt);
  }
  /// 0: none yet.
  [[nodiscard]] Micros value() const { return std::min(current_, previous_); }

 private:
  static constexpr Micros window_length = 150'000'000;  // 2.5 min, so that 5 min are remembered at most
  Micros current_ = 0;
  Micros previous_ = 0;
  Micros began_ = 0;
};

/// Whether the segment that ends at `end` and was sent at `sent_at` left after the other one (RFC 8985 6.2
/// step 2, RACK_sent_after): of those sent at once the later in sequence left later.
[[nodiscard]] inline bool sent_after(Micros sent_at, Seq end, Micros other_at, Seq other_end) {
  const auto later_by = static_cast<std::int32_t>(sent_at - other_at);
  return later_by > 0 || (later_by == 0 && end > other_end);
}

class RackPath {
 public:
  void add_rtt(Micros rtt, Micros now) { min_rtt_.add(rtt, now); }
  [[nodiscard]] Micros min_rtt() const { return min_rtt_.value(); }
  void on_reordering() { reordering_seen_ = true; }
  [[nodiscard]] bool has_reordering() const { return reordering_seen_; }
  /// RFC 8985 6.2 step 4, RACK_update_reo_wnd: a DSACK, at most one a round trip counts. (A round that has
  /// long passed looks like one to come after 2 GiB, but not like one that ends in what is out.)
  void on_dsack(Seq una, Seq nxt) {
    if (has_dsack_round_ && una < dsack_round_ && dsack_round_ <= nxt) return;
    has_dsack_round_ = true;
    dsack_round_ = nxt;
    if (multiplier_ < UINT8_MAX) ++multiplier_;
    persist_ = persist_recoveries;
  }
  /// A recovery without a DSACK has ended.
  void on_recovery_end() {
    if (persist_ > 0 && --persist_ == 0) multiplier_ = 1;
  }
  /// `is_certain`: a recovery is under way, or as many as the threshold have arrived behind the hole.
  [[nodiscard]] Micros reordering_window(Micros srtt, bool is_certain) const {
    if (!reordering_seen_ && is_certain) return 0;
    return std::min(min_rtt() / 4 * multiplier_, srtt);
  }

 private:
  static constexpr std::uint8_t persist_recoveries = 16;
  MinimumRtt min_rtt_;
  Seq dsack_round_;
  std::uint8_t multiplier_ = 1;
  std::uint8_t persist_ = persist_recoveries;
  bool reordering_seen_ = false;
  bool has_dsack_round_ = false;
};

class RackState {
 public:
  void start(Seq una) { forward_ack_ = una; }
  /// `segment` has just been acknowledged, cumulatively or by SACK (RFC 8985 6.2 steps 1 to 3).
  /// `echoed_before`: timestamps say that a transmission before its last one was acknowledged.
  void on_delivered(const SentSegment& segment, bool echoed_before, Micros now, RackPath& path);
  struct Verdict {
    Micros wait = 0;          ///< Until the next one is lost; 0: none waits.
    bool lost_again = false;  ///< One that had been sent again at or after `since` is.
  };
  /// Marks what is lost as such (RFC 8985 6.2 step 5).
  [[nodiscard]] Verdict detect(SentSegments& sent, Micros reordering_window, Micros since, Micros now) const;
  /// RFC 8985 6.3: what a retransmission time-out shows as lost.
  void mark_on_timeout(SentSegments& sent, Micros reordering_window, Micros now) const;
  [[nodiscard]] Micros rtt() const { return rtt_; }

 private:
  Micros sent_at_ = 0;  ///< RACK.xmit_ts: of the most recently sent segment that has arrived.
  Seq end_;             ///< RACK.end_seq
  Micros rtt_ = 0;
  Seq forward_ack_;  ///< RACK.fack: the highest that has arrived.
  bool has_sample_ = false;
};

}  // namespace byway::tcp
