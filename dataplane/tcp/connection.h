// One TCP connection (RFC 9293) as a value: fed segments, calls of its user and the time, it hands back
// segments and its next deadline. It knows no addresses, no sockets and no list that it stands in.
//
//   handshake.cpp    opening: SYN-SENT, SYN-RECEIVED
//   input.cpp        RFC 9293 3.10.7.4 in its order: sequence, RST, SYN, ACK
//   acknowledge.cpp  what an ACK means: send queue, scoreboard, round trip, congestion window
//   lone.cpp         one segment that is out alone
//   losses.cpp       what is lost, and the phases of its repair
//   receive.cpp      payload, reassembly, FIN, the receive window
//   output.cpp       the next segment, if any
//   timers.cpp       what is due
//   path.cpp         how long segments may be
//   handover.cpp     moving to another stack
//   connection.cpp   what its user asks for
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "dataplane/clock.h"
#include "dataplane/rope.h"
#include "dataplane/stream.h"
#include "dataplane/tcp/context.h"
#include "dataplane/tcp/cubic.h"
#include "dataplane/tcp/flight.h"
#include "dataplane/tcp/flow_key.h"
#include "dataplane/tcp/handover.h"
#include "dataplane/tcp/limits.h"
#include "dataplane/tcp/rack.h"
#include "dataplane/tcp/rtt.h"
#include "dataplane/tcp/segment.h"
#include "dataplane/tcp/send_queue.h"
#include "dataplane/tcp/seq.h"
#include "dataplane/tcp/state.h"

namespace byway::tcp {

/// What has happened since the owner last asked; bits of Connection::take_signals.
namespace signal {
inline constexpr std::uint8_t established = 1;  ///< The handshake is complete.
inline constexpr std::uint8_t readable = 2;     ///< There is more to read, or the end.
inline constexpr std::uint8_t writable = 4;     ///< There is room again after a short write.
inline constexpr std::uint8_t ended = 8;        ///< end_reason() says why.
inline constexpr std::uint8_t output = 16;      ///< next_segment has something to say.
}  // namespace signal

enum class InputResult : std::uint8_t {
  taken,       ///< Processed, or dropped and counted.
  owes_reset,  ///< Answer as RFC 9293 3.10.7.1 answers a segment without a connection.
  new_syn,     ///< TIME-WAIT, and the SYN may open a new connection (RFC 6191): this one is closed now.
};

/// How a connection begins.
struct Opening {
  Seq iss;
  std::uint32_t timestamp_offset = 0;
  std::uint16_t mss_own = 0;                        ///< Largest payload that our path takes, without options.
  std::uint16_t mss_path = UINT16_MAX;              ///< Largest that the whole path takes.
  std::uint16_t mss_default = 0;                    ///< For a peer that sends no MSS option (RFC 9293 3.7.1).
  Bytes receive_buffer = receive_buffer_bytes_min;  ///< To begin with.
  bool is_v6 = false;
  bool uses_ecn = false;  ///< Ask for ECN (active), or agree when asked (passive).
};

/// Owner: a Socket. `now` never decreases. Every function leaves what it owes in the signals.
class Connection {
 public:
  explicit Connection(SlicePool& pool) : queue_(pool), readable_(pool) {}

  // ---- Opening (handshake.cpp) ----
  void open_active(const Opening& opening, Instant now);
  /// Asserted: `syn` has SYN and neither ACK nor RST. Its payload, if any, is left to be sent again.
  void open_passive(const Opening& opening, const SegmentView& syn, Instant now);
  /// As open_passive, but a SYN-ACK has gone out already without a trace of it (syn_cookie.h), with
  /// `opening.iss`. The ACK that shows so is the next segment.
  void open_from_cookie(Context& context, const Opening& opening, const SegmentView& syn, Instant now);

