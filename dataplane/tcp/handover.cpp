// Moving a connection: writing its state, and reading it with all its numbers checked (handover.h).
#include "dataplane/tcp/handover.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "dataplane/tcp/connection.h"

namespace byway::tcp {

static_assert(std::endian::native == std::endian::little);

namespace {

/// RFC 7323 2.3.
constexpr std::uint32_t window_max = 1u << 30;
constexpr std::uint8_t scale_max = 14;

template <typename T>
std::span<const std::uint8_t> bytes_of(const T& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof(T)};
}

/// Writes one thing behind the other.
class Writer {
 public:
  explicit Writer(std::span<std::uint8_t> out) : out_(out) {}
  template <typename T>
  void put(const T& value) {
    std::memcpy(take(sizeof(T)).data(), &value, sizeof(T));
  }
  void put(const Rope& rope) { rope.copy_to(0, take(rope.size())); }

 private:
  std::span<std::uint8_t> take(std::size_t count) {
    const auto part = out_.first(count);
    out_ = out_.subspan(count);
    return part;
  }
  std::span<std::uint8_t> out_;
};

std::int64_t until(Instant deadline, Instant now) {
  return deadline.is_never() ? handover_never : (deadline - now).count();
}

/// A deadline of the importer: never in the past, and no further than any of ours is.
Instant deadline_of(std::int64_t in, Instant now) {
  constexpr Nanoseconds longest = std::chrono::hours(24);
  if (in == handover_never) return Instant::never();
  return now + std::clamp(Nanoseconds(in), Nanoseconds(0), longest);
}

/// A time in the past that something was done at.
Instant time_of(std::int64_t age, Instant now) {
  constexpr Nanoseconds oldest = std::chrono::hours(24);
  return now - std::clamp(Nanoseconds(age), Nanoseconds(0), oldest);
}

}  // namespace

const char* name_of(HandoverError error) {
  switch (error) {
    case HandoverError::none:
      return "none";
    case HandoverError::bad_version:
      return "bad version";
    case HandoverError::truncated:
      return "truncated";
    case HandoverError::bad_state:
      return "bad state";
    case HandoverError::no_memory:
      return "no memory";
    case HandoverError::in_use:
      return "in use";
  }
  return "unknown";
}

// ---- Out -------------------------------------------------------------------------------------------------

bool Connection::can_move() const {
  switch (state_) {
    case State::established:
    case State::fin_wait_1:
    case State::fin_wait_2:
    case State::close_wait:
    case State::closing:
    case State::last_ack:
      return !user_gone_;
    default:
      return false;
  }
}

std::size_t Connection::export_bytes() const {
  std::size_t bytes = sizeof(HandoverHead) + queue_.size() + readable_.size();
  if (lone_) bytes += sizeof(HandoverSent);
  if (flight_ != nullptr) bytes += flight_->sent.count() * sizeof(HandoverSent);
  if (reassembly_ != nullptr) {
    bytes += reassembly_->range_count() * sizeof(HandoverRange) + reassembly_->size();
  }
  return bytes;
}

std::size_t Connection::export_state(std::span<std::uint8_t> out, const FlowKey& flow, Instant now) const {
  const std::size_t bytes = export_bytes();
  if (!can_move() || out.size() < bytes) return 0;
  Writer writer(out.first(bytes));
  HandoverHead head = export_head(now);
  head.total_bytes = static_cast<std::uint32_t>(bytes);
  head.local = flow.local.bytes;
  head.remote = flow.remote.bytes;
  head.local_port = flow.local_port;
  head.remote_port = flow.remote_port;
  writer.put(head);
  if (lone_) {
    const SentSegment lone{send_.una, micros(last_sent_at_), static_cast<std::uint16_t>(in_flight())};
    writer.put(HandoverSent{micros(now) - lone.sent_at, lone.bytes, lone.transmissions,
                            static_cast<std::uint8_t>(lone.state)});
  }
  if (flight_ != nullptr) {
    for (SentSegments::Place at = flight_->sent.begin(); at; ++at) {
      writer.put(HandoverSent{micros(now) - at->sent_at, at->bytes, at->transmissions,
                              static_cast<std::uint8_t>(at->state)});
    }
  }
  for (std::uint32_t i = 0; reassembly_ != nullptr && i < reassembly_->range_count(); ++i) {
    const SackBlock range = reassembly_->range(i);
    writer.put(HandoverRange{range.first.value, range.end - range.first});
  }
  writer.put(queue_.sent());
  writer.put(queue_.unsent_rope());
  writer.put(readable_);
  for (std::uint32_t i = 0; reassembly_ != nullptr && i < reassembly_->range_count(); ++i) {
    writer.put(reassembly_->range_bytes(i));
  }
  return bytes;
}

