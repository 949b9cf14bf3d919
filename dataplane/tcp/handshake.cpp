// Opening a connection (RFC 9293 3.5, 3.10.7.3), and what a SYN means to one in TIME-WAIT.
#include <algorithm>

#include "dataplane/tcp/connection.h"

namespace byway::tcp {

void Connection::open_active(const Opening& opening, Instant now) {
  open(opening, now);
  state_ = State::syn_sent;
  active_ = true;
}

void Connection::open_passive(const Opening& opening, const SegmentView& syn, Instant now) {
  BYWAY_ASSERT((syn.flags & (flag::syn | flag::ack | flag::rst)) == flag::syn);
  open(opening, now);
  state_ = State::syn_received;
  learn_from_syn(syn, now);
}

void Connection::open_from_cookie(Context& context, const Opening& opening, const SegmentView& syn,
                                  Instant now) {
  open_passive(opening, syn, now);
  syn_owed_ = false;
  send_.nxt = send_.max = send_.iss + 1;
  advertise_first_window(context);  // what was offered is forgotten; it was the like of this
}

void Connection::open(const Opening& opening, Instant now) {
  send_.iss = send_.una = send_.nxt = send_.max = opening.iss;
  timestamp_offset_ = opening.timestamp_offset;
  mss_own_ = opening.mss_own;
  mss_ = opening.mss_default;
  mss_peer_ = opening.mss_path;
  is_v6_ = opening.is_v6;
  receive_mss_ = mss_default_v4;
  receive_scale_ = window_scale_own;
  receive_buffer_ = opening.receive_buffer;
  uses_timestamps_ = true;
  sack_permitted_ = true;
  uses_ecn_ = opening.uses_ecn;
  quick_acks_left_ = quick_acks;
  progress_at_ = last_sent_at_ = now;
  syn_owed_ = true;
  signal(signal::output);
}

/// RFC 9293 3.10.7.2 and 3.10.7.3; options: 3.7.1 (MSS), RFC 7323 2.2 and 3.2 (used if both sides send them).
void Connection::learn_from_syn(const SegmentView& syn, Instant now) {
  const Options& options = syn.options;
  const Bytes path = mss_peer_;
  receive_.irs = syn.seq;
  receive_.nxt = receive_.edge = receive_.last_ack_sent = syn.seq + 1;
  if (options.mss != 0) mss_ = options.mss;
  mss_ = mss_peer_ = std::min(std::max(mss_, mss_min), mss_own_);
  send_scale_ = options.has_window_scale ? options.window_scale : std::uint8_t{0};
  if (!options.has_window_scale) receive_scale_ = 0;
  sack_permitted_ = options.sack_permitted;
  // RFC 3168 6.1.1: a SYN asks by ECE and CWR, a SYN-ACK agrees by ECE alone.
  const auto ecn_flags = static_cast<std::uint8_t>(syn.flags & (flag::ece | flag::cwr));
  const bool agrees = ecn_flags == (syn.has(flag::ack) ? flag::ece : flag::ece | flag::cwr);
  uses_ecn_ = uses_ecn_ && agrees;
  uses_timestamps_ = options.has_timestamps;
  if (uses_timestamps_) {
    mss_ = mss_peer_ = static_cast<std::uint16_t>(mss_ - timestamps_option_bytes);
    timestamp_recent_ = options.timestamps.value;
    timestamp_recent_ms_ = milliseconds(now);
  }
  send_.wnd = send_.wnd_max = syn.window;  // windows of SYNs are not scaled (RFC 7323 2.2)
  send_.wl1 = syn.seq;
  send_.wl2 = syn.has(flag::ack) ? syn.ack : send_.iss;
  lower_mss(without_options(path), now);
  congestion_.start(mss_);
}

/// Our SYN is acknowledged and we have the peer's.
void Connection::establish(Context& context, const SegmentView& segment, Instant now) {
  // Without a timer our SYN-ACK was a cookie: nobody knows when it left, and its timestamp was rounded.
  const bool is_timed = backoffs_ > 0 || !retransmit_at_.is_never();
  if (is_timed && backoffs_ == 0 && retransmits_ == 0) {
    rtt_.add_sample(now - last_sent_at_);
    rack_path_.add_rtt(static_cast<Micros>(std::max<std::int64_t>((now - last_sent_at_) / 1us, 1)),
                       micros(now));
  } else if (is_timed) {
    measure_by_timestamp(segment, now);
  }
  if (backoffs_ > 0) {  // RFC 5681 3.1: after a lost SYN begin with one segment
    congestion_.set_window(mss_);
    if (!rtt_.has_sample()) rtt_.on_lost_syn();
  }
  send_.una = send_.iss + 1;
  backoffs_ = 0;
  retransmit_at_ = Instant::never();
  syn_owed_ = false;
  progress_at_ = now;
  state_ = State::established;
  context.count(CounterIndex::established);
  restart_keepalive(context, now);
  signal(signal::established | signal::output);
}

/// RFC 9293 3.10.7.3.
InputResult Connection::on_syn_sent(Context& context, const SegmentView& segment, Slice payload,
                                    Instant now) {
  const bool has_ack = segment.has(flag::ack);
  if (has_ack && (segment.ack <= send_.iss || segment.ack > send_.max)) {
    context.count(CounterIndex::drop_bad_ack);
    return segment.has(flag::rst) ? InputResult::taken : InputResult::owes_reset;
  }
  if (segment.has(flag::rst)) {
    if (has_ack) {
      end(context, StreamEnd::refused);
    } else {
      context.count(CounterIndex::drop_bad_reset);
    }
    return InputResult::taken;
  }
  if (!segment.has(flag::syn)) {
    context.count(CounterIndex::drop_bad_flags);
    return InputResult::taken;
  }
  learn_from_syn(segment, now);
  if (!has_ack) {  // simultaneous open: both sides have sent a SYN (3.5, figure 8)
    state_ = State::syn_received;
    backoffs_ = 0;
    syn_owed_ = true;
    signal(signal::output);
    return InputResult::taken;
  }
  establish(context, segment, now);
  ack_now_ = true;
  if (segment.payload_bytes > 0 || segment.has(flag::fin)) {
    receive_.edge =
        receive_.nxt + std::min(receive_space(context).free, Bytes{UINT16_MAX});  // what our SYN said
    SegmentView rest = segment;
    rest.seq += 1;
    rest.flags = static_cast<std::uint8_t>(rest.flags & ~flag::syn);
    on_payload(context, rest, std::move(payload), now);
  }
  return InputResult::taken;
}

/// SYN-RECEIVED and a segment with the peer's SYN in it again.
InputResult Connection::on_repeated_syn(Context& context, const SegmentView& segment, Slice payload,
                                        Instant now) {
  if (!segment.has(flag::ack)) {  // our SYN-ACK was lost, or crosses this on its way
    // RFC 3168 6.1.1: a peer that asks for ECN no more has given up on it.
    if (!segment.has(flag::ece | flag::cwr)) uses_ecn_ = false;
    if (uses_timestamps_ && !fails_paws(segment, now)) remember_timestamp(segment, now);
    syn_owed_ = true;
    signal(signal::output);
    return InputResult::taken;
  }
  // The other half of a simultaneous open: taken for the ACK that it carries, as figure 8 wants.
  SegmentView rest = segment;
  rest.seq += 1;
  rest.flags = static_cast<std::uint8_t>(rest.flags & ~flag::syn);
  return on_synchronized(context, rest, std::move(payload), now);
}

/// RFC 9293 3.10.7.4 for TIME-WAIT: a FIN that comes again is acknowledged and starts the time anew. Resets
/// are ignored (RFC 1337 3, fix 1), so that old ones cannot cut it short.
InputResult Connection::on_time_wait(Context& context, const SegmentView& segment, Instant now) {
  if (segment.has(flag::rst)) {
    context.count(CounterIndex::drop_bad_reset);
    return InputResult::taken;
  }
  if (segment.has(flag::syn) && !segment.has(flag::ack)) {
    // RFC 6191 2: a higher timestamp or, failing that, a higher sequence number shows that it is not old.
    const bool stamped = uses_timestamps_ && segment.options.has_timestamps;
    const std::uint32_t age = segment.options.timestamps.value - timestamp_recent_;
    const bool newer = stamped && age != 0 ? static_cast<std::int32_t>(age) > 0 : segment.seq > receive_.nxt;
    if (newer) {
      end(context, StreamEnd::finished);
      return InputResult::new_syn;
    }
    challenge(context, now);
    return InputResult::taken;
  }
  if (segment.has(flag::fin)) life_at_ = now + time_wait_length;
  if (segment.sequence_length() > 0) {
    ack_now_ = true;
    signal(signal::output);
  }
  return InputResult::taken;
}

}  // namespace byway::tcp