  // ---- Segments (input.cpp, output.cpp) ----
  [[nodiscard]] InputResult on_segment(Context& context, const SegmentView& segment, Slice payload,
                                       Instant now);
  /// Calls for what an ACK touches beside the connection: among a million of them it is in no cache.
  void prefetch_flight() const {
    if (flight_ == nullptr && !lone_) return;
    queue_.sent().prefetch_front();
    if (lone_) return;
    const auto* lines = reinterpret_cast<const std::uint8_t*>(flight_);
    for (std::size_t line = 0; line < sizeof(Flight); line += 64) __builtin_prefetch(lines + line);
  }
  /// The network could not deliver the segment at `seq` (Stack::on_delivery_error).
  void on_delivery_error(Context& context, Seq seq, bool is_hard);
  /// Whether octets from `seq` on are out.
  [[nodiscard]] bool is_out(Seq seq) const {
    return state_ != State::closed && seq >= send_.una && seq < send_.max;
  }
  /// Largest payload of a segment, options included.
  [[nodiscard]] std::uint16_t mss_full() const { return static_cast<std::uint16_t>(mss_ + options_bytes()); }
  /// The path takes segments of `mss` octets, options included, and no more: what is out and longer is lost,
  /// for a reason that says nothing about congestion (RFC 1191 6.5).
  void limit_mss(Context& context, Bytes mss, Instant now);
  /// Fills in all fields of `header` but the TCP ports, and `payload` (empty before). False: nothing to send
  /// until the next segment, call or deadline.
  [[nodiscard]] bool next_segment(Context& context, HeaderFields& header, Rope& payload, Instant now);
  /// After next_segment had one: false, if another call would have none.
  [[nodiscard]] bool may_have_more() const {
    return state_ != State::established || queue_.unsent() > 0 || fin_queued_ || ack_now_ ||
           duplicate_acks_owed_ > 0 || tail_probe_owed_ || probe_owed_ || keepalive_owed_ ||
           (flight_ != nullptr && flight_->sent.lost() > 0);
  }

  // ---- Time (timers.cpp) ----
  [[nodiscard]] Instant deadline() const;
  void on_deadline(Context& context, Instant now);

  // ---- The user (connection.cpp) ----
  [[nodiscard]] const Rope& readable() const { return readable_; }
  Bytes take(Context& context, Bytes count, Rope& target, Instant now);
  void discard(Context& context, Bytes count, Instant now);
  [[nodiscard]] bool coalesce(const Context& context, Bytes count) {
    return readable_.coalesce_front(count, context.memory.buffers);
  }
  /// The window that the peer knows of is less than a segment, or what else comes will be dropped for its
  /// connection's share of the memory (limits.h, "Memory", rule 2).
  [[nodiscard]] bool is_receive_full(Context& context) const {
    return can_receive() && (receive_.edge - receive_.nxt < mss_own_ ||
                             readable_.slice_count() >= context.received_slices_max());
  }
  [[nodiscard]] bool peer_finished() const { return fin_received_; }
  [[nodiscard]] Bytes writable(Context& context) const;
  Bytes write(Context& context, Rope& data, Instant now);
  [[nodiscard]] Bytes unacknowledged() const { return queue_.size(); }
  [[nodiscard]] std::uint64_t bytes_written() const { return bytes_written_; }
  [[nodiscard]] std::uint64_t bytes_sent() const;
  void finish();
  /// Stream::close: the user lets go.
  void release_user(Context& context, Instant now);
  /// Ends at once; a reset follows by next_segment if the peer knows of the connection (RFC 9293 3.10.5).
  void abort(Context& context, StreamEnd reason);

  // ---- What its owner asks ----
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] std::uint8_t take_signals() { return std::exchange(signals_, std::uint8_t{0}); }
  [[nodiscard]] bool has_signals() const { return signals_ != 0; }
  void clear_output_signal() { signals_ = static_cast<std::uint8_t>(signals_ & ~signal::output); }
  [[nodiscard]] StreamEnd end_reason() const { return end_reason_; }
  [[nodiscard]] bool owes_reset() const { return reset_owed_; }
  /// Gives buffers and blocks back; for the end of the stack.
  void drop_buffers(Context& context);

  // ---- Moving (handover.cpp) ----
  /// Whether it is in a state that can move: synchronized, and its user has not let go.
  [[nodiscard]] bool can_move() const;
  /// How many bytes export_state needs.
  [[nodiscard]] std::size_t export_bytes() const;
  /// Writes the connection, which does not change, as handover.h says. Returns how many bytes: 0 if it cannot
  /// move, or if they are more than `out` has.
  [[nodiscard]] std::size_t export_state(std::span<std::uint8_t> out, const FlowKey& flow, Instant now) const;
  /// A connection that has just been made becomes the one that was written: `head` as read_handover_head has
  /// checked it, `rest` what stands behind it. On an error it is closed and holds nothing.
  [[nodiscard]] HandoverError import_state(Context& context, const HandoverHead& head,
                                           std::span<const std::uint8_t> rest, Instant now);

