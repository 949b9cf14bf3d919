// Losses: finding them (RACK, RFC 8985; without SACK three duplicate ACKs, RFC 6582), repairing them under a
// window that comes down (RFC 6937), probing for those at the tail (RFC 8985 7), and taking back what turns
// out to have been none (RFC 3522, 4015, 5682, DSACK). Congestion marks come down the same way (RFC 3168).
#include <algorithm>

#include "dataplane/tcp/connection.h"
#include "dataplane/tcp/sack_input.h"

namespace byway::tcp {

namespace {

/// RFC 8985 7.2 adds the longest that a receiver may hold back the ACK of a single segment. It says 200 ms,
/// which is a whole minimal time-out; ours and Linux's is 40 ms, and a probe that was needless costs one
/// segment.
constexpr Nanoseconds probe_ack_delay_max = 50ms;
/// A probe sooner than this would be for a late timer, not for a loss.
constexpr Nanoseconds probe_delay_min = 2ms;
/// RFC 5682 2.1, step 2b.
constexpr std::uint8_t frto_new_segments = 2;

}  // namespace

Bytes Connection::pipe() const {
  if (flight_ == nullptr) return lone_ ? in_flight() : 0;
  const SentSegments& sent = flight_->sent;
  const Bytes out = in_flight() - sent.sacked() - sent.lost();
  const Bytes arrived = std::uint32_t{std::min(flight_->duplicates, flight_->duplicates_max)} * mss_;
  return out - std::min(out, arrived);
}

bool Connection::has_congestion_echo(const SegmentView& segment) const {
  return uses_ecn_ && segment.has(flag::ece);
}

// ---- What an ACK says about losses -----------------------------------------------------------------------

/// An ACK while not everything is in order.
void Connection::repair(Context& context, const SegmentView& segment, Delivery& delivery, Instant now) {
  Flight& flight = *flight_;
  if (delivery.has_dsack) on_dsack(context, delivery.dsack);
  check_probe(context, segment, delivery, now);
  if (is_spurious(segment, delivery)) undo(context);
  // What came down for a mark goes on until something behind the CWR is acknowledged: marks before it are the
  // same ones (RFC 3168 6.1.2).
  const Seq end = flight.phase == Phase::reduced ? flight.recover + 1 : flight.recover;
  if (flight.phase != Phase::open && send_.una >= end) {
    delivery.ends_phase = flight.phase != Phase::timeout;  // behind that, slow start goes on
    end_phase();
  }
  const Bytes lost_before = flight.sent.lost();
  const bool lost_again = detect_losses(now);
  const bool new_loss = flight.sent.lost() > lost_before;
  if (has_congestion_echo(segment)) on_congestion_echo(context, delivery, now);
  answer_for_losses(context, lost_again, now);
  follow_phase(segment, delivery, new_loss, now);
  signal(signal::output);
}

/// The window after this ACK.
void Connection::follow_phase(const SegmentView& segment, const Delivery& delivery, bool new_loss,
                              Instant now) {
  switch (flight_->phase) {
    case Phase::open:
      // RFC 3168 6.1.2: not by an ACK that echoes a mark.
      if (delivery.advances && !has_congestion_echo(segment)) grow_window(delivery, flight_->rounds, now);
      break;
    case Phase::reduced:
    case Phase::recovery:
      congestion_.set_window(flight_->prr.on_ack(delivery.octets, pipe(), congestion_.threshold(), mss_,
                                                 delivery.advances && !new_loss));
      break;
    case Phase::timeout:
      if (delivery.advances || delivery.sacks) grow_window(delivery, flight_->rounds, now);
      break;
  }
}

bool Connection::detect_losses(Instant now) {
  Flight& flight = *flight_;
  if (flight.sent.empty()) return false;
  if (!sack_permitted_) {
    detect_without_sack();
    return false;
  }
  // In a repair the retransmission that has just arrived may show what was lost before it at the tail.
  if (flight.phase == Phase::open && flight.sent.sacked() == 0 && flight.sent.retransmitted_out() == 0)
    return false;
  const RackState::Verdict verdict =
      flight.rack.detect(flight.sent, reordering_window(), flight.reduced_at, micros(now));
  if (verdict.wait > 0) {
    flight.set_timer(Flight::Timer::reordering, now + std::chrono::microseconds(verdict.wait));
  } else if (flight.timer == Flight::Timer::reordering) {
    flight.stop_timer();
  }
  return verdict.lost_again;
}

/// RFC 6582 3.2: the third duplicate shows the first segment as lost, and in recovery each partial ACK the
/// next one.
void Connection::detect_without_sack() {
  Flight& flight = *flight_;
  const SentSegments::Place first = flight.sent.begin();
  if (first->state != SentSegment::State::out) return;
  const bool is_partial =
      flight.phase == Phase::recovery && flight.duplicates == 0 && !first->was_retransmitted();
  // Step 2: not for octets that a time-out or a recovery has already sent again.
  const bool is_third =
      flight.phase == Phase::open && flight.duplicates == duplicate_threshold && send_.una > flight.recover;
  if (is_partial || is_third) flight.sent.set_state(first, SentSegment::State::lost);
}

Micros Connection::reordering_window() const {
  const bool is_certain = flight_->phase == Phase::recovery || flight_->phase == Phase::timeout ||
                          flight_->sent.sacked_count() >= duplicate_threshold;
  return rack_path_.reordering_window(static_cast<Micros>(rtt_.srtt() / 1us), is_certain);
}

// ---- Phases ----------------------------------------------------------------------------------------------

/// Keeps what undo() would bring back.
void Connection::remember_for_undo() {
  Flight& flight = *flight_;
  flight.before = congestion_;
  flight.can_undo = true;
  // What an earlier recovery has sent again and is still out may be what the next ACK echoes: the time of its
  // first retransmission stays, so that only older echoes count.
  if (flight.sent.retransmitted_out() == 0) flight.has_stamp = false;
  flight.unproven = flight.sent.retransmitted_out();
  flight.undo_from = send_.una;
}

/// The window is to come down, once a round trip.
void Connection::begin_reduction(Phase phase, Instant now) {
  Flight& flight = *flight_;
  // On its way down already, it comes down from where it was to arrive: what SACK has reported still counts
  // as in flight, and would raise it.
  const Bytes from =
      flight.phase == Phase::open ? in_flight() : std::min(in_flight(), congestion_.threshold());
  if (flight.phase == Phase::open) remember_for_undo();
  if (phase == Phase::reduced) flight.can_undo = false;  // a mark is no guess, nor what a probe has repaired
  flight.phase = phase;
  flight.reduced_at = micros(now);
  cwr_owed_ = uses_ecn_;  // RFC 3168 6.1.2: whatever the reason
  flight.recover = send_.nxt;
  congestion_.on_congestion(from, mss_);
  flight.prr.start(in_flight());
  congestion_.set_window(flight.prr.on_ack(0, pipe(), congestion_.threshold(), mss_, false));
}

void Connection::begin_recovery(Context& context, Instant now) {
  Flight& flight = *flight_;
  if (flight.phase == Phase::recovery || flight.phase == Phase::timeout) return;
  context.count(CounterIndex::fast_retransmits);
  if (flight.phase == Phase::reduced) {  // the window is on its way already
    flight.phase = Phase::recovery;
    return;
  }
  begin_reduction(Phase::recovery, now);
}

/// What is lost begins a recovery. `lost_again`: a retransmission is lost too, so the window comes down once
/// more (RFC 5681 4.3).
void Connection::answer_for_losses(Context& context, bool lost_again, Instant now) {
  if (flight_->sent.lost() > 0) begin_recovery(context, now);
  if (!lost_again || flight_->phase != Phase::recovery) return;
  flight_->can_undo = false;
  begin_reduction(Phase::recovery, now);
}

/// RFC 6298 5.4 to 5.6, RFC 8985 6.3: what has been out for long enough is lost, and slow start sends it
/// again.
void Connection::begin_timeout_phase(Instant now) {
  Flight& flight = *flight_;
  const bool is_first = flight.phase != Phase::timeout;
  // RFC 5682 2.1 step 1: a time-out in a recovery needs no other explanation.
  if (flight.phase == Phase::open) {
    remember_for_undo();
    flight.frto = Flight::Frto::first_ack;
  } else {
    flight.can_undo = flight.can_undo && !is_first;
    flight.frto = Flight::Frto::off;
  }
  flight.phase = Phase::timeout;
  flight.recover = send_.nxt;
  flight.first_owed = true;
  flight.probe_out = false;
  flight.duplicates = 0;
  flight.stop_timer();
  flight.reduced_at = micros(now);
  cwr_owed_ = uses_ecn_;
  congestion_.on_timeout(in_flight(), mss_, is_first);
  // RFC 2018 8: a receiver that has SACKed the first octets that it has not acknowledged has let go of them.
  if (flight.sent.front().state == SentSegment::State::sacked) {
    for (SentSegments::Place at = flight.sent.begin(); at; ++at) {
      flight.sent.set_state(at, SentSegment::State::out);
    }
  }
  // What a flight without ACKs does not know of the round trip, the ones before it do.
  const Micros rtt = flight.rack.rtt() == 0 ? static_cast<Micros>(rtt_.srtt() / 1us) : 0;
  flight.rack.mark_on_timeout(flight.sent, rtt + reordering_window(), micros(now));
}

void Connection::end_phase() {
  Flight& flight = *flight_;
  if (flight.phase != Phase::timeout) congestion_.set_window(congestion_.threshold());
  if (flight.phase != Phase::reduced) rack_path_.on_recovery_end();
  flight.phase = Phase::open;
  flight.frto = Flight::Frto::off;
}

/// RFC 3168 6.1.2: as for a loss, at most once a round trip, and the peer is told (CWR). It goes on echoing
/// until it has seen CWR, which stands behind `recover`.
void Connection::on_congestion_echo(Context& context, const Delivery& delivery, Instant now) {
  if (flight_->phase != Phase::open || send_.una <= flight_->recover) {
    flight_->can_undo = false;  // the reduction answers for this mark too
    return;
  }
  context.count(CounterIndex::congestion_echoes_in);
  cwr_owed_ = true;
  if (flight_->sent.empty()) {
    congestion_.on_congestion(delivery.flight, mss_);
  } else {
    begin_reduction(Phase::reduced, now);
  }
}

// ---- Taking back -----------------------------------------------------------------------------------------

/// RFC 2883 5: the peer got something twice.
void Connection::on_dsack(Context& context, const SackBlock& block) {
  Flight& flight = *flight_;
  context.count(CounterIndex::dsacks_in);
  rack_path_.on_dsack(send_.una, send_.nxt);
  if (flight.probe_out && flight.probe_was_retransmission && block.end == flight.probe_end) {
    flight.probe_out = false;  // RFC 8985 7.4.2: original and probe arrived, nothing was lost
  }
  if (!flight.can_undo || flight.unproven == 0 || block.first < flight.undo_from) return;
  const std::uint32_t segments = (block.end - block.first + mss_ - 1) / mss_;
  flight.unproven -= std::min(flight.unproven, segments);
  if (flight.unproven == 0) undo(context);  // all that was sent again was sent in vain
}

/// Whether this ACK shows that what is being repaired had only been late.
bool Connection::is_spurious(const SegmentView& segment, const Delivery& delivery) {
  Flight& flight = *flight_;
  if (!flight.can_undo || (flight.phase != Phase::recovery && flight.phase != Phase::timeout)) return false;
  // RFC 3522 3.2: it answers a transmission before the first retransmission.
  if (delivery.advances && flight.has_stamp && uses_timestamps_ && segment.options.has_timestamps &&
      segment.options.timestamps.echo != 0 &&
      static_cast<std::int32_t>(segment.options.timestamps.echo - flight.stamp) < 0) {
    return true;
  }
  switch (flight.frto) {
    case Flight::Frto::off:
      return false;
    case Flight::Frto::first_ack:  // RFC 5682 3.1 step 2
      flight.frto = delivery.advances && send_.una < flight.recover && may_send_new(segment)
                        ? Flight::Frto::second_ack
                        : Flight::Frto::off;
      flight.frto_new = frto_new_segments;
      return false;
    case Flight::Frto::second_ack:  // step 3
      flight.frto = Flight::Frto::off;
      return delivery.original && (delivery.advances || delivery.sacks);
  }
  return false;
}

/// Whether there is new data, and room for it in the window that `segment` offers.
bool Connection::may_send_new(const SegmentView& segment) const {
  const std::uint32_t window = std::uint32_t{segment.window} << send_scale_;
  const Bytes fresh = std::min(queue_.unsent(), Bytes{mss_});
  return fresh > 0 && segment.ack + window >= send_.nxt + fresh;
}

/// A duplicate is reported when nothing is in flight any more.
void Connection::on_late_dsack(Context& context, const SegmentView& segment) {
  if (!sack_permitted_) return;
  const SackInput input =
      read_sack(segment.options, segment.ack, send_.una, send_.nxt, send_.una - std::max(send_.wnd_max, 1u));
  if (!input.has_dsack) return;
  context.count(CounterIndex::dsacks_in);
  rack_path_.on_dsack(send_.una, send_.nxt);
  probe_unsettled_ = false;
}

/// RFC 4015 3.1, 3.2.
void Connection::undo(Context& context) {
  Flight& flight = *flight_;
  context.count(CounterIndex::spurious_recoveries);
  // What was taken for lost had been overtaken. RFC 8985 6.2 step 3 cannot see it any more, since it has been
  // sent again meanwhile.
  if (flight.phase == Phase::recovery) rack_path_.on_reordering();
  congestion_.undo(flight.before);
  flight.can_undo = false;
  flight.frto = Flight::Frto::off;
  flight.phase = Phase::open;
  for (SentSegments::Place at = flight.sent.first_lost(); at; ++at) {
    if (at->state == SentSegment::State::lost) flight.sent.set_state(at, SentSegment::State::out);
  }
}

// ---- Tail loss probes ------------------------------------------------------------------------------------

/// RFC 8985 7.2. `is_single`: one segment is out.
Nanoseconds Connection::probe_wait(bool is_single) const {
  if (!rtt_.has_sample()) return 1s;
  const Nanoseconds wait = std::max<Nanoseconds>(2 * rtt_.srtt(), probe_delay_min);
  return is_single ? wait + probe_ack_delay_max : wait;
}

/// When nothing else will bring an ACK, ask for one.
void Connection::schedule_probe(Instant now) {
  Flight* flight = flight_;
  if (flight == nullptr || flight->timer == Flight::Timer::reordering) return;
  if (!sack_permitted_ || flight->phase != Phase::open || flight->sent.sacked() > 0 ||
      flight->sent.lost() > 0 || flight->probe_out || persisting_) {
    flight->stop_timer();
    return;
  }
  flight->set_timer(Flight::Timer::probe,
                    std::min(now + probe_wait(flight->sent.count() == 1), retransmit_at_));
}

void Connection::on_flight_timer(Context& context, Instant now) {
  Flight& flight = *flight_;
  const Flight::Timer timer = flight.timer;
  flight.stop_timer();
  switch (timer) {
    case Flight::Timer::none:
      return;
    case Flight::Timer::reordering:
      answer_for_losses(context, detect_losses(now), now);
      break;
    case Flight::Timer::probe:
      tail_probe_owed_ = true;
      retransmit_at_ = now + rtt_.rto();  // 7.3: the time-out begins anew with the probe
      break;
  }
  signal(signal::output);
}

/// The same, for a probe that was the last of its flight: now something behind it is acknowledged.
void Connection::answer_for_probe(Context& context, const Delivery& delivery) {
  probe_unsettled_ = false;
  if (delivery.has_dsack || flight_->phase != Phase::open) return;
  context.count(CounterIndex::probe_repairs);
  congestion_.on_congestion(delivery.flight, mss_);
  cwr_owed_ = uses_ecn_;
}

/// RFC 8985 7.4.2: whether the probe repaired a loss, which the window has to answer for.
void Connection::check_probe(Context& context, const SegmentView& segment, const Delivery& delivery,
                             Instant now) {
  Flight& flight = *flight_;
  if (!flight.probe_out || send_.una < flight.probe_end) return;
  if (flight.probe_was_retransmission) {
    // The next ACK tells: one without news, or a DSACK, that the original had arrived as well.
    const bool is_plain = !delivery.advances && is_duplicate_ack(segment) && segment.options.sack_count == 0;
    if (send_.una == flight.probe_end && !is_plain) return;
    if (send_.una > flight.probe_end && flight.phase == Phase::open && !delivery.has_dsack) {
      context.count(CounterIndex::probe_repairs);
      if (flight.sent.empty()) {
        cwr_owed_ = uses_ecn_;
        congestion_.on_congestion(delivery.flight, mss_);
      } else {
        begin_reduction(Phase::reduced, now);
      }
    }
  }
  flight.probe_out = false;
}

}  // namespace byway::tcp
