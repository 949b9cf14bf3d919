// The next segment to send: at most one a call, chosen in this order: reset, SYN, duplicate ACKs,
// retransmission, window probe, new data and FIN, plain ACK.
#include <algorithm>

#include "dataplane/tcp/connection.h"

namespace byway::tcp {

bool Connection::next_segment(Context& context, HeaderFields& header, Rope& payload, Instant now) {
  switch (state_) {
    case State::closed:
      if (!reset_owed_) return false;
      build_reset(context, header);
      return true;
    case State::syn_sent:
    case State::syn_received:
      if (!syn_owed_) return false;
      build_syn(context, header, now);
      return true;
    default:
      break;
  }
  if (duplicate_acks_owed_ > 0) {
    --duplicate_acks_owed_;
    context.count(CounterIndex::duplicate_acks_out);
    fill_header(context, header, ack_seq(), flag::ack, now, WindowGrowth::frozen);
    return true;
  }
  if (retransmit_owed_ && build_retransmission(context, header, payload, now)) return true;
  if (probe_owed_ && build_probe(context, header, payload, now)) return true;
  if (build_new(context, header, payload, now)) return true;
  watch_closed_window(now);
  if (keepalive_owed_) {  // RFC 9293 3.8.4: an octet that the peer has acknowledged makes it answer
    keepalive_owed_ = false;
    context.count(CounterIndex::keepalive_probes);
    fill_header(context, header, send_.una - 1, flag::ack, now);
    return true;
  }
  if (!ack_now_) return false;
  context.count(CounterIndex::pure_acks_out);
  fill_header(context, header, ack_seq(), flag::ack, now);
  return true;
}

// ---- Headers ---------------------------------------------------------------------------------------------

/// Header of a segment that acknowledges (all but the first SYN and resets); what it says is owed no more.
void Connection::fill_header(const Context& context, HeaderFields& header, Seq seq, std::uint8_t flags,
                             Instant now, WindowGrowth growth) {
  header.seq = seq;
  header.ack = receive_.nxt;
  header.flags = flags;
  header.window = advertise_window(context, growth);
  header.options.has_timestamps = uses_timestamps_;
  header.options.timestamps = {timestamp(now), timestamp_recent_};
  receive_.last_ack_sent = receive_.nxt;
  ack_now_ = false;
  ack_at_ = Instant::never();
}

/// Where ACKs without data stand: behind all that was sent, so that the peer takes them for new. Probes of a
/// closed window do not count: the peer has not taken their octet.
Seq Connection::ack_seq() const {
  return persisting_ ? send_.nxt : send_.max;
}

void Connection::build_syn(Context& context, HeaderFields& header, Instant now) {
  const bool answer = state_ == State::syn_received;
  const bool again = send_.max != send_.iss;
  syn_owed_ = false;
  header.seq = send_.iss;
  header.flags = answer ? flag::syn | flag::ack : flag::syn;
  header.ack = answer ? receive_.nxt : Seq{};
  header.window = advertise_first_window(context);
  header.options.mss = mss_own_;
  header.options.has_window_scale = receive_scale_ != 0;
  header.options.window_scale = receive_scale_;
  header.options.has_timestamps = uses_timestamps_;
  header.options.timestamps = {timestamp(now), answer ? timestamp_recent_ : 0};
  if (answer) receive_.last_ack_sent = receive_.nxt;
  if (again) {
    context.count(CounterIndex::syn_retransmits);
    ++retransmits_;
    timing_ = false;
  } else {
    timing_ = true;
    timed_seq_ = send_.iss + 1;
    timed_at_ = now;
  }
  send_.nxt = send_.max = send_.iss + 1;
  last_sent_at_ = now;
  if (retransmit_at_.is_never()) retransmit_at_ = now + rtt_.rto(backoffs_);
}

/// RFC 9293 3.10.5: <SEQ=SND.NXT><CTL=RST>; the ACK beside it does no harm and tells more.
void Connection::build_reset(Context& context, HeaderFields& header) {
  reset_owed_ = false;
  context.count(CounterIndex::resets_out);
  header.seq = ack_seq();
  header.ack = receive_.nxt;
  header.flags = flag::rst | flag::ack;
  header.window = 0;
}

// ---- Data ------------------------------------------------------------------------------------------------

/// One segment from snd_una again (fast retransmit and partial ACKs; a time-out rewinds the queue instead).
bool Connection::build_retransmission(Context& context, HeaderFields& header, Rope& payload, Instant now) {
  retransmit_owed_ = false;
  const Bytes out = send_.max - send_.una;
  Bytes length = std::min({Bytes{mss_}, queue_.size(), out});
  if (length > 0) {
    length = queue_.share_front(length, payload);
    if (length == 0) {
      on_starved(context, now);
      return false;
    }
  }
  const bool fin = fin_sent() && send_.una + length == data_end() && length < out;
  if (length == 0 && !fin) return false;
  fill_header(context, header, send_.una, fin ? flag::ack | flag::fin : flag::ack, now);
  on_sent(context, send_.una, send_.una + length + (fin ? 1u : 0u), now);
  return true;
}

/// RFC 9293 3.8.6.1: one octet into a closed window, which stays unsent as far as we are concerned; or, where
/// the window is too small for its sender's taste (3.8.6.2.1, override time-out), what fits.
bool Connection::build_probe(Context& context, HeaderFields& header, Rope& payload, Instant now) {
  probe_owed_ = false;
  if (in_flight() > 0 || queue_.unsent() == 0) return false;
  const Bytes length = std::min({queue_.unsent(), Bytes{mss_}, send_.wnd});
  context.count(CounterIndex::zero_window_probes);
  if (length > 0) return build_data(context, header, payload, length, now);
  if (queue_.share_front(1, payload) == 0) {
    on_starved(context, now);
    return false;
  }
  fill_header(context, header, send_.una, flag::ack, now);
  on_sent(context, send_.una, send_.una + 1, now);
  timing_ = false;  // the peer need not take it, so its ACK measures nothing
  return true;
}

bool Connection::build_new(Context& context, HeaderFields& header, Rope& payload, Instant now) {
  if (state_ == State::fin_wait_2 || state_ == State::time_wait) return false;
  if (queue_.unsent() > 0) {
    // RFC 5681 4.1: after a pause the window says nothing about the path any more.
    if (in_flight() == 0 && now - last_sent_at_ > rtt_.rto()) congestion_.on_idle(mss_);
    const Bytes length = sendable();
    return length > 0 && build_data(context, header, payload, length, now);
  }
  if (!may_send_fin(0)) return false;
  const Seq first = send_.nxt;
  fill_header(context, header, first, flag::ack | flag::fin, now);
  send_.nxt += 1;
  on_fin_sent();
  on_sent(context, first, send_.nxt, now);
  return true;
}

bool Connection::build_data(Context& context, HeaderFields& header, Rope& payload, Bytes wanted,
                            Instant now) {
  const Seq first = send_.nxt;
  if (!may_take_nodes(context)) {
    if (in_flight() == 0) on_starved(context, now);
    return false;
  }
  const Bytes length = queue_.send(wanted, payload, context.memory.buffers);
  if (length == 0) {
    on_starved(context, now);
    return false;
  }
  if (persisting_) {  // what goes now is in flight like any other, and the timer is the RTO again
    persisting_ = false;
    retransmit_at_ = Instant::never();
  }
  const bool fin = queue_.unsent() == 0 && may_send_fin(length);
  std::uint8_t flags = flag::ack;
  if (queue_.unsent() == 0) flags |= flag::psh;
  if (fin) flags |= flag::fin;
  fill_header(context, header, first, flags, now);
  quick_acks_left_ = 0;  // a dialogue: the ACKs ride on our data from now on
  send_.nxt += length + (fin ? 1u : 0u);
  if (fin) on_fin_sent();
  on_sent(context, first, send_.nxt, now);
  return true;
}

/// Sent octets hold chain nodes until they are acknowledged; see limits.h. What is sent again holds them
/// already.
bool Connection::may_take_nodes(const Context& context) const {
  if (send_.nxt < send_.max || context.nodes_pressure() != Pressure::critical) return true;
  return in_flight() == 0 && context.has_nodes_beyond(nodes_kept_from_new_data);
}

/// How much new data may go now: RFC 9293 3.8.6.2.1 (silly window avoidance without the Nagle delay, which
/// is off): a full segment, all there is, or half the largest window that the peer ever offered.
Bytes Connection::sendable() const {
  const Bytes wanted = std::min(queue_.unsent(), Bytes{mss_});
  const Bytes flight = in_flight();
  const Bytes allowed = congestion_.window() + recovery_.extra_segments() * mss_;
  if (allowed < flight + wanted) return 0;
  const Bytes room = send_.wnd > flight ? send_.wnd - flight : 0;
  if (wanted <= room) return wanted;
  return room > 0 && room >= send_.wnd_max / 2 ? room : 0;
}

/// Whether the FIN may follow `length` octets from snd_nxt on: all data before it has been sent, and the
/// window takes it, or nothing is out and it serves as the probe.
bool Connection::may_send_fin(Bytes length) const {
  if (!fin_queued_ || send_.nxt + length != data_end()) return false;
  const Bytes flight = in_flight() + length;
  return flight == 0 || flight < send_.wnd;
}

void Connection::on_fin_sent() {
  if (state_ == State::established) state_ = State::fin_wait_1;
  if (state_ == State::close_wait) state_ = State::last_ack;
}

// ---- After sending ---------------------------------------------------------------------------------------

/// Octets [first, end) have been handed out.
void Connection::on_sent(Context& context, Seq first, Seq end, Instant now) {
  if (first < send_.max) {
    context.count(CounterIndex::retransmitted_segments);
    ++retransmits_;
    timing_ = false;  // RFC 6298 3, Karn: an ACK cannot tell which transmission it is for
  } else if (!timing_) {
    timing_ = true;
    timed_seq_ = end;
    timed_at_ = now;
  }
  if (send_.max == send_.una && !persisting_) progress_at_ = now;
  send_.max = later(send_.max, end);
  if (retransmit_at_.is_never()) retransmit_at_ = now + rtt_.rto(backoffs_);  // RFC 6298 5.1
  last_sent_at_ = now;
}

/// Chain nodes are out. What was owed is tried again soon, whatever timer runs.
void Connection::on_starved(Context& context, Instant now) {
  context.count(CounterIndex::send_starved);
  if (retransmit_at_.is_never()) retransmit_at_ = now + starved_retry;
}

/// Data waits and nothing is out that would bring an ACK: probe (RFC 9293 3.8.6.1, from one RTO on).
void Connection::watch_closed_window(Instant now) {
  if (queue_.unsent() == 0 || in_flight() > 0 || !retransmit_at_.is_never()) return;
  persisting_ = true;
  if (send_.max == send_.una) progress_at_ = now;  // else the peer owes progress already
  retransmit_at_ = now + rtt_.rto(backoffs_);
}

}  // namespace byway::tcp