HandoverHead Connection::export_head(Instant now) const {
  HandoverHead head;
  const auto set = [&head](std::uint32_t flag, bool on) { head.flags |= on ? flag : 0; };
  set(handover_flag::timestamps, uses_timestamps_);
  set(handover_flag::sack, sack_permitted_);
  set(handover_flag::ecn, uses_ecn_);
  set(handover_flag::ece_owed, ece_owed_);
  set(handover_flag::cwr_owed, cwr_owed_);
  set(handover_flag::fin_queued, fin_queued_);
  set(handover_flag::fin_received, fin_received_);
  set(handover_flag::active, active_);
  set(handover_flag::persisting, persisting_);
  set(handover_flag::ack_now, ack_now_ || duplicate_acks_owed_ > 0);
  set(handover_flag::reordering, rack_path_.has_reordering());
  set(handover_flag::has_end, reassembly_ != nullptr && reassembly_->has_end());
  head.state = static_cast<std::uint8_t>(state_);
  head.send_scale = send_scale_;
  head.receive_scale = receive_scale_;
  head.backoffs = backoffs_;
  head.mss = mss_;
  head.mss_own = mss_own_;
  head.mss_peer = mss_peer_;
  head.receive_mss = receive_mss_;
  head.una = send_.una.value;
  head.nxt = send_.nxt.value;
  head.max = send_.max.value;
  head.wl1 = send_.wl1.value;
  head.wl2 = send_.wl2.value;
  head.iss = send_.iss.value;
  head.send_window = send_.wnd;
  head.send_window_max = send_.wnd_max;
  head.receive_next = receive_.nxt.value;
  head.receive_edge = receive_.edge.value;
  head.irs = receive_.irs.value;
  head.last_ack_sent = receive_.last_ack_sent.value;
  head.timestamp = timestamp(now);
  head.timestamp_recent = timestamp_recent_;
  head.timestamp_recent_age_ms = milliseconds(now) - timestamp_recent_ms_;
  head.srtt_us = rtt_.srtt_us();
  head.rttvar_us = rtt_.rttvar_us();
  head.min_rtt_us = rack_path_.min_rtt();
  head.congestion = congestion_.save();
  head.recover = send_.una.value;
  if (lone_) {
    head.recover = (send_.una - 1).value;
    head.sent_segments = 1;
  }
  if (flight_ != nullptr) {
    head.phase = static_cast<std::uint8_t>(flight_->phase);
    head.recover = flight_->recover.value;
    head.sent_segments = flight_->sent.count();
    set(handover_flag::probe_out, flight_->probe_out);
    set(handover_flag::probe_again, flight_->probe_out && flight_->probe_was_retransmission);
  }
  head.receive_buffer = receive_buffer_;
  head.retransmits = retransmits_;
  head.mss_lowered_age_ms = milliseconds(now) - mss_lowered_ms_;
  head.retransmit_in = until(retransmit_at_, now);
  head.ack_in = until(ack_at_, now);
  head.life_in = until(life_at_, now);
  head.keepalive_probes = keepalive_probes_;
  head.progress_age = (now - progress_at_).count();
  head.last_sent_age = (now - last_sent_at_).count();
  head.bytes_written = bytes_written_;
  head.send_queue_bytes = queue_.size();
  head.readable_bytes = readable_.size();
  head.ranges = reassembly_ != nullptr ? reassembly_->range_count() : 0;
  head.end = reassembly_ != nullptr ? reassembly_->end().value : 0;
  return head;
}

