// A segment arrives: first the path that nearly all take, then RFC 9293 3.10.7.4 in its order, with the
// checks of RFC 5961 and RFC 7323 at their places.
#include "dataplane/tcp/connection.h"

namespace byway::tcp {

namespace {

/// RFC 7323 5.5: TS.Recent is void after 24 days without traffic, when the clock may have wrapped.
constexpr std::uint32_t timestamp_valid_ms = 24u * 24 * 3600 * 1000;

}  // namespace

InputResult Connection::on_segment(Context& context, const SegmentView& segment, Slice payload, Instant now) {
  switch (state_) {
    case State::closed:
      return InputResult::owes_reset;
    case State::syn_sent:
      return on_syn_sent(context, segment, std::move(payload), now);
    case State::time_wait:
      return on_time_wait(context, segment, now);
    case State::established:
      if (is_expected(segment, now)) {
        on_expected(context, segment, std::move(payload), now);
        return InputResult::taken;
      }
      break;
    case State::syn_received:
      if (segment.has(flag::syn) && !segment.has(flag::rst) && segment.seq == receive_.irs) {
        return on_repeated_syn(context, segment, std::move(payload), now);
      }
      break;
    default:
      break;
  }
  return on_synchronized(context, segment, std::move(payload), now);
}

/// RFC 5927 4: the sequence number must be of what is out. RFC 1122 4.2.3.9 would let hard errors end
/// connections, RFC 5927 5.2 advises against it: only a connect is ended, by those too that RFC 1122 calls
/// soft (RFC 5461 3: nobody can wait for it better than who may try another address).
void Connection::on_delivery_error(Context& context, Seq seq, bool is_hard) {
  if (state_ == State::closed || seq < send_.una || seq >= send_.max) {
    context.count(CounterIndex::drop_bad_delivery_error);
    return;
  }
  context.count(CounterIndex::delivery_errors);
  if (state_ == State::syn_sent && is_hard) end(context, StreamEnd::unreachable);
}

// ---- The expected segment --------------------------------------------------------------------------------

/// Header prediction (Jacobson, 1990): next in order, nothing but ACK and PSH, an ACK of what is out, and no
/// hole to care for. Pure ACKs that acknowledge nothing new are left to the full path, which counts them.
bool Connection::is_expected(const SegmentView& segment, Instant now) const {
  return (segment.flags & ~flag::psh) == flag::ack && segment.seq == receive_.nxt &&
         segment.payload_bytes <= receive_.edge - receive_.nxt && segment.ack <= send_.max &&
         (segment.ack > send_.una || (segment.ack == send_.una && segment.payload_bytes > 0)) &&
         reassembly_ == nullptr && segment.options.has_timestamps == uses_timestamps_ &&
         segment.options.sack_count == 0 && !fails_paws(segment, now) && !user_gone_;
}

void Connection::on_expected(Context& context, const SegmentView& segment, Slice payload, Instant now) {
  context.count(CounterIndex::fast_path_in);
  remember_timestamp(segment, now);
  restart_keepalive(context, now);
  if (segment.ack > send_.una) {
    if (lone_ && segment.ack == send_.nxt && !probe_unsettled_) [[likely]] {
      on_lone_acknowledged(context, now);
    } else {
      on_ack(context, segment, now);
    }
  }
  update_send_window(segment, now);
  if (!payload.empty()) {
    if (uses_ecn_) note_congestion_mark(context, segment);
    on_next_payload(context, std::move(payload), now);
  }
}

// ---- RFC 9293 3.10.7.4 -----------------------------------------------------------------------------------

InputResult Connection::on_synchronized(Context& context, const SegmentView& segment, Slice payload,
                                        Instant now) {
  const bool reset = segment.has(flag::rst);
  // RFC 7323 5.3 R1 and 3.2: timestamps come before the sequence number; resets need none.
  if (uses_timestamps_ && !reset) {
    if (!segment.options.has_timestamps) {
      context.count(CounterIndex::drop_missing_timestamp);
      return InputResult::taken;
    }
    if (fails_paws(segment, now)) {
      context.count(CounterIndex::drop_paws);
      acknowledge_dropped(context, segment, now);
      return InputResult::taken;
    }
  }
  // First, the sequence number.
  if (!is_acceptable(segment)) {
    context.count(CounterIndex::drop_out_of_window);
    if (segment.payload_bytes > 0 && segment.seq < receive_.nxt) {
      note_duplicate_payload(segment.seq, earlier(segment.seq + segment.payload_bytes, receive_.nxt));
    }
    if (!reset) acknowledge_dropped(context, segment, now);
    return InputResult::taken;
  }
  if (segment.options.has_timestamps && !reset) remember_timestamp(segment, now);
  // Second, RST.
  if (reset) {
    on_reset(context, segment, now);
    return InputResult::taken;
  }
  // Fourth, SYN: RFC 5961 4.2, whatever its sequence number.
  if (segment.has(flag::syn)) {
    context.count(CounterIndex::drop_syn_in_window);
    challenge(context, now);
    return InputResult::taken;
  }
  // Fifth, ACK.
  if (!segment.has(flag::ack)) {
    context.count(CounterIndex::drop_missing_ack);
    return InputResult::taken;
  }
  if (state_ == State::syn_received) {
    if (segment.ack <= send_.una || segment.ack > send_.max) {
      context.count(CounterIndex::drop_bad_ack);
      return InputResult::owes_reset;
    }
    establish(context, segment, now);
  }
  restart_keepalive(context, now);
  if (!on_acknowledgment(context, segment, now) || state_ == State::closed) return InputResult::taken;
  // Seventh and eighth, payload and FIN. Urgent data is read as ordinary data (RFC 6093 6).
  if (segment.payload_bytes > 0 || segment.has(flag::fin)) {
    if (uses_ecn_) note_congestion_mark(context, segment);
    on_payload(context, segment, std::move(payload), now);
  }
  return InputResult::taken;
}

/// RFC 9293 3.10.7.4, the table of four cases, with three allowances: an empty segment may stand at the right
/// edge (a peer whose last segments were lost sends its ACKs from there; Linux agrees); one that begins at
/// rcv_nxt passes a closed window for the sake of its ACK (its payload will be cut off); and one that begins
/// before the window and ends behind it has all of it, and is cut on both sides (the table would drop it).
bool Connection::is_acceptable(const SegmentView& segment) const {
  const std::uint32_t length = segment.sequence_length();
  if (segment.seq == receive_.nxt) return true;
  if (length == 0) return segment.seq >= receive_.nxt && segment.seq <= receive_.edge;
  return segment.seq < receive_.edge && segment.seq + length > receive_.nxt;
}

/// A dropped segment is answered by an ACK (RFC 9293 3.10.7.4, RFC 7323 5.3): at once if it had data, whose
/// sender waits for it; else under the limit of challenge ACKs, or two hosts might answer each other for
/// ever.
void Connection::acknowledge_dropped(Context& context, const SegmentView& segment, Instant now) {
  if (segment.sequence_length() == 0 || segment.has(flag::syn)) {
    challenge(context, now);
    return;
  }
  ack_now_ = true;
  signal(signal::output);
}

bool Connection::fails_paws(const SegmentView& segment, Instant now) const {
  if (!uses_timestamps_ || segment.options.timestamps.value - timestamp_recent_ < 1u << 31) return false;
  return milliseconds(now) - timestamp_recent_ms_ < timestamp_valid_ms;
}

/// RFC 7323 4.3: TS.Recent follows the segment that stands at the last ACK sent.
void Connection::remember_timestamp(const SegmentView& segment, Instant now) {
  if (!segment.options.has_timestamps || segment.seq > receive_.last_ack_sent) return;
  timestamp_recent_ = segment.options.timestamps.value;
  timestamp_recent_ms_ = milliseconds(now);
}

/// RFC 5961 3.2: a reset must be exactly at rcv_nxt; elsewhere in the window it draws a challenge ACK, which
/// makes an honest peer reset again at the right place. Two allowances, as in Linux: one behind the last
/// octet that came is as hard to guess, and knows of it (what was lost will not come); and one right at the
/// edge is challenged too, for that is where a peer stands that has filled the window.
void Connection::on_reset(Context& context, const SegmentView& segment, Instant now) {
  const bool is_behind_last = reassembly_ != nullptr && reassembly_->range_count() > 0 &&
                              segment.seq == reassembly_->range(reassembly_->range_count() - 1).end;
  if (segment.seq != receive_.nxt && !is_behind_last) {
    context.count(CounterIndex::drop_bad_reset);
    challenge(context, now);
    return;
  }
  end(context, state_ == State::syn_received && active_ ? StreamEnd::refused : StreamEnd::reset);
}

void Connection::challenge(Context& context, Instant now) {
  const std::uint32_t now_ms = milliseconds(now);
  if (now_ms - challenges_since_ms_ >= static_cast<std::uint32_t>(challenge_interval / 1ms)) {
    challenges_since_ms_ = now_ms;
    challenges_ = 0;
  }
  if (challenges_ == challenges_max) {
    context.count(CounterIndex::challenge_acks_suppressed);
    return;
  }
  ++challenges_;
  context.count(CounterIndex::challenge_acks);
  ack_now_ = true;
  signal(signal::output);
}

}  // namespace byway::tcp