  // ---- Short memory (limits.h, rule 4) ----
  /// Lets go what the peer still has, and what is wasted.
  void give_back(Context& context);
  /// Slices that its queues hold.
  [[nodiscard]] std::uint32_t slices_held() const { return queue_.slice_count() + readable_.slice_count(); }
  /// For how long its queues have not moved on: the send queue by one queueful; what was received by one
  /// octet, where the peer opened the connection. (What we asked for ourselves waits for another peer.)
  [[nodiscard]] Nanoseconds stuck_for(Instant now) const;
  struct Statistics {
    Nanoseconds srtt{0};
    Nanoseconds rto{0};
    Bytes cwnd = 0;
    Bytes ssthresh = 0;
    Bytes mss = 0;
    Bytes send_window = 0;
    Bytes in_flight = 0;
    Bytes reassembly = 0;
    Bytes sacked = 0;
    Bytes lost = 0;
    std::uint32_t retransmits = 0;
    std::uint8_t backoffs = 0;
    Phase phase = Phase::open;
    Nanoseconds min_rtt{0};
  };
  [[nodiscard]] Statistics statistics() const;

 private:
  /// RFC 9293 3.3.1, Send Sequence Variables.
  struct SendState {
    Seq una;
    Seq nxt;
    Seq max;  ///< Behind the octet of a window probe, which does not count as sent; else snd_nxt.
    Seq wl1;
    Seq wl2;
    Seq iss;
    std::uint32_t wnd = 0;      ///< Scaled.
    std::uint32_t wnd_max = 0;  ///< Largest that the peer has offered (RFC 9293 3.8.6.2.1, RFC 5961 5.2).
  };
  /// RFC 9293 3.3.1, Receive Sequence Variables.
  struct ReceiveState {
    Seq nxt;
    Seq edge;  ///< Right edge of the window as the peer knows it; never moves back (3.8.6.2.2).
    Seq irs;
    Seq last_ack_sent;  ///< RFC 7323 4.3.
  };