// ---- In --------------------------------------------------------------------------------------------------

namespace {

/// Whether the numbers of `head` could be those of a connection; what they say of what follows it is checked
/// as that is read.
bool is_possible(const HandoverHead& head) {
  const auto state = static_cast<State>(head.state);
  const bool may_have_fin_out =
      state == State::fin_wait_1 || state == State::closing || state == State::last_ack;
  const bool is_movable = may_have_fin_out || state == State::established || state == State::fin_wait_2 ||
                          state == State::close_wait;
  if (!is_movable || (head.flags & ~handover_flag::all) != 0) return false;
  if (head.send_scale > scale_max || head.receive_scale > scale_max) return false;
  if (head.mss == 0 || head.mss > head.mss_peer || head.mss_own == 0) return false;
  if (head.mss_peer > head.mss_own) return false;
  if (head.phase > static_cast<std::uint8_t>(Phase::timeout)) return false;
  const Bytes in_flight = head.nxt - head.una;
  if (in_flight > window_max || head.max - head.nxt > 1 || head.send_window > window_max) return false;
  if (head.send_window_max > window_max || head.receive_edge - head.receive_next > window_max) return false;
  if (head.receive_next - head.last_ack_sent > window_max) return false;
  if (head.sent_segments > sent_segments_max || head.ranges > reassembly_ranges_max) return false;
  if ((head.sent_segments == 0) != (in_flight == 0)) return false;
  const std::uint32_t probe = head.flags & (handover_flag::probe_out | handover_flag::probe_again);
  if (probe == handover_flag::probe_again || (probe != 0 && in_flight == 0)) return false;
  // Our FIN is out in these states, and takes a number of its own.
  const Bytes sent_octets = in_flight - (may_have_fin_out ? 1u : 0u);
  if (may_have_fin_out && in_flight == 0) return false;
  if (sent_octets > head.send_queue_bytes) return false;
  if (may_have_fin_out && sent_octets != head.send_queue_bytes) return false;
  if (state == State::fin_wait_2 && (in_flight != 0 || head.send_queue_bytes != 0)) return false;
  const bool fin_received = (head.flags & handover_flag::fin_received) != 0;
  const bool expects_fin =
      state == State::established || state == State::fin_wait_1 || state == State::fin_wait_2;
  if (fin_received == expects_fin) return false;
  if (!expects_fin && (head.ranges != 0 || (head.flags & handover_flag::has_end) != 0)) return false;
  return std::ranges::all_of(head.congestion,
                             [](std::uint32_t value) { return value <= window_max || value == UINT32_MAX; });
}

}  // namespace

HandoverError read_handover_head(std::span<const std::uint8_t> bytes, HandoverHead& head) {
  if (bytes.size() < sizeof(HandoverHead)) return HandoverError::truncated;
  std::memcpy(&head, bytes.data(), sizeof(HandoverHead));
  if (head.magic != handover_magic) return HandoverError::bad_version;
  if (head.total_bytes != bytes.size() || bytes.size() > handover_bytes_max) return HandoverError::truncated;
  return is_possible(head) ? HandoverError::none : HandoverError::bad_state;
}

