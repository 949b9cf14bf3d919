// A lone segment: all that is out was sent once, at last_sent_at_, in one piece. Most requests and responses
// of a mesh are no more than that, so it has no Flight: what one would know follows from the connection.
// Whatever happens to it other than an ACK of all of it makes a Flight first (make_flight), and all goes on
// as if there had always been one.
#include <algorithm>

#include "dataplane/tcp/connection.h"

namespace byway::tcp {

/// Whether what is sent next needs no Flight. (A FIN is not what an ACK is only counted for, and a pacer is
/// kept in the Flight.)
bool Connection::may_be_lone(const Context& context) const {
  return in_flight() == 0 && flight_ == nullptr && !fin_queued_ && context.options.lone_segments &&
         !context.options.pacing;
}

/// As on_sent: octets up to snd_nxt have been handed out, and nothing else is out.
void Connection::on_lone_sent(Instant now) {
  lone_ = true;
  if (send_.max == send_.una) progress_at_ = now;
  send_.max = send_.nxt;
  if (retransmit_at_.is_never()) retransmit_at_ = now + rtt_.rto(backoffs_);
  last_sent_at_ = now;
}

/// As on_ack for an ACK of all of it, with no news but that.
void Connection::on_lone_acknowledged(Context& context, Instant now) {
  const Micros now_us = micros(now);
  Delivery delivery;
  delivery.advances = true;
  delivery.octets = delivery.flight = in_flight();
  delivery.rtt = std::max(now_us - micros(last_sent_at_), 1u);
  queue_.acknowledge(delivery.octets);
  send_.una = send_.nxt;
  progress_at_ = now;
  follow_queueful(now);
  lone_ = false;
  backoffs_ = 0;
  rack_path_.add_rtt(delivery.rtt, now_us);
  rtt_.add_sample_us(delivery.rtt);
  CongestionControl::Rounds rounds;
  grow_window(delivery, rounds, now);
  retransmit_at_ = Instant::never();
  on_room(context, now);
}

/// As schedule_probe. What it is made from does not change before the ACK.
Instant Connection::lone_probe_at() const {
  if (!sack_permitted_ || persisting_) return Instant::never();
  return std::min(last_sent_at_ + probe_wait(true), retransmit_at_);
}

/// Of a lone segment.
void Connection::make_flight(Context& context) {
  BYWAY_ASSERT(lone_ && flight_ == nullptr);
  const Instant probe_at = lone_probe_at();
  lone_ = false;
  flight_ = context.flights.acquire(send_.una);
  // The stack has a place for each socket, and the first entries lie inside.
  const bool has_room = flight_ != nullptr && flight_->sent.make_room(context.sent_blocks);
  BYWAY_ASSERT(has_room);
  flight_->sent.push({send_.una, micros(last_sent_at_), static_cast<std::uint16_t>(in_flight())});
  if (!probe_at.is_never()) flight_->set_timer(Flight::Timer::probe, probe_at);
}

}  // namespace byway::tcp
