#include "dataplane/tcp/connection.h"

#include <algorithm>

#include "dataplane/tcp/compact.h"

namespace byway::tcp {

namespace {

/// A writer that found the buffer full is called again when a quarter of it is free, so that it writes more
/// than one segment a call.
constexpr Bytes writable_share = 4;

}  // namespace

// ---- Reading ---------------------------------------------------------------------------------------------

Bytes Connection::take(Context& context, Bytes count, Rope& target, Instant now) {
  const Bytes moved = readable_.move_front(count, target);
  on_consumed(context, moved, now);
  return moved;
}

void Connection::discard(Context& context, Bytes count, Instant now) {
  readable_.consume(count);
  on_consumed(context, count, now);
}

// ---- Writing ---------------------------------------------------------------------------------------------

Bytes Connection::writable(Context& context) const {
  return room(context, context.queue_share());
}

Bytes Connection::room(Context& context, std::uint32_t share) const {
  if ((state_ != State::established && state_ != State::close_wait) || fin_queued_) return 0;
  const Bytes limit = context.send_limit(share, mss_, congestion_.window());
  if (queue_.size() >= limit || queue_.slice_count() >= share) return 0;
  return limit - queue_.size();
}

Bytes Connection::write(Context& context, Rope& data, Instant now) {
  const Bytes offered = data.size();
  const std::uint32_t share = context.queue_share();
  const Bytes wanted = std::min(offered, room(context, share));
  if (wanted > 0 && queue_.size() == 0) begin_queueful(now);
  const Bytes taken = wanted > 0 ? queue_.write(data, wanted, share) : 0;
  queue_.compact_sparse(share, context.memory.buffers);
  bytes_written_ += taken;
  if (taken > 0) signal(signal::output);
  if (taken < offered) {
    wants_writable_ = true;
    look_again_for_room(now);
  }
  return taken;
}

/// With an empty queue no ACK will come to say that there is room: memory is short, so look again.
void Connection::look_again_for_room(Instant now) {
  if (wants_writable_ && queue_.size() == 0 && retransmit_at_.is_never())
    retransmit_at_ = now + starved_retry;
}

void Connection::announce_room(Context& context) {
  if (!wants_writable_) return;
  const std::uint32_t share = context.queue_share();
  const Bytes free = room(context, share);
  if (free == 0) return;
  if (queue_.size() > 0 && free < context.send_limit(share, mss_, congestion_.window()) / writable_share)
    return;
  wants_writable_ = false;
  signal(signal::writable);
}

/// What is queued when the last queueful has left is the next one.
void Connection::begin_queueful(Instant now) {
  queueful_end_ = data_end();
  queueful_since_ms_ = milliseconds(now);
}

std::uint64_t Connection::bytes_sent() const {
  return bytes_written_ - (state_ == State::closed ? unsent_at_end_ : never_sent());
}

Bytes Connection::never_sent() const {
  if (queue_.size() == 0 || data_end() <= send_.max) return 0;
  return std::min(data_end() - send_.max, queue_.size());
}

// ---- Ending ----------------------------------------------------------------------------------------------

void Connection::finish() {
  if (fin_queued_ || state_ == State::closed) return;
  fin_queued_ = true;
  wants_writable_ = false;
  signal(signal::output);
}

void Connection::release_user(Context& context, Instant now) {
  user_gone_ = true;
  readable_.clear();
  if (state_ == State::syn_sent) {  // RFC 9293 3.10.4: nothing to finish
    end(context, StreamEnd::finished);
    return;
  }
  finish();
  if (state_ == State::fin_wait_2) life_at_ = now + fin_wait_2_orphan;
}

/// RFC 9293 3.10.5.
void Connection::abort(Context& context, StreamEnd reason) {
  switch (state_) {
    case State::syn_received:
    case State::established:
    case State::fin_wait_1:
    case State::fin_wait_2:
    case State::close_wait:
      reset_owed_ = true;
      signal(signal::output);
      break;
    default:
      break;
  }
  if (state_ != State::closed) end(context, reason);
  readable_.clear();
}

void Connection::end(Context& context, StreamEnd reason) {
  BYWAY_ASSERT(state_ != State::closed);
  unsent_at_end_ = never_sent();
  if (state_ != State::time_wait) {  // there the end was told on entering
    end_reason_ = reason;
    signal(signal::ended);
  }
  state_ = State::closed;
  retransmit_at_ = ack_at_ = life_at_ = Instant::never();
  queue_.clear();
  release_flight(context);
  release_reassembly(context);
  // What was received in order before an orderly end may still be read; a reset voids it (3.10.7.4), and with
  // it the peer's FIN: who reads on must not take the rest for the whole.
  if (reason == StreamEnd::finished) return;
  readable_.clear();
  fin_received_ = false;
}

void Connection::drop_buffers(Context& context) {
  queue_.clear();
  readable_.clear();
  release_flight(context);
  release_reassembly(context);
}

// ---- Short memory ----------------------------------------------------------------------------------------

void Connection::give_back(Context& context) {
  if (reassembly_ != nullptr) context.count(CounterIndex::reassembly_dropped);
  release_reassembly(context);
  const std::uint32_t share = context.queue_share();
  if (is_sparse(readable_.slice_count(), readable_.size(), share)) {
    static_cast<void>(compact_readable(context));
  }
  queue_.compact_sparse(share, context.memory.buffers);
}

Nanoseconds Connection::stuck_for(Instant now) const {
  std::uint32_t stuck_ms = 0;
  if (queue_.size() > 0) stuck_ms = milliseconds(now) - queueful_since_ms_;
  if (!active_ && !readable_.empty()) stuck_ms = std::max(stuck_ms, milliseconds(now) - unread_since_ms_);
  return std::chrono::milliseconds(stuck_ms);
}

Connection::Statistics Connection::statistics() const {
  Statistics s;
  s.srtt = rtt_.srtt();
  s.rto = rtt_.rto(backoffs_);
  s.cwnd = congestion_.window();
  s.ssthresh = congestion_.threshold();
  s.mss = mss_;
  s.send_window = send_.wnd;
  s.in_flight = in_flight();
  s.reassembly = reassembly_ != nullptr ? reassembly_->size() : 0;
  s.retransmits = retransmits_;
  s.backoffs = backoffs_;
  s.min_rtt = std::chrono::microseconds(rack_path_.min_rtt());
  if (flight_ != nullptr) {
    s.sacked = flight_->sent.sacked();
    s.lost = flight_->sent.lost();
    s.phase = flight_->phase;
  }
  return s;
}

}  // namespace byway::tcp