HandoverError Connection::import_state(Context& context, const HandoverHead& head,
                                       std::span<const std::uint8_t> rest, Instant now) {
  import_head(head, now);
  receive_buffer_ = std::min(head.receive_buffer, context.options.receive_buffer_bytes);
  HandoverError error = import_flight(context, head, rest, now);
  if (error == HandoverError::none) error = import_queues(context, head, rest);
  if (error != HandoverError::none) {
    state_ = State::closed;
    drop_buffers(context);
    return error;
  }
  if (life_at_.is_never()) restart_keepalive(context, now);  // where it comes from there was none
  signal(signal::output);
  if (!readable_.empty() || fin_received_) signal(signal::readable);
  return HandoverError::none;
}

void Connection::import_head(const HandoverHead& head, Instant now) {
  const auto has = [&head](std::uint32_t flag) { return (head.flags & flag) != 0; };
  uses_timestamps_ = has(handover_flag::timestamps);
  sack_permitted_ = has(handover_flag::sack);
  uses_ecn_ = has(handover_flag::ecn);
  ece_owed_ = has(handover_flag::ece_owed);
  cwr_owed_ = has(handover_flag::cwr_owed);
  fin_queued_ = has(handover_flag::fin_queued);
  fin_received_ = has(handover_flag::fin_received);
  active_ = has(handover_flag::active);
  persisting_ = has(handover_flag::persisting);
  ack_now_ = has(handover_flag::ack_now);
  state_ = static_cast<State>(head.state);
  send_scale_ = head.send_scale;
  receive_scale_ = head.receive_scale;
  backoffs_ = head.backoffs;
  mss_ = head.mss;
  mss_own_ = head.mss_own;
  mss_peer_ = head.mss_peer;
  receive_mss_ = head.receive_mss;
  is_v6_ = !net::IpAddress{head.remote}.is_v4();
  send_ = {Seq{head.una}, Seq{head.nxt}, Seq{head.max},    Seq{head.wl1},
           Seq{head.wl2}, Seq{head.iss}, head.send_window, head.send_window_max};
  receive_ = {Seq{head.receive_next}, Seq{head.receive_edge}, Seq{head.irs}, Seq{head.last_ack_sent}};
  timestamp_offset_ = head.timestamp - milliseconds(now);
  timestamp_recent_ = head.timestamp_recent;
  timestamp_recent_ms_ = milliseconds(now) - head.timestamp_recent_age_ms;
  rtt_.restore(head.srtt_us, head.rttvar_us);
  if (head.min_rtt_us != 0) rack_path_.add_rtt(head.min_rtt_us, micros(now));
  if (has(handover_flag::reordering)) rack_path_.on_reordering();
  congestion_.restore(head.congestion, mss_);
  retransmits_ = head.retransmits;
  mss_lowered_ms_ = milliseconds(now) - head.mss_lowered_age_ms;
  retransmit_at_ = deadline_of(head.retransmit_in, now);
  ack_at_ = deadline_of(head.ack_in, now);
  life_at_ = deadline_of(head.life_in, now);
  keepalive_probes_ = head.keepalive_probes;
  progress_at_ = time_of(head.progress_age, now);
  last_sent_at_ = time_of(head.last_sent_age, now);
  bytes_written_ = head.bytes_written;
}

/// Reads the segments in flight off the front of `rest`.
HandoverError Connection::import_flight(Context& context, const HandoverHead& head,
                                        std::span<const std::uint8_t>& rest, Instant now) {
  if (rest.size() / sizeof(HandoverSent) < head.sent_segments) return HandoverError::truncated;
  Seq next = send_.una;
  for (std::uint32_t i = 0; i < head.sent_segments; ++i) {
    HandoverSent sent;
    std::memcpy(&sent, rest.data(), sizeof(sent));
    rest = rest.subspan(sizeof(sent));
    if (sent.bytes == 0 || sent.transmissions == 0 || send_.nxt - next < sent.bytes ||
        sent.state > static_cast<std::uint8_t>(SentSegment::State::lost)) {
      return HandoverError::bad_state;
    }
    if (!make_room_in_flight(context)) return HandoverError::no_memory;
    flight_->sent.push({next, micros(now) - sent.age_us, sent.bytes, sent.transmissions,
                        static_cast<SentSegment::State>(sent.state)});
    next += sent.bytes;
  }
  if (next != send_.nxt) return HandoverError::bad_state;
  if (flight_ == nullptr) return HandoverError::none;
  flight_->phase = static_cast<Phase>(head.phase);
  flight_->recover = Seq{head.recover};
  if (flight_->phase != Phase::open && (flight_->recover < send_.una || flight_->recover > send_.nxt)) {
    return HandoverError::bad_state;
  }
  flight_->reduced_at = micros(now);
  flight_->prr.start(in_flight());
  flight_->probe_out = (head.flags & handover_flag::probe_out) != 0;
  flight_->probe_was_retransmission = (head.flags & handover_flag::probe_again) != 0;
  flight_->probe_end = send_.nxt;
  if (retransmit_at_.is_never()) retransmit_at_ = now + rtt_.rto(backoffs_);
  schedule_probe(now);
  return HandoverError::none;
}

