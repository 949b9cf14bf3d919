// What an ACK means (RFC 9293 3.10.7.4, fifth): acknowledged octets, round trip, congestion window, losses,
// the peer's window.
#include <algorithm>

#include "dataplane/tcp/connection.h"

namespace byway::tcp {

namespace {

/// RFC 5681 3.2 step 4 lets every duplicate ACK add a segment to the window, because one has left the
/// network. No more can have left it than were out when the loss was found, twice the threshold that was set
/// then. A peer may send as many duplicates as it likes (Savage et al., 1999), so the window ends at half of
/// what was out and all of what was out.
constexpr Bytes inflation_max_thresholds = 1 + 2;

}  // namespace

/// False: the segment is to be dropped.
bool Connection::on_acknowledgment(Context& context, const SegmentView& segment, Instant now) {
  // RFC 5961 5.2: neither beyond what we sent nor further back than the largest window that the peer offered.
  if (segment.ack > send_.max || segment.ack < send_.una - send_.wnd_max) {
    context.count(CounterIndex::drop_bad_ack);
    challenge(context, now);
    return false;
  }
  if (persisting_ && !user_gone_) progress_at_ = now;  // RFC 9293 3.8.6.1: a closed window is no failure
  if (segment.ack > send_.una) {
    on_new_ack(context, segment, now);
  } else if (is_duplicate_ack(segment)) {
    on_duplicate_ack(context);
  }
  if (segment.ack == send_.una && state_ != State::closed) update_send_window(segment, now);
  return true;
}

/// RFC 5681 2: (a) data is out, (b) no payload, (c) neither SYN nor FIN, (d) acknowledges the highest that
/// was acknowledged, (e) the window is unchanged.
bool Connection::is_duplicate_ack(const SegmentView& segment) const {
  return segment.ack == send_.una && in_flight() > 0 && segment.sequence_length() == 0 &&
         std::uint32_t{segment.window} << send_scale_ == send_.wnd;
}

void Connection::on_new_ack(Context& context, const SegmentView& segment, Instant now) {
  measure_round_trip(segment, now);
  const bool fin_acknowledged = fin_sent() && segment.ack == data_end() + 1;
  const Bytes acked = segment.ack - send_.una - (fin_acknowledged ? 1u : 0u);
  const Bytes flight = in_flight();
  queue_.acknowledge(acked);
  send_.una = segment.ack;
  if (send_.nxt < send_.una) send_.nxt = send_.una;  // a time-out had taken octets back that did arrive
  backoffs_ = 0;
  progress_at_ = now;
  if (send_.una >= queueful_end_) begin_queueful(now);

  bool restart_timer = true;
  switch (recovery_.on_new_ack(send_.una)) {
    case Recovery::AckKind::ordinary:
      congestion_.on_ack(acked, flight, mss_);
      break;
    case Recovery::AckKind::partial: {  // RFC 6582 3.2 step 3
      context.count(CounterIndex::partial_acks);
      retransmit_owed_ = true;
      const Bytes window = congestion_.window() - std::min(congestion_.window(), acked);
      congestion_.set_window(std::max<Bytes>(window + (acked >= mss_ ? mss_ : 0u), mss_));
      restart_timer = recovery_.take_first_partial();
      break;
    }
    case Recovery::AckKind::full:  // RFC 6582 3.2 step 3, option 1: no burst at the end
      retransmit_owed_ = false;
      congestion_.set_window(
          std::min<Bytes>(congestion_.threshold(), std::max<Bytes>(in_flight(), mss_) + mss_));
      break;
  }
  if (in_flight() == 0) {
    retransmit_at_ = Instant::never();  // RFC 6298 5.2
    persisting_ = false;
  } else if (restart_timer) {
    retransmit_at_ = now + rtt_.rto();  // RFC 6298 5.3
  }
  if (fin_acknowledged) on_fin_acknowledged(context, now);
  announce_room(context);
  look_again_for_room(now);
  if (queue_.unsent() > 0 || retransmit_owed_ || fin_queued_) signal(signal::output);
}

void Connection::on_duplicate_ack(Context& context) {
  const Bytes flight = in_flight();
  switch (recovery_.on_duplicate_ack(send_.una, send_.max)) {
    case Recovery::Verdict::nothing:
      return;
    case Recovery::Verdict::send_new:
      if (queue_.unsent() > 0) context.count(CounterIndex::limited_transmits);
      break;
    case Recovery::Verdict::retransmit:  // RFC 5681 3.2 steps 2 and 3
      context.count(CounterIndex::fast_retransmits);
      congestion_.on_loss(flight, mss_);
      congestion_.set_window(congestion_.threshold() + duplicate_acks_to_retransmit * mss_);
      retransmit_owed_ = true;
      break;
    case Recovery::Verdict::inflate:
      congestion_.set_window(
          std::min(congestion_.window() + mss_, inflation_max_thresholds * congestion_.threshold()));
      break;
  }
  signal(signal::output);
}

/// One timed segment at a time, to the microsecond; after a retransmission (Karn: RFC 6298 3) the echoed
/// timestamp, whose unit is a millisecond, says which transmission was acknowledged (RFC 7323 4.2).
void Connection::measure_round_trip(const SegmentView& segment, Instant now) {
  if (timing_) {
    if (segment.ack < timed_seq_) return;
    timing_ = false;
    rtt_.add_sample(now - timed_at_);
    return;
  }
  if (!uses_timestamps_ || !segment.options.has_timestamps || segment.options.timestamps.echo == 0) return;
  const std::uint32_t age_ms = timestamp(now) - segment.options.timestamps.echo;
  if (age_ms < rto_max / 1ms) rtt_.add_sample(std::chrono::milliseconds(age_ms));
}

/// RFC 9293 3.10.7.4: by the newest segment only.
void Connection::update_send_window(const SegmentView& segment, Instant now) {
  if (!(send_.wl1 < segment.seq || (send_.wl1 == segment.seq && send_.wl2 <= segment.ack))) return;
  const std::uint32_t window = std::uint32_t{segment.window} << send_scale_;
  const bool grew = window > send_.wnd;
  send_.wnd = window;
  send_.wnd_max = std::max(send_.wnd_max, window);
  send_.wl1 = segment.seq;
  send_.wl2 = segment.ack;
  if (!grew || (queue_.unsent() == 0 && !fin_queued_)) return;
  if (persisting_) {
    persisting_ = false;
    backoffs_ = 0;
    progress_at_ = now;
    retransmit_at_ = Instant::never();
  }
  signal(signal::output);
}

void Connection::on_fin_acknowledged(Context& context, Instant now) {
  switch (state_) {
    case State::fin_wait_1:
      state_ = State::fin_wait_2;
      if (user_gone_) life_at_ = now + fin_wait_2_orphan;
      break;
    case State::closing:
      enter_time_wait(context, now);
      break;
    case State::last_ack:
      end(context, StreamEnd::finished);
      break;
    default:
      break;
  }
}

}  // namespace byway::tcp
