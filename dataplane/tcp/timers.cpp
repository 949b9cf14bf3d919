// What is due: retransmission, SYN, window probe (one deadline), delayed ACK, and the connection's life
// (keepalive, FIN-WAIT-2 without a user, TIME-WAIT).
#include <algorithm>

#include "dataplane/tcp/connection.h"

namespace byway::tcp {

Instant Connection::deadline() const {
  Instant flight_at = Instant::never();
  if (flight_ != nullptr) flight_at = std::min(flight_->timer_at, flight_->pacer.wake_at);
  if (lone_) flight_at = lone_probe_at();
  return std::min(std::min(retransmit_at_, flight_at), std::min(ack_at_, life_at_));
}

void Connection::on_deadline(Context& context, Instant now) {
  if (lone_) make_flight(context);
  if (ack_at_ <= now) {
    ack_at_ = Instant::never();
    ack_now_ = true;
    context.count(CounterIndex::delayed_acks);
    signal(signal::output);
  }
  if (flight_ != nullptr && flight_->pacer.wake_at <= now) {
    flight_->pacer.wake_at = Instant::never();
    signal(signal::output);
  }
  if (flight_ != nullptr && flight_->timer_at <= now) on_flight_timer(context, now);
  if (retransmit_at_ <= now) on_retransmit_deadline(context, now);
  if (life_at_ <= now) on_life_deadline(context, now);
}

void Connection::on_retransmit_deadline(Context& context, Instant now) {
  retransmit_at_ = Instant::never();
  if (state_ == State::syn_sent || state_ == State::syn_received) {
    on_syn_timeout(context);
    return;
  }
  announce_room(context);
  const bool out = in_flight() > 0;
  if (!out && queue_.unsent() == 0) {
    signal(signal::output);  // a FIN that found no room
    look_again_for_room(now);
    return;
  }
  // The peer has answered the probe before this one, so it owes progress from here on, however far apart
  // probes are (RFC 9293 3.8.6.1, MUST-37).
  if (persisting_ && !probe_unanswered_ && !user_gone_) progress_at_ = now;
  if (now - progress_at_ >= context.options.user_timeout) {  // RFC 9293 3.8.3, R2
    end(context, StreamEnd::timed_out);
    return;
  }
  if (backoffs_ < UINT8_MAX) ++backoffs_;  // RFC 6298 5.5; for probes: 9293 3.8.6.1
  signal(signal::output);
  if (!out) {
    probe_owed_ = true;
    return;
  }
  context.count(CounterIndex::retransmit_timeouts);
  begin_timeout_phase(now);
  suspect_black_hole(context, now);
  retransmit_at_ = now + rtt_.rto(backoffs_);
}

void Connection::on_syn_timeout(Context& context) {
  const std::uint8_t retries_max =
      state_ == State::syn_sent || active_ ? syn_retransmits_max : syn_ack_retransmits_max;
  if (backoffs_ >= retries_max) {
    end(context, StreamEnd::timed_out);
    return;
  }
  ++backoffs_;
  syn_owed_ = true;
  signal(signal::output);
}

void Connection::on_life_deadline(Context& context, Instant now) {
  life_at_ = Instant::never();
  switch (state_) {
    case State::time_wait:
      end(context, StreamEnd::finished);
      return;
    case State::fin_wait_2:
      if (user_gone_) {
        end(context, StreamEnd::timed_out);
        return;
      }
      break;
    default:
      break;
  }
  const KeepAlive& keepalive = context.options.keepalive;
  if (!keepalive.enabled) return;
  if (in_flight() > 0 || queue_.unsent() > 0) {  // retransmissions and probes watch over it already
    life_at_ = now + keepalive.idle;
    return;
  }
  if (keepalive_probes_ >= keepalive.probes_max) {
    abort(context, StreamEnd::timed_out);
    return;
  }
  ++keepalive_probes_;
  keepalive_owed_ = true;
  signal(signal::output);
  life_at_ = now + keepalive.interval;
}

/// Every segment that is accepted shows that the peer is there (RFC 9293 3.8.4).
void Connection::restart_keepalive(const Context& context, Instant now) {
  if (!context.options.keepalive.enabled || (user_gone_ && state_ == State::fin_wait_2)) return;
  keepalive_probes_ = 0;
  life_at_ = now + context.options.keepalive.idle;
}

void Connection::enter_time_wait(Context& context, Instant now) {
  state_ = State::time_wait;
  end_reason_ = StreamEnd::finished;
  retransmit_at_ = Instant::never();
  life_at_ = now + time_wait_length;
  signal(signal::ended);
  release_reassembly(context);
}

}  // namespace byway::tcp
