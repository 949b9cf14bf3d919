// What an ACK means (RFC 9293 3.10.7.4, fifth): octets that have arrived, the round trip, the congestion
// window, the peer's window. What is lost is the business of losses.cpp.
#include <algorithm>

#include "dataplane/tcp/connection.h"
#include "dataplane/tcp/sack_input.h"

namespace byway::tcp {

/// False: the segment is to be dropped.
bool Connection::on_acknowledgment(Context& context, const SegmentView& segment, Instant now) {
  // RFC 5961 5.2: neither beyond what we sent nor further back than the largest window that the peer offered.
  if (segment.ack > send_.max || segment.ack < send_.una - send_.wnd_max) {
    context.count(CounterIndex::drop_bad_ack);
    challenge(context, now);
    return false;
  }
  if (lone_) make_flight(context);
  if (persisting_ && !user_gone_) {  // RFC 9293 3.8.6.1: a closed window is no failure
    progress_at_ = now;
    probe_unanswered_ = false;
  }
  if (segment.ack > send_.una || flight_ != nullptr) {
    on_ack(context, segment, now);
  } else if (probe_unsettled_ || segment.options.sack_count > 0) {
    on_late_dsack(context, segment);
  }
  if (segment.ack == send_.una && state_ != State::closed) update_send_window(segment, now);
  return true;
}

/// An ACK of something new, or while something is in flight: an old one may still have news of holes
/// (RFC 6675 5).
void Connection::on_ack(Context& context, const SegmentView& segment, Instant now) {
  if (lone_) make_flight(context);
  Delivery delivery;
  delivery.flight = in_flight();
  delivery.advances = segment.ack > send_.una;
  const bool is_duplicate = !sack_permitted_ && is_duplicate_ack(segment);
  bool fin_acknowledged = false;
  if (delivery.advances) fin_acknowledged = advance(context, segment, delivery, now);
  if (flight_ != nullptr) {
    if (segment.options.sack_count > 0 && sack_permitted_) take_sack(context, segment, delivery, now);
    if (is_duplicate) note_duplicate(delivery);
    measure_round_trip(segment, delivery, now);
    if (probe_unsettled_ && delivery.advances) answer_for_probe(context, delivery);
    if (flight_->is_quiet() && !delivery.has_dsack && !has_congestion_echo(segment)) {
      if (delivery.advances) grow_window(delivery, flight_->rounds, now);
    } else {
      repair(context, segment, delivery, now);
    }
    if (flight_->sent.empty()) {
      probe_unsettled_ = flight_->probe_out && flight_->probe_was_retransmission;
      release_flight(context);
    }
  }
  restart_loss_timers(delivery, now);
  if (!delivery.advances) return;
  if (fin_acknowledged) on_fin_acknowledged(context, now);
  on_room(context, now);
}

/// What was acknowledged has left the send queue.
void Connection::on_room(Context& context, Instant now) {
  if (wants_writable_) {
    announce_room(context);
    look_again_for_room(now);
  }
  if (queue_.unsent() > 0 || fin_queued_) signal(signal::output);
}

/// Takes what is cumulatively acknowledged off the send queue and the scoreboard. True: our FIN too.
bool Connection::advance(Context& context, const SegmentView& segment, Delivery& delivery, Instant now) {
  const bool fin_acknowledged = fin_sent() && segment.ack == data_end() + 1;
  queue_.acknowledge(segment.ack - send_.una - (fin_acknowledged ? 1u : 0u));
  send_.una = segment.ack;
  if (send_.nxt < send_.una) send_.nxt = send_.una;  // the octet of a window probe that the peer took
  if (flight_ == nullptr) backoffs_ = 0;
  progress_at_ = now;
  follow_queueful(now);
  if (flight_ == nullptr) return fin_acknowledged;
  SentSegments& sent = flight_->sent;
  flight_->duplicates = 0;
  flight_->first_owed = false;
  while (!sent.empty() && sent.front().end() <= send_.una) {
    if (sent.front().state != SentSegment::State::sacked) {
      on_delivered(sent.front(), segment, delivery, now);
    }
    sent.pop_front(context.sent_blocks);
  }
  if (!sent.empty() && sent.front().first < send_.una) {
    const auto part = static_cast<std::uint16_t>(send_.una - sent.front().first);
    if (sent.front().state != SentSegment::State::sacked) delivery.octets += part;
    sent.trim_front(part);
  }
  return fin_acknowledged;
}

/// RFC 2018 3: what has arrived behind holes.
void Connection::take_sack(Context& context, const SegmentView& segment, Delivery& delivery, Instant now) {
  const SackInput input =
      read_sack(segment.options, segment.ack, send_.una, send_.nxt, send_.una - std::max(send_.wnd_max, 1u));
  if (input.ignored > 0) context.count(CounterIndex::sack_blocks_ignored, input.ignored);
  delivery.has_dsack = input.has_dsack;
  delivery.dsack = input.dsack;
  SentSegments& sent = flight_->sent;
  SentSegments::Place at = sent.begin();
  for (std::uint8_t i = 0; i < input.count; ++i) {
    const SackBlock& block = input.blocks[i];
    at = sent.find(at, block.first);
    if (at && at->first < block.first) ++at;  // not all of it
    // A FIN comes with the last octets; not every receiver counts it among what it reports.
    const bool may_lack_fin = fin_sent() && block.end == data_end();
    const Seq end = may_lack_fin ? block.end + 1 : block.end;
    for (; at && at->first < block.end && at->end() <= end; ++at) {
      if (at->state == SentSegment::State::sacked) continue;
      on_delivered(*at, segment, delivery, now);
      sent.set_state(at, SentSegment::State::sacked);
      delivery.sacks = true;
    }
  }
}

/// `sent` has arrived, as this ACK is the first to say.
void Connection::on_delivered(const SentSegment& sent, const SegmentView& segment, Delivery& delivery,
                              Instant now) {
  const Micros now_us = micros(now);
  bool echoed_before = false;
  if (sent.was_retransmitted()) {
    // RFC 8985 6.2 step 2: the echoed time stamp is older than the last transmission.
    if (uses_timestamps_ && segment.options.has_timestamps) {
      const std::uint32_t age_ms = timestamp(now) - segment.options.timestamps.echo;
      echoed_before = age_ms > (now_us - sent.sent_at) / 1000 + 1;
    }
  } else {
    // RFC 5682 3.1 step 3: not what was sent after the time-out, which arrives in any case.
    if (sent.end() <= flight_->recover) delivery.original = true;
    const Micros rtt = std::max(now_us - sent.sent_at, 1u);
    if (delivery.rtt == 0 || rtt < delivery.rtt) delivery.rtt = rtt;  // the last one sent
  }
  delivery.octets += sent.bytes;
  flight_->rack.on_delivered(sent, echoed_before, now_us, rack_path_);
}

/// RFC 5681 2: (a) data is out, (b) no payload, (c) neither SYN nor FIN, (d) acknowledges the highest that
/// was acknowledged, (e) the window is unchanged.
bool Connection::is_duplicate_ack(const SegmentView& segment) const {
  return segment.ack == send_.una && in_flight() > 0 && segment.sequence_length() == 0 &&
         std::uint32_t{segment.window} << send_scale_ == send_.wnd;
}

/// Without SACK each duplicate ACK stands for a segment that has arrived, one of those that were out when the
/// first came: a peer may send as many as it likes (Savage et al., 1999), and they must not count.
void Connection::note_duplicate(Delivery& delivery) {
  Flight& flight = *flight_;
  if (flight.duplicates == 0) {
    flight.duplicates_max = static_cast<std::uint16_t>(flight.sent.count() - 1);
  }
  if (flight.duplicates >= std::max<std::uint16_t>(flight.duplicates_max, duplicate_threshold)) return;
  ++flight.duplicates;
  if (flight.duplicates <= flight.duplicates_max) delivery.octets += mss_;
}

void Connection::grow_window(const Delivery& delivery, CongestionControl::Rounds& rounds, Instant now) {
  AckEvent event;
  event.now = now;
  event.una = send_.una;
  event.nxt = send_.nxt;
  // The end of a recovery is where CUBIC's time begins (RFC 9438 4.2), though the window does not grow by it.
  event.acked = delivery.ends_phase ? 0 : delivery.octets;
  event.flight = delivery.flight;
  event.mss = mss_;
  event.rtt = delivery.rtt;
  event.srtt = rtt_.srtt_us();
  congestion_.on_ack(event, rounds);
}

/// One sample a round trip, to the microsecond, from what was sent once; where all was sent again (Karn:
/// RFC 6298 3) the echoed timestamp, whose unit is a millisecond, says which transmission was acknowledged
/// (RFC 7323 4.2).
void Connection::measure_round_trip(const SegmentView& segment, const Delivery& delivery, Instant now) {
  if (delivery.rtt != 0) {
    backoffs_ = 0;  // Karn: only what was sent once shows how long an answer takes (RFC 9293 3.8.1)
    rack_path_.add_rtt(delivery.rtt, micros(now));
    if (send_.una < flight_->rtt_round_end) return;
    flight_->rtt_round_end = send_.nxt;
    if (flight_->phase == Phase::open) flight_->keep_recover_near(send_.una);
    rtt_.add_sample_us(delivery.rtt);
  } else if (delivery.advances) {
    measure_by_timestamp(segment, now);
  }
}

void Connection::measure_by_timestamp(const SegmentView& segment, Instant now) {
  if (!uses_timestamps_ || !segment.options.has_timestamps || segment.options.timestamps.echo == 0) return;
  const std::uint32_t age_ms = timestamp(now) - segment.options.timestamps.echo;
  if (age_ms >= rto_max / 1ms) return;
  backoffs_ = 0;
  rtt_.add_sample(std::chrono::milliseconds(age_ms));
}

/// RFC 6298 5.2 and 5.3.
void Connection::restart_loss_timers(const Delivery& delivery, Instant now) {
  if (in_flight() > 0) {
    if (delivery.advances) retransmit_at_ = now + rtt_.rto(backoffs_);
    if (delivery.advances || delivery.sacks) {
      tail_probe_owed_ = false;  // here is the ACK that it would ask for
      schedule_probe(now);
    }
  } else if (delivery.advances) {
    retransmit_at_ = Instant::never();
    persisting_ = false;
  }
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
