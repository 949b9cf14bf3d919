#include "dataplane/tcp/rack.h"

namespace byway::tcp {

void RackState::on_delivered(const SentSegment& segment, bool echoed_before, Micros now, RackPath& path) {
  // Step 3: behind the highest that has arrived, and not because it was sent again.
  if (segment.end() > forward_ack_) {
    forward_ack_ = segment.end();
  } else if (segment.end() < forward_ack_ && !segment.was_retransmitted()) {
    path.on_reordering();
  }
  const Micros rtt = now - segment.sent_at;
  // Step 2: an ACK of something that was sent again may be for an earlier transmission.
  if (segment.was_retransmitted() && (echoed_before || rtt < path.min_rtt())) return;
  rtt_ = rtt;
  if (has_sample_ && !sent_after(segment.sent_at, segment.end(), sent_at_, end_)) return;
  has_sample_ = true;
  sent_at_ = segment.sent_at;
  end_ = segment.end();
}

RackState::Verdict RackState::detect(SentSegments& sent, Micros reordering_window, Micros since,
                                     Micros now) const {
  Verdict verdict;
  if (!has_sample_) return verdict;
  for (SentSegments::Place at = sent.begin(); at; ++at) {
    if (at->state != SentSegment::State::out || !sent_after(sent_at_, end_, at->sent_at, at->end())) continue;
    const auto remaining = static_cast<std::int32_t>(at->sent_at + rtt_ + reordering_window - now);
    if (remaining <= 0) {
      const bool is_after = static_cast<std::int32_t>(at->sent_at - since) >= 0;
      verdict.lost_again = verdict.lost_again || (at->was_retransmitted() && is_after);
      sent.set_state(at, SentSegment::State::lost);
    } else {
      verdict.wait = std::max(verdict.wait, static_cast<Micros>(remaining));
    }
  }
  return verdict;
}

void RackState::mark_on_timeout(SentSegments& sent, Micros reordering_window, Micros now) const {
  bool is_first = true;
  for (SentSegments::Place at = sent.begin(); at; ++at) {
    if (at->state == SentSegment::State::out) {
      const auto remaining = static_cast<std::int32_t>(at->sent_at + rtt_ + reordering_window - now);
      if (is_first || remaining <= 0) sent.set_state(at, SentSegment::State::lost);
    }
    is_first = false;
  }
}

}  // namespace byway::tcp