HandoverError Connection::import_queues(Context& context, const HandoverHead& head,
                                        std::span<const std::uint8_t> rest) {
  if (rest.size() / sizeof(HandoverRange) < head.ranges) return HandoverError::truncated;
  std::span<const std::uint8_t> ranges = rest.first(head.ranges * sizeof(HandoverRange));
  rest = rest.subspan(ranges.size());
  const Bytes fin = fin_sent() ? 1 : 0;
  const Bytes sent = in_flight() - fin;
  if (rest.size() < std::size_t{head.send_queue_bytes} + head.readable_bytes) return HandoverError::truncated;
  BufferProvider& buffers = context.memory.buffers;
  Rope sent_octets(context.memory.slices);
  Rope unsent_octets(context.memory.slices);
  if (!sent_octets.append_copy(rest.first(sent), buffers) ||
      !unsent_octets.append_copy(rest.subspan(sent, head.send_queue_bytes - sent), buffers)) {
    return HandoverError::no_memory;
  }
  queue_.restore(std::move(sent_octets), std::move(unsent_octets));
  rest = rest.subspan(head.send_queue_bytes);
  if (!readable_.append_copy(rest.first(head.readable_bytes), buffers)) return HandoverError::no_memory;
  rest = rest.subspan(head.readable_bytes);
  const HandoverError error = import_ranges(context, head, ranges, rest);
  if (error != HandoverError::none) return error;
  return rest.empty() ? HandoverError::none : HandoverError::truncated;
}

HandoverError Connection::import_ranges(Context& context, const HandoverHead& head,
                                        std::span<const std::uint8_t> ranges,
                                        std::span<const std::uint8_t>& octets) {
  const bool has_end = (head.flags & handover_flag::has_end) != 0;
  if (ranges.empty() && !has_end) return HandoverError::none;
  reassembly_ = context.reassemblies.acquire(context.memory.slices);
  if (reassembly_ == nullptr) return HandoverError::no_memory;
  for (; !ranges.empty(); ranges = ranges.subspan(sizeof(HandoverRange))) {
    HandoverRange range;
    std::memcpy(&range, ranges.data(), sizeof(range));
    if (octets.size() < range.bytes) return HandoverError::truncated;
    const Seq first{range.first};
    if (range.bytes == 0 || range.bytes > window_max || first <= receive_.nxt ||
        first + range.bytes > receive_.edge) {
      return HandoverError::bad_state;
    }
    Rope copy(context.memory.slices);
    if (!copy.append_copy(octets.first(range.bytes), context.memory.buffers)) return HandoverError::no_memory;
    octets = octets.subspan(range.bytes);
    Seq at = first;
    for (const Slice& slice : copy) {
      if (reassembly_->insert(at, slice.share()) != Reassembly::Result::kept) return HandoverError::bad_state;
      at += slice.size();
    }
  }
  if (has_end) reassembly_->set_end(Seq{head.end});
  return HandoverError::none;
}

}  // namespace byway::tcp