  // input.cpp
  [[nodiscard]] bool is_expected(const SegmentView& segment, Instant now) const;
  void on_expected(Context& context, const SegmentView& segment, Slice payload, Instant now);
  InputResult on_synchronized(Context& context, const SegmentView& segment, Slice payload, Instant now);
  [[nodiscard]] bool is_acceptable(const SegmentView& segment) const;
  void acknowledge_dropped(Context& context, const SegmentView& segment, Instant now);
  [[nodiscard]] bool fails_paws(const SegmentView& segment, Instant now) const;
  void remember_timestamp(const SegmentView& segment, Instant now);
  void on_reset(Context& context, const SegmentView& segment, Instant now);
  void challenge(Context& context, Instant now);
  // handshake.cpp
  void open(const Opening& opening, Instant now);
  InputResult on_syn_sent(Context& context, const SegmentView& segment, Slice payload, Instant now);
  void learn_from_syn(const SegmentView& syn, Instant now);
  void establish(Context& context, const SegmentView& segment, Instant now);
  InputResult on_repeated_syn(Context& context, const SegmentView& segment, Slice payload, Instant now);
  InputResult on_time_wait(Context& context, const SegmentView& segment, Instant now);
  // acknowledge.cpp
  /// What one ACK has shown.
  struct Delivery {
    Bytes octets = 0;  ///< Arrived, as it is the first to say.
    Bytes flight = 0;  ///< In flight before it.
    Micros rtt = 0;    ///< Of the newest of them that was sent once; 0: none.
    SackBlock dsack{};
    bool advances = false;  ///< snd_una moves.
    bool sacks = false;     ///< Octets behind a hole have arrived.
    bool original = false;  ///< Some up to `recover` that has arrived was sent once.
    bool has_dsack = false;
    bool ends_phase = false;  ///< It was the last of a repair: the window has been set, and does not grow.
  };
  [[nodiscard]] bool on_acknowledgment(Context& context, const SegmentView& segment, Instant now);
  void on_ack(Context& context, const SegmentView& segment, Instant now);
  [[nodiscard]] bool advance(Context& context, const SegmentView& segment, Delivery& delivery, Instant now);
  void take_sack(Context& context, const SegmentView& segment, Delivery& delivery, Instant now);
  void on_delivered(const SentSegment& sent, const SegmentView& segment, Delivery& delivery, Instant now);
  [[nodiscard]] bool is_duplicate_ack(const SegmentView& segment) const;
  void note_duplicate(Delivery& delivery);
  void grow_window(const Delivery& delivery, CongestionControl::Rounds& rounds, Instant now);
  void measure_round_trip(const SegmentView& segment, const Delivery& delivery, Instant now);
  void measure_by_timestamp(const SegmentView& segment, Instant now);
  void restart_loss_timers(const Delivery& delivery, Instant now);
  void update_send_window(const SegmentView& segment, Instant now);
  void on_fin_acknowledged(Context& context, Instant now);
  void on_room(Context& context, Instant now);
  // lone.cpp
  [[nodiscard]] bool may_be_lone(const Context& context) const;
  void on_lone_sent(Instant now);
  void on_lone_acknowledged(Context& context, Instant now);
  [[nodiscard]] Instant lone_probe_at() const;
  void make_flight(Context& context);
  // losses.cpp
  [[nodiscard]] Bytes pipe() const;  ///< What is in the network (RFC 6675 4).
  [[nodiscard]] bool has_congestion_echo(const SegmentView& segment) const;
  void repair(Context& context, const SegmentView& segment, Delivery& delivery, Instant now);
  void follow_phase(const SegmentView& segment, const Delivery& delivery, bool new_loss, Instant now);
  /// True: something that had been sent again is lost once more.
  bool detect_losses(Instant now);
  void detect_without_sack();
  [[nodiscard]] Micros reordering_window() const;
  void remember_for_undo();
  void begin_reduction(Phase phase, Instant now);
  void begin_recovery(Context& context, Instant now);
  void answer_for_losses(Context& context, bool lost_again, Instant now);
  void begin_timeout_phase(Instant now);
  void end_phase();
  void on_congestion_echo(Context& context, const Delivery& delivery, Instant now);
  void on_dsack(Context& context, const SackBlock& block);
  void on_late_dsack(Context& context, const SegmentView& segment);
  [[nodiscard]] bool is_spurious(const SegmentView& segment, const Delivery& delivery);
  [[nodiscard]] bool may_send_new(const SegmentView& segment) const;
  void answer_for_probe(Context& context, const Delivery& delivery);
  void undo(Context& context);
  [[nodiscard]] Nanoseconds probe_wait(bool is_single) const;
  void schedule_probe(Instant now);
  void on_flight_timer(Context& context, Instant now);
  void check_probe(Context& context, const SegmentView& segment, const Delivery& delivery, Instant now);
  // receive.cpp
  void on_payload(Context& context, const SegmentView& segment, Slice payload, Instant now);
  void note_congestion_mark(Context& context, const SegmentView& segment);
  void note_duplicate_payload(Seq first, Seq end);
  void cut_to_first_range(Seq seq, Slice& payload, bool& fin);
  bool on_next_payload(Context& context, Slice payload, Instant now);
  [[nodiscard]] bool append(Context& context, Slice& payload);
  [[nodiscard]] bool compact_readable(Context& context);
  void reassemble(Context& context, Seq seq, Slice payload, bool fin);
  void on_in_order(Context& context, Bytes count, Instant now);
  void on_gap_filled(Context& context, Instant now);
  void on_fin(Context& context, Instant now);
  void tune_receive_buffer(const Context& context, Bytes count, Instant now);
  void on_consumed(Context& context, Bytes count, Instant now);
  void release_reassembly(Context& context);
  struct ReceiveSpace {
    Bytes window_max;  ///< The largest window that may be offered now.
    Bytes free;        ///< The window that is free of what waits to be read.
  };
  [[nodiscard]] ReceiveSpace receive_space(Context& context) const;
  enum class WindowGrowth : std::uint8_t { allowed, frozen };
  std::uint16_t advertise_window(Context& context, WindowGrowth growth);
  std::uint16_t advertise_first_window(Context& context);
  // output.cpp
  void fill_header(Context& context, HeaderFields& header, Seq seq, std::uint8_t flags, Instant now,
                   WindowGrowth growth = WindowGrowth::allowed);
  void build_syn(Context& context, HeaderFields& header, Instant now);
  void build_reset(Context& context, HeaderFields& header, Instant now);
  [[nodiscard]] bool build_retransmission(Context& context, HeaderFields& header, Rope& payload, Instant now);
  [[nodiscard]] bool build_again(Context& context, HeaderFields& header, Rope& payload,
                                 SentSegments::Place at, Instant now);
  [[nodiscard]] bool build_tail_probe(Context& context, HeaderFields& header, Rope& payload, Instant now);
  [[nodiscard]] bool build_probe(Context& context, HeaderFields& header, Rope& payload, Instant now);
  [[nodiscard]] bool build_new(Context& context, HeaderFields& header, Rope& payload, Instant now);
  [[nodiscard]] bool build_data(Context& context, HeaderFields& header, Rope& payload, Bytes wanted,
                                Instant now);
  [[nodiscard]] Seq ack_seq() const;
  [[nodiscard]] Bytes sendable() const;
  [[nodiscard]] bool is_paced_in(Instant now);
  [[nodiscard]] bool may_take_nodes(const Context& context) const;
  [[nodiscard]] bool may_send_fin(Bytes length) const;
  void on_fin_sent();
  [[nodiscard]] bool make_room_in_flight(Context& context);
  void release_flight(Context& context);
  void on_sent(Seq first, Seq end, bool paces, Instant now);
  void add_sack(const Context& context, HeaderFields& header, Bytes payload);
  void on_starved(Context& context, Instant now);
  void watch_closed_window(Instant now);
  // timers.cpp
  void on_retransmit_deadline(Context& context, Instant now);
  void on_syn_timeout(Context& context);
  void on_life_deadline(Context& context, Instant now);
  void restart_keepalive(const Context& context, Instant now);
  void enter_time_wait(Context& context, Instant now);
  // path.cpp
  void lower_mss(Bytes mss, Instant now);
  void suspect_black_hole(Context& context, Instant now);
  void try_larger_mss(Instant now);
  [[nodiscard]] Bytes without_options(Bytes mss) const {
    return std::max<Bytes>(mss, mss_min + options_bytes()) - options_bytes();
  }
  [[nodiscard]] Bytes options_bytes() const { return uses_timestamps_ ? timestamps_option_bytes : 0u; }
  // handover.cpp
  [[nodiscard]] HandoverHead export_head(Instant now) const;
  void import_head(const HandoverHead& head, Instant now);
  [[nodiscard]] HandoverError import_flight(Context& context, const HandoverHead& head,
                                            std::span<const std::uint8_t>& rest, Instant now);
  [[nodiscard]] HandoverError import_queues(Context& context, const HandoverHead& head,
                                            std::span<const std::uint8_t> rest);
  [[nodiscard]] HandoverError import_ranges(Context& context, const HandoverHead& head,
                                            std::span<const std::uint8_t> ranges,
                                            std::span<const std::uint8_t>& octets);
  // connection.cpp
  void end(Context& context, StreamEnd reason);
  [[nodiscard]] Bytes room(Context& context, std::uint32_t share) const;
  void announce_room(Context& context);
  void begin_queueful(Instant now);
  /// After an ACK. With nothing queued the next write begins one.
  void follow_queueful(Instant now) {
    if (queue_.size() > 0 && send_.una >= queueful_end_) begin_queueful(now);
  }
  void look_again_for_room(Instant now);
  [[nodiscard]] Bytes never_sent() const;

