// Payload and FIN (RFC 9293 3.10.7.4, seventh and eighth), when to acknowledge, and the window that we offer.
#include <algorithm>
#include <cstring>

#include "dataplane/tcp/compact.h"
#include "dataplane/tcp/connection.h"

namespace byway::tcp {

void Connection::on_payload(Context& context, const SegmentView& segment, Slice payload, Instant now) {
  if (!can_receive()) {  // after the peer's FIN there is nothing
    context.count(CounterIndex::drop_after_fin);
    return;
  }
  Seq seq = segment.seq;
  bool fin = segment.has(flag::fin) && segment.end() > receive_.nxt;
  if (seq < receive_.nxt) {
    const Bytes known = std::min(receive_.nxt - seq, payload.size());
    if (known > 0) note_duplicate_payload(seq, seq + known);
    payload.remove_front(known);
    seq += known;
    if (payload.empty() && !fin) {
      context.count(CounterIndex::drop_duplicate_payload);
      ack_now_ = true;
      signal(signal::output);
      return;
    }
  }
  if (user_gone_ && !payload.empty()) {  // RFC 9293 3.6.1: nobody will read it
    context.count(CounterIndex::drop_after_close);
    abort(context, StreamEnd::reset);
    return;
  }
  if (payload.size() > receive_.edge - seq) {  // 3.10.7.4: cut to the window
    context.count(CounterIndex::payload_cut);
    payload.remove_back(payload.size() - (receive_.edge - seq));
    fin = false;
    ack_now_ = true;
    signal(signal::output);
    if (payload.empty()) return;
  }
  if (seq != receive_.nxt) {
    reassemble(context, seq, std::move(payload), fin);
    return;
  }
  if (reassembly_ != nullptr) cut_to_first_range(seq, payload, fin);
  if (!payload.empty() && !on_next_payload(context, std::move(payload), now)) return;
  if (fin) {
    on_fin(context, now);
  } else if (reassembly_ != nullptr) {
    on_gap_filled(context, now);
  }
}

/// Of octets that come twice the first count, those too that wait behind the hole which `payload` fills: from
/// there on what is new in it goes to them.
void Connection::cut_to_first_range(Seq seq, Slice& payload, bool& fin) {
  if (reassembly_->range_count() == 0) return;
  const SackBlock first = reassembly_->range(0);
  const Seq end = seq + payload.size();
  if (end <= first.first) return;
  if (fin) reassembly_->set_end(end);
  fin = false;
  const Bytes kept = first.first - seq;
  if (end > first.end)
    static_cast<void>(reassembly_->insert(first.first, payload.share(kept, end - first.first)));
  payload.remove_back(end - first.first);
}

/// Payload that begins at rcv_nxt and lies in the window. False: no memory, and as if it had been lost.
bool Connection::on_next_payload(Context& context, Slice payload, Instant now) {
  const Bytes size = payload.size();
  if (!append(context, payload)) {
    // What waits behind a hole must not keep out what fills it: it is let go (the peer sends it again).
    if (reassembly_ != nullptr) context.count(CounterIndex::reassembly_dropped);
    release_reassembly(context);
    if (!append(context, payload)) {
      context.count(context.pressure() == Pressure::none ? CounterIndex::drop_no_memory
                                                         : CounterIndex::drop_share);
      return false;
    }
  }
  receive_mss_ = static_cast<std::uint16_t>(std::clamp<Bytes>(size, receive_mss_, mss_own_));
  on_in_order(context, size, now);
  return true;
}

/// False: no memory, or no more for this connection; `payload` is untouched.
bool Connection::append(Context& context, Slice& payload) {
  if (!context.has_nodes_beyond(nodes_kept_from_receiving)) return false;
  const std::uint32_t slices_max = context.received_slices_max();
  if (slices_max == 0) return false;
  if (is_sparse(readable_.slice_count(), readable_.size(), slices_max)) {
    static_cast<void>(compact_readable(context));
  }
  if (readable_.slice_count() >= slices_max && !compact_readable(context)) return false;
  if (!readable_.append(std::move(payload))) return false;
  context.buffers.take();
  return true;
}

/// Copies a receive queue of tiny slices together. False: it gains too little, or no memory.
bool Connection::compact_readable(Context& context) {
  if (!compact(readable_, context.memory.buffers)) return false;
  context.count(CounterIndex::receive_compactions);
  return true;
}

/// `count` octets have moved into the readable queue: when to acknowledge them (RFC 9293 3.8.6.3, RFC 5681
/// 4.2). ACKs of one burst merge, and ride on data where there is some.
void Connection::on_in_order(Context& context, Bytes count, Instant now) {
  context.count(CounterIndex::payload_bytes_in, count);
  if (readable_.size() == count) unread_since_ms_ = milliseconds(now);  // there was nothing before
  receive_.nxt += count;
  signal(signal::readable);
  if (quick_acks_left_ > 0) {
    --quick_acks_left_;
    ack_now_ = true;
  } else if (receive_.nxt - receive_.last_ack_sent >= 2u * receive_mss_) {
    ack_now_ = true;
  } else if (ack_at_.is_never()) {
    ack_at_ = now + ack_delay;
  }
  if (ack_now_) signal(signal::output);
}

/// RFC 5681 4.2: an out-of-order segment is answered at once, each by an ACK of its own, because the sender
/// counts them; so is one that fills a gap.
void Connection::reassemble(Context& context, Seq seq, Slice payload, bool fin) {
  if (duplicate_acks_owed_ < duplicate_acks_owed_max) ++duplicate_acks_owed_;
  signal(signal::output);
  if (reassembly_ == nullptr && context.pressure() != Pressure::critical) {
    reassembly_ = context.reassemblies.acquire(context.memory.slices);
  }
  if (reassembly_ == nullptr) {
    context.count(CounterIndex::drop_reassembly_full);
    return;
  }
  const std::uint32_t slices = readable_.slice_count() + reassembly_->slice_count();
  if (context.buffers.is_at_floor() || slices >= context.queue_share()) {
    context.count(CounterIndex::drop_share);
    if (reassembly_->empty()) release_reassembly(context);
    return;
  }
  const Seq end = seq + payload.size();
  Reassembly::Result result = Reassembly::Result::kept;
  if (!payload.empty()) result = reassembly_->insert(seq, std::move(payload));
  switch (result) {
    case Reassembly::Result::kept:
      context.count(CounterIndex::out_of_order_in);
      context.buffers.take();
      [[fallthrough]];
    case Reassembly::Result::duplicate:
      if (result == Reassembly::Result::duplicate && end > seq) note_duplicate_payload(seq, end);
      if (fin) reassembly_->set_end(end);
      break;
    case Reassembly::Result::full:
      context.count(CounterIndex::drop_reassembly_full);
      break;
    case Reassembly::Result::no_memory:
      context.count(CounterIndex::drop_no_memory);
      break;
  }
  if (reassembly_->empty()) release_reassembly(context);
}

void Connection::on_gap_filled(Context& context, Instant now) {
  const Bytes taken = reassembly_->take(receive_.nxt, readable_);
  if (taken > 0) on_in_order(context, taken, now);
  ack_now_ = true;
  signal(signal::output);
  if (reassembly_->ends_at(receive_.nxt)) {
    on_fin(context, now);
  } else if (reassembly_->empty()) {
    release_reassembly(context);
  }
}

void Connection::on_fin(Context& context, Instant now) {
  receive_.nxt += 1;
  receive_.edge = later(receive_.edge, receive_.nxt);
  fin_received_ = true;
  ack_now_ = true;
  signal(signal::readable | signal::output);
  release_reassembly(context);
  switch (state_) {
    case State::established:
      state_ = State::close_wait;
      break;
    case State::fin_wait_1:  // our FIN is not acknowledged yet: simultaneous close (3.6, figure 13)
      state_ = State::closing;
      break;
    case State::fin_wait_2:
      enter_time_wait(context, now);
      break;
    default:
      break;
  }
}

/// RFC 2883 4: only the latest is reported, once.
void Connection::note_duplicate_payload(Seq first, Seq end) {
  has_dsack_ = true;
  dsack_ = {first, end};
}

/// RFC 3168 6.1.3: a mark is echoed in all ACKs until the sender says that it has reduced its window.
void Connection::note_congestion_mark(Context& context, const SegmentView& segment) {
  if (segment.has(flag::cwr)) ece_owed_ = false;
  if (segment.ecn != ecn::congested) return;
  context.count(CounterIndex::congestion_marks_in);
  ece_owed_ = true;
  ack_now_ = true;
  signal(signal::output);
}

void Connection::release_reassembly(Context& context) {
  if (reassembly_ == nullptr) return;
  context.reassemblies.release(reassembly_);
  reassembly_ = nullptr;
}

// ---- The window that we offer ----------------------------------------------------------------------------

/// The buffer, or what a window field can say of it: 65,535 octets without scaling (RFC 7323 2.2). What is
/// beyond cannot be offered, so it makes no difference to the peer either.
Connection::ReceiveSpace Connection::receive_space(Context& context) const {
  const Bytes limit = std::min(receive_buffer_, context.queue_share() * mss_own_);
  const Bytes window_max = std::min(limit, Bytes{UINT16_MAX} << receive_scale_);
  return {window_max, std::min(limit - std::min(limit, readable_.size()), window_max)};
}

/// The reader took `count` octets: dynamic right-sizing (Fisk and Feng, 2001). What it takes in one round
/// trip is what the peer can send in one; the buffer becomes twice that, so that a peer in slow start is not
/// held up. It never shrinks: it is room, not memory, and what memory there is decides beside it.
void Connection::tune_receive_buffer(const Context& context, Bytes count, Instant now) {
  if (receive_buffer_ >= context.options.receive_buffer_bytes) return;
  tuned_octets_ += std::min(count, congestion_window_max - std::min(tuned_octets_, congestion_window_max));
  const Micros now_us = micros(now);
  if (now_us - tuned_at_ < rtt_.srtt_us()) return;
  if (tuned_octets_ > receive_buffer_ / 2) {
    const Bytes wanted = 2 * tuned_octets_;
    receive_buffer_ = std::clamp(wanted, receive_buffer_, context.options.receive_buffer_bytes);
  }
  tuned_octets_ = 0;
  tuned_at_ = now_us;
}

/// The reader took something. A window update of its own is due only when it makes a difference to the peer:
/// half the window, or a first full segment after the window was closed (RFC 9293 3.8.6.2.2). Otherwise the
/// next ACK says it.
void Connection::on_consumed(Context& context, Bytes count, Instant now) {
  tune_receive_buffer(context, count, now);
  unread_since_ms_ = milliseconds(now);
  if (!can_receive()) return;
  // While the peer knows of more than half of the largest window there is no half to gain.
  const Bytes known = receive_.edge - receive_.nxt;
  if (known >= mss_own_ && known > receive_buffer_ / 2 + 1) return;
  const ReceiveSpace space = receive_space(context);
  const Seq target = receive_.nxt + space.free;
  if (target <= receive_.edge) return;
  const Bytes gain = target - receive_.edge;
  const Bytes half = space.window_max / 2;
  if (gain < half && (known >= mss_own_ || gain < std::min<Bytes>(mss_own_, half))) return;
  ack_now_ = true;
  signal(signal::output);
}

/// The window field of the next segment; moves the right edge. It moves forward only by a full segment or
/// half the window (RFC 9293 3.8.6.2.2, receiver's silly window avoidance), and never back (3.8.6, SHLD-14).
/// Rounding to the scale goes up, since down would move it back; that offers up to 127 octets too many.
std::uint16_t Connection::advertise_window(Context& context, WindowGrowth growth) {
  const ReceiveSpace space = receive_space(context);
  const Seq target = receive_.nxt + space.free;
  if (growth == WindowGrowth::allowed && target > receive_.edge &&
      target - receive_.edge >= std::min<Bytes>(mss_own_, space.window_max / 2)) {
    receive_.edge = target;
  }
  const std::uint32_t unit = 1u << receive_scale_;
  const std::uint32_t units = (receive_.edge - receive_.nxt + unit - 1) >> receive_scale_;
  const auto field = static_cast<std::uint16_t>(std::min<std::uint32_t>(units, UINT16_MAX));
  receive_.edge = receive_.nxt + (std::uint32_t{field} << receive_scale_);
  return field;
}

/// The window of a SYN, which is not scaled (RFC 7323 2.2).
std::uint16_t Connection::advertise_first_window(Context& context) {
  const auto field = static_cast<std::uint16_t>(std::min<Bytes>(receive_space(context).free, UINT16_MAX));
  receive_.edge = receive_.nxt + field;
  return field;
}

}  // namespace byway::tcp
