// The next segment to send: at most one a call, chosen in this order: reset, SYN, duplicate ACKs,
// retransmission, window probe, new data and FIN, plain ACK.
#include <algorithm>
#include <span>

#include "dataplane/tcp/connection.h"

namespace byway::tcp {

bool Connection::next_segment(Context& context, HeaderFields& header, Rope& payload, Instant now) {
  switch (state_) {
    case State::closed:
      if (!reset_owed_) return false;
      build_reset(context, header, now);
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
    add_sack(context, header, 0);
    return true;
  }
  if (build_retransmission(context, header, payload, now)) return true;
  if (tail_probe_owed_ && build_tail_probe(context, header, payload, now)) return true;
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
  add_sack(context, header, 0);
  return true;
}

// ---- Headers ---------------------------------------------------------------------------------------------

/// Header of a segment that acknowledges (all but the first SYN and resets); what it says is owed no more.
void Connection::fill_header(Context& context, HeaderFields& header, Seq seq, std::uint8_t flags, Instant now,
                             WindowGrowth growth) {
  header.seq = seq;
  header.ack = receive_.nxt;
  header.flags = ece_owed_ ? flags | flag::ece : flags;
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
  // RFC 3168 6.1.1.1: who does not answer may be behind something that drops such SYNs.
  if (again && !answer) uses_ecn_ = false;
  header.seq = send_.iss;
  header.flags = answer ? flag::syn | flag::ack : flag::syn;
  if (uses_ecn_) header.flags |= answer ? flag::ece : flag::ece | flag::cwr;
  header.ack = answer ? receive_.nxt : Seq{};
  header.window = advertise_first_window(context);
  header.options.mss = mss_own_;
  header.options.has_window_scale = receive_scale_ != 0;
  header.options.window_scale = receive_scale_;
  header.options.sack_permitted = sack_permitted_;
  header.options.has_timestamps = uses_timestamps_;
  header.options.timestamps = {timestamp(now), answer ? timestamp_recent_ : 0};
  if (answer) receive_.last_ack_sent = receive_.nxt;
  if (again) {
    context.count(CounterIndex::syn_retransmits);
    ++retransmits_;
  }
  send_.nxt = send_.max = send_.iss + 1;
  last_sent_at_ = now;
  if (retransmit_at_.is_never()) retransmit_at_ = now + rtt_.rto(backoffs_);
}

/// RFC 9293 3.10.5: <SEQ=SND.NXT><CTL=RST>; the ACK beside it does no harm and tells more.
void Connection::build_reset(Context& context, HeaderFields& header, Instant now) {
  reset_owed_ = false;
  context.count(CounterIndex::resets_out);
  header.seq = ack_seq();
  header.ack = receive_.nxt;
  header.flags = flag::rst | flag::ack;
  header.window = 0;
  header.options.has_timestamps = uses_timestamps_;  // RFC 7323 3.2
  header.options.timestamps = {timestamp(now), timestamp_recent_};
}

// ---- Data ------------------------------------------------------------------------------------------------

/// The first segment that is lost, as far as the window allows (RFC 6675 5, NextSeg rule 1).
bool Connection::build_retransmission(Context& context, HeaderFields& header, Rope& payload, Instant now) {
  if (flight_ == nullptr || flight_->sent.lost() == 0) return false;
  if (flight_->frto == Flight::Frto::second_ack) return false;  // RFC 5682 2.1 step 2: new data first
  const SentSegments::Place at = flight_->sent.first_lost();
  const bool has_room = pipe() + at->bytes <= congestion_.window() || pipe() == 0;
  if (!has_room && !flight_->first_owed) return false;
  if (!build_again(context, header, payload, at, now)) return false;
  flight_->first_owed = false;
  if (!flight_->has_stamp) {
    flight_->has_stamp = true;
    flight_->stamp = timestamp(now);
  }
  return true;
}

/// What stands at `at` in the scoreboard, once more.
bool Connection::build_again(Context& context, HeaderFields& header, Rope& payload, SentSegments::Place at,
                             Instant now) {
  SentSegments& sent = flight_->sent;
  const Seq first = at->first;
  const Bytes offset = first - send_.una;
  Bytes length = std::min<Bytes>(at->bytes, queue_.size() - offset);
  if (length > mss_) {  // the path takes less than it did
    if (!sent.split(at, mss_, context.sent_blocks)) {
      on_starved(context, now);
      return false;
    }
    at = sent.find(sent.begin(), first);
    length = mss_;
  }
  if (length > 0 && !queue_.share_sent(offset, length, payload)) {
    on_starved(context, now);
    return false;
  }
  const bool fin = at->bytes > length;
  std::uint8_t flags = flag::ack;
  if (length > 0 && first + length == data_end()) flags |= flag::psh;  // RFC 9293 3.9.1.2 (MUST-61)
  if (fin) flags |= flag::fin;
  fill_header(context, header, first, flags, now);
  add_sack(context, header, length);
  flight_->prr.on_sent(at->bytes);
  sent.set_sent_again(at, micros(now));
  ++flight_->unproven;  // probes too: their DSACK must not speak for another
  context.count(CounterIndex::retransmitted_segments);
  ++retransmits_;
  // RFC 6675 6: the time for the first segment begins anew when it is sent again.
  if (offset == 0 || retransmit_at_.is_never()) retransmit_at_ = now + rtt_.rto(backoffs_);
  last_sent_at_ = now;
  return true;
}

/// RFC 8985 7.3: new data if there is some, else the last segment again, beside the window.
bool Connection::build_tail_probe(Context& context, HeaderFields& header, Rope& payload, Instant now) {
  tail_probe_owed_ = false;
  if (flight_ == nullptr || flight_->sent.empty() || flight_->phase != Phase::open) return false;
  const Bytes flight = in_flight();
  const Bytes fresh = std::min(queue_.unsent(), Bytes{mss_});
  const bool is_new = fresh > 0 && send_.wnd >= flight + fresh;
  const bool built = is_new ? build_data(context, header, payload, fresh, now)
                            : build_again(context, header, payload, flight_->sent.last(), now);
  if (!built) return false;
  context.count(CounterIndex::tail_loss_probes);
  flight_->stop_timer();
  flight_->probe_out = true;
  flight_->probe_was_retransmission = !is_new;
  flight_->probe_end = send_.nxt;
  return true;
}

/// RFC 9293 3.8.6.1: one octet into a closed window, which stays unsent as far as we are concerned; or, where
/// the window is too small for its sender's taste (3.8.6.2.1, override time-out), what fits.
bool Connection::build_probe(Context& context, HeaderFields& header, Rope& payload, Instant now) {
  probe_owed_ = false;
  if (in_flight() > 0 || queue_.unsent() == 0) return false;
  probe_unanswered_ = true;
  const Bytes length = std::min({queue_.unsent(), Bytes{mss_}, send_.wnd});
  context.count(CounterIndex::zero_window_probes);
  if (length > 0) return build_data(context, header, payload, length, now);
  if (!queue_.share_unsent_octet(payload)) {
    on_starved(context, now);
    return false;
  }
  fill_header(context, header, send_.una, flag::ack, now);
  send_.max = send_.una + 1;
  if (retransmit_at_.is_never()) retransmit_at_ = now + rtt_.rto(backoffs_);
  last_sent_at_ = now;
  return true;
}

bool Connection::build_new(Context& context, HeaderFields& header, Rope& payload, Instant now) {
  if (state_ == State::fin_wait_2 || state_ == State::time_wait) return false;
  if (queue_.unsent() > 0) {
    try_larger_mss(now);
    // RFC 5681 4.1: after a pause the window says nothing about the path any more.
    const Nanoseconds pause = now - last_sent_at_;
    if (in_flight() == 0 && pause > rto_margin_min && pause > rtt_.rto()) congestion_.on_idle(mss_);
    if (flight_ != nullptr && flight_->frto == Flight::Frto::second_ack && flight_->frto_new == 0)
      return false;
    const Bytes length = sendable();
    if (length == 0 || (context.options.pacing && !is_paced_in(now))) return false;
    return build_data(context, header, payload, length, now);
  }
  if (!may_send_fin(0)) return false;
  if (!make_room_in_flight(context)) {
    on_starved(context, now);
    return false;
  }
  const Seq first = send_.nxt;
  fill_header(context, header, first, flag::ack | flag::fin, now);
  send_.nxt += 1;
  on_fin_sent();
  on_sent(first, send_.nxt, context.options.pacing, now);
  return true;
}

bool Connection::build_data(Context& context, HeaderFields& header, Rope& payload, Bytes wanted,
                            Instant now) {
  const Seq first = send_.nxt;
  const bool is_lone = may_be_lone(context);
  if (!may_take_nodes(context) || (!is_lone && !make_room_in_flight(context))) {
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
  if (has_dsack_ || reassembly_ != nullptr) add_sack(context, header, length);
  if (uses_ecn_) {
    header.ecn = ecn::capable;  // RFC 3168 6.1.5: new data only
    if (cwr_owed_) header.flags |= flag::cwr;
    cwr_owed_ = false;
  }
  quick_acks_left_ = 0;  // a dialogue: the ACKs ride on our data from now on
  send_.nxt += length + (fin ? 1u : 0u);
  if (fin) on_fin_sent();
  if (is_lone) {
    on_lone_sent(now);
  } else {
    on_sent(first, send_.nxt, context.options.pacing, now);
  }
  return true;
}

/// Sent octets hold chain nodes until they are acknowledged; see limits.h.
bool Connection::may_take_nodes(const Context& context) const {
  if (context.nodes_pressure() != Pressure::critical) return true;
  return in_flight() == 0 && context.has_nodes_beyond(nodes_kept_from_new_data);
}

/// Whether new data may go now as far as pacing goes; else the time to look again is set.
bool Connection::is_paced_in(Instant now) {
  if (flight_ == nullptr || pipe() < initial_window(mss_) || flight_->pacer.may_send(now)) return true;
  flight_->pacer.wake_at = flight_->pacer.next();
  return false;
}

/// How much new data may go now: RFC 9293 3.8.6.2.1 (silly window avoidance without the Nagle delay, which
/// is off): a full segment, all there is, or half the largest window that the peer ever offered.
Bytes Connection::sendable() const {
  const Bytes wanted = std::min(queue_.unsent(), Bytes{mss_});
  const Bytes flight = in_flight();
  if (congestion_.window() < pipe() + wanted) return 0;
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

/// Sees to it that the scoreboard can take one more segment. False: memory is short, or too many are out.
bool Connection::make_room_in_flight(Context& context) {
  if (lone_) make_flight(context);
  if (flight_ == nullptr) flight_ = context.flights.acquire(send_.una);
  if (flight_ == nullptr) return false;
  if (flight_->sent.make_room(context.sent_blocks)) return true;
  if (flight_->sent.empty()) release_flight(context);
  return false;
}

void Connection::release_flight(Context& context) {
  lone_ = false;
  if (flight_ == nullptr) return;
  flight_->sent.clear(context.sent_blocks);
  context.flights.release(flight_);
  flight_ = nullptr;
}

/// New octets [first, end) have been handed out.
void Connection::on_sent(Seq first, Seq end, bool paces, Instant now) {
  flight_->sent.push({first, micros(now), static_cast<std::uint16_t>(end - first)});
  if (flight_->phase != Phase::open) flight_->prr.on_sent(end - first);
  if (flight_->frto_new > 0) --flight_->frto_new;
  if (send_.max == send_.una && !persisting_) progress_at_ = now;
  send_.max = later(send_.max, end);
  if (retransmit_at_.is_never()) retransmit_at_ = now + rtt_.rto(backoffs_);  // RFC 6298 5.1
  last_sent_at_ = now;
  if (paces && rtt_.has_sample()) {
    const bool slow_start = congestion_.window() < congestion_.threshold();
    flight_->pacer.on_sent(end - first, congestion_.window(), std::max<Nanoseconds>(rtt_.srtt(), 1us),
                           slow_start, now);
  }
  schedule_probe(now);
}

/// RFC 2018 4: what has arrived behind holes, the newest first, and before it what has come twice (RFC 2883).
/// Full segments of data carry none: the duplicate ACKs beside them do.
void Connection::add_sack(const Context& context, HeaderFields& header, Bytes payload) {
  if (!has_dsack_ && (reassembly_ == nullptr || reassembly_->range_count() == 0)) return;
  if (!sack_permitted_) {
    has_dsack_ = false;
    return;
  }
  constexpr Bytes sack_header_bytes = 4;
  constexpr Bytes sack_block_bytes = 8;
  const Bytes room = mss_ - std::min<Bytes>(payload, mss_);
  std::size_t places = uses_timestamps_ ? sack_blocks_max - 1 : sack_blocks_max;
  if (payload > 0) {
    places = room < sack_header_bytes
                 ? 0
                 : std::min<std::size_t>(places, (room - sack_header_bytes) / sack_block_bytes);
  }
  if (places == 0) return;
  Options& options = header.options;
  options.sack_count = 0;
  if (has_dsack_) {
    context.count(CounterIndex::dsacks_out);
    options.sack[options.sack_count++] = dsack_;
    has_dsack_ = false;
  }
  if (reassembly_ != nullptr) {
    options.sack_count = static_cast<std::uint8_t>(
        options.sack_count +
        reassembly_->report(
            std::span(options.sack).subspan(options.sack_count, places - options.sack_count)));
  }
}

/// Chain nodes are out. What was owed is tried again soon, whatever timer runs.
void Connection::on_starved(Context& context, Instant now) {
  context.count(CounterIndex::send_starved);
  if (retransmit_at_.is_never()) retransmit_at_ = now + starved_retry;
}

/// Data waits and nothing is out that would bring an ACK: probe (RFC 9293 3.8.6.1, from one RTO on).
void Connection::watch_closed_window(Instant now) {
  if (queue_.unsent() == 0 || in_flight() > 0 || !retransmit_at_.is_never()) return;
  if (!persisting_) probe_unanswered_ = false;
  persisting_ = true;
  if (send_.max == send_.una) progress_at_ = now;  // else the peer owes progress already
  retransmit_at_ = now + rtt_.rto(backoffs_);
}

}  // namespace byway::tcp