  void signal(std::uint8_t bits) { signals_ = static_cast<std::uint8_t>(signals_ | bits); }
  [[nodiscard]] Bytes in_flight() const { return send_.nxt - send_.una; }
  /// The sequence number behind the last octet that was written. Meaningful until our FIN is acknowledged.
  [[nodiscard]] Seq data_end() const { return send_.una + queue_.size(); }
  [[nodiscard]] bool fin_sent() const {
    return state_ == State::fin_wait_1 || state_ == State::closing || state_ == State::last_ack;
  }
  [[nodiscard]] bool can_receive() const {
    return state_ == State::established || state_ == State::fin_wait_1 || state_ == State::fin_wait_2;
  }
  [[nodiscard]] static std::uint32_t milliseconds(Instant now) {
    return static_cast<std::uint32_t>(now.ns / 1'000'000);
  }
  /// TSval: ticks of a millisecond (RFC 7323 5.4) from a random start (7.1).
  [[nodiscard]] std::uint32_t timestamp(Instant now) const { return milliseconds(now) + timestamp_offset_; }

  // Hot: read or written for every segment.
  State state_ = State::closed;
  std::uint8_t signals_ = 0;
  std::uint8_t send_scale_ = 0;     ///< Shift of windows that come in.
  std::uint8_t receive_scale_ = 0;  ///< Shift of windows that go out.
  std::uint16_t mss_ = 0;           ///< Payload of a full segment to the peer, options taken off.
  std::uint16_t mss_own_ = 0;       ///< What we announce.
  std::uint16_t mss_peer_ =
      0;  ///< What mss_ was before the path took less; until the SYN: what the path takes.
  std::uint16_t receive_mss_ = 0;  ///< Largest payload that the peer has sent: what "full-sized" means.
  std::uint8_t duplicate_acks_owed_ = 0;
  std::uint8_t quick_acks_left_ = 0;
  std::uint8_t backoffs_ = 0;  ///< Time-outs in a row without progress.
  std::uint8_t keepalive_probes_ = 0;
  std::uint8_t challenges_ = 0;
  bool ack_now_ : 1 = false;
  bool uses_timestamps_ : 1 = false;
  bool fin_queued_ : 1 = false;  ///< The user has finished; the FIN follows the last octet.
  bool fin_received_ : 1 = false;
  bool wants_writable_ : 1 = false;
  bool probe_owed_ : 1 = false;  ///< Of a closed window.
  bool probe_unanswered_ : 1 = false;
  bool tail_probe_owed_ : 1 = false;  ///< RFC 8985 7.
  bool sack_permitted_ : 1 = false;
  bool has_dsack_ : 1 = false;        ///< dsack_ is to be reported.
  bool probe_unsettled_ : 1 = false;  ///< A tail loss probe was the last that was acknowledged: loss or not?
  bool uses_ecn_ : 1 = false;
  bool ece_owed_ : 1 = false;  ///< RFC 3168 6.1.3: a mark came in, and no CWR since.
  bool cwr_owed_ : 1 = false;  ///< RFC 3168 6.1.2: the next new data says that the window came down.
  bool keepalive_owed_ : 1 = false;
  bool syn_owed_ : 1 = false;
  bool reset_owed_ : 1 = false;
  bool active_ : 1 = false;  ///< Opened by connect.
  bool user_gone_ : 1 = false;
  bool is_v6_ : 1 = false;
  bool lone_ : 1 = false;        ///< What is out is a lone segment (lone.cpp).
  bool persisting_ : 1 = false;  ///< retransmit_at_ is for probes of a closed window.
  StreamEnd end_reason_ = StreamEnd::finished;
  SendState send_;
  ReceiveState receive_;
  std::uint32_t timestamp_recent_ = 0;     ///< TS.Recent, RFC 7323 4.3.
  std::uint32_t timestamp_recent_ms_ = 0;  ///< When it was set: it is void after 24 days (5.5).
  std::uint32_t timestamp_offset_ = 0;
  SackBlock dsack_;                           ///< RFC 2883: what has come twice.
  Instant retransmit_at_ = Instant::never();  ///< RTO, SYN retransmission or window probe.
  Instant ack_at_ = Instant::never();         ///< Delayed ACK.
  Instant life_at_ = Instant::never();        ///< Keepalive, FIN-WAIT-2 without a user, TIME-WAIT.
  Instant progress_at_;                       ///< Since when the peer owes progress (user time-out).
  SendQueue queue_;
  Rope readable_;
  Flight* flight_ = nullptr;  ///< Of the stack's slab, while something is in flight.
  CongestionControl congestion_;
  RttEstimator rtt_;
  RackPath rack_path_;
  Bytes receive_buffer_ = 0;  ///< As tuned so far.
  Bytes tuned_octets_ = 0;    ///< Taken by the reader since tuned_at_.
  Micros tuned_at_ = 0;
  Instant last_sent_at_;
  // Cold.
  Seq queueful_end_;  ///< An ACK of this shows that all left that was queued at queueful_since_ms_.
  std::uint32_t queueful_since_ms_ = 0;
  std::uint32_t unread_since_ms_ = 0;  ///< Since when the reader has taken nothing of what there is.
  std::uint32_t challenges_since_ms_ = 0;
  std::uint32_t mss_lowered_ms_ = 0;  ///< When the path was found to take less, if mss_ < mss_peer_.
  std::uint32_t retransmits_ = 0;
  Bytes unsent_at_end_ = 0;  ///< Octets that never left, for bytes_sent() after the end.
  std::uint64_t bytes_written_ = 0;
  Reassembly* reassembly_ = nullptr;
};

}  // namespace byway::tcp
