// The TCP stack of one worker: flow table, sockets, listeners; segments in, segments out, events up.
//
//   worker               Stack                                  l7, tls
//   on_burst       ->    flow table -> Connection -> marks
//                        deliver_events                    ->   StreamHandler, Acceptor
//                        a write marks its socket dirty    <-   Stream::write
//   next_segment   <-    dirty list
//
// It does no I/O, reads no clock and allocates nothing after its construction. Its timers run in the worker's
// TimerWheel, which the worker advances.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/clock.h"
#include "dataplane/rope.h"
#include "dataplane/stream.h"
#include "dataplane/tcp/context.h"
#include "dataplane/tcp/counters.h"
#include "dataplane/tcp/flow_key.h"
#include "dataplane/tcp/flow_table.h"
#include "dataplane/tcp/intrusive_list.h"
#include "dataplane/tcp/isn.h"
#include "dataplane/tcp/limits.h"
#include "dataplane/tcp/listener.h"
#include "dataplane/tcp/options.h"
#include "dataplane/tcp/reassembly.h"
#include "dataplane/tcp/reply_queue.h"
#include "dataplane/tcp/segment.h"
#include "dataplane/tcp/socket.h"
#include "dataplane/tcp/spent_cookies.h"
#include "dataplane/tcp/state.h"
#include "dataplane/tcp/syn_cookie.h"
#include "dataplane/timer_wheel.h"

namespace byway::tcp {

struct Incoming;

/// Where a peer is reached from.
struct Route {
  net::IpAddress local;                  ///< The address to connect from.
  std::uint16_t mtu = mtu_default;       ///< Of the link: what we can take.
  std::uint16_t path_mtu = mtu_default;  ///< What the whole path takes, as far as is known: at most `mtu`.
  /// The kernel connects from `local` too, by TCP ports from 32,768 on, which are left to it.
  bool is_shared = false;
};

/// What the stack asks the worker about paths and addresses: on connect, on an accepted SYN and about
/// segments of strangers, never for one of a connection.
class RouteSource {
 public:
  [[nodiscard]] virtual std::optional<Route> route_to(const net::IpAddress& remote) const = 0;
  /// Whether segments of `flow` will arrive at this worker: connect asks before it settles on a local port.
  [[nodiscard]] virtual bool is_home(const FlowKey& flow) const {
    static_cast<void>(flow);
    return true;
  }
  /// A packet of `packet_bytes` to `remote` that is out was too big for a router, whose next link takes `mtu`
  /// (0: it did not say). Returns what the path takes from now on; nullopt: nothing was learned.
  [[nodiscard]] virtual std::optional<std::uint16_t> on_too_big(const net::IpAddress& remote,
                                                                std::uint16_t mtu, std::uint32_t packet_bytes,
                                                                Instant now) {
    static_cast<void>(remote), static_cast<void>(packet_bytes), static_cast<void>(now);
    return mtu != 0 ? std::optional(mtu) : std::nullopt;
  }
  /// A segment of no connection and to no listener. True: it is somebody else's, who shares the address; its
  /// slice has been taken and nothing is answered. False: nobody else is there, and a reset says so.
  [[nodiscard]] virtual bool not_ours(Incoming& incoming) {
    static_cast<void>(incoming);
    return false;
  }

 protected:
  ~RouteSource() = default;
};

/// A segment that has come in for one of our addresses: IP header checked and stripped, checksum verified.
struct Incoming {
  net::IpAddress source;
  net::IpAddress target;
  std::uint8_t ecn = 0;  ///< The ECN field of its IP header.
  Slice tcp;             ///< TCP header and payload in one slice.
};

/// What the network says of a segment of ours: an ICMP error, or that its next hop does not answer. Nothing
/// in it is authenticated.
struct DeliveryError {
  FlowKey flow;
  Seq seq;  ///< Of the segment that was not delivered.
  /// No answer is to be expected from where it went: unreachable host, protocol or TCP port, or prohibited.
  /// Not an unreachable network or an exceeded time to live, which routers say while they look for another
  /// way.
  bool is_hard = false;
  bool is_too_big = false;  ///< It was too long for a link that takes `mtu` (0: unknown) and must not be cut.
  std::uint16_t mtu = 0;
};

/// One connection as the `connections` command shows it.
struct ConnectionInfo {
  FlowKey flow;
  State state = State::closed;
  Nanoseconds srtt{0};  ///< Smoothed round trip; 0: none measured yet.
  Nanoseconds rto{0};
  Bytes cwnd = 0;
  Bytes ssthresh = 0;
  Bytes mss = 0;
  Bytes send_window = 0;    ///< What the peer offers.
  Bytes in_flight = 0;      ///< Sent and not acknowledged.
  Bytes send_queue = 0;     ///< Written and not acknowledged.
  Bytes receive_queue = 0;  ///< In order and not yet read.
  Bytes reassembly = 0;     ///< Received out of order.
  Bytes sacked = 0;         ///< In flight, and the peer has it.
  Bytes lost = 0;           ///< In flight, and to be sent again.
  std::uint32_t retransmits = 0;
  std::uint8_t backoffs = 0;  ///< Time-outs in a row without progress.
  Phase phase = Phase::open;
  Nanoseconds min_rtt{0};  ///< 0: none measured yet.
};

class ConnectionVisitor {
 public:
  virtual void on_connection(const ConnectionInfo& info) = 0;

 protected:
  ~ConnectionVisitor() = default;
};

/// Owner: the worker. Thread: that worker. `now` never decreases between calls.
class Stack final : public Connector {
 public:
  /// `memory`, `wheel` and `routes` outlive the stack; the cells of `counters` too.
  Stack(const StackOptions& options, Memory memory, TimerWheel& wheel, RouteSource& routes, Counters counters,
        Instant now);
  /// Drops what is left, silently: no events, no resets (abort_all sends those).
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  // ---- Users ----

  /// Connector. The SYN leaves with the next flush.
  [[nodiscard]] Stream* connect(const net::SocketAddress& remote, StreamHandler& handler) override;
  /// Accepts connections to `local`; an address of all zeros (IpAddress{}) means any address of ours. A
  /// second call for the same address and port replaces the acceptor. False: the table is full (counted).
  /// `acceptor` stays until unlisten or the end of the stack.
  [[nodiscard]] bool listen(const net::SocketAddress& local, Acceptor& acceptor);
  /// SYNs are answered by resets again; half-open and unaccepted connections are reset. Accepted ones stay.
  void unlisten(const net::SocketAddress& local);

  // ---- The worker's loop ----

  /// Takes segments in. Their slices are kept (payload) or released. Asserted: at most burst_max.
  void on_burst(std::span<Incoming> burst, Instant now);
  /// Its two halves, for who times them apart: what the segments say and whose they are (those that cannot be
  /// read are dropped, the rest moves up), and what follows.
  struct Found {
    std::array<SegmentView, burst_max> views;
    std::array<FlowKey, burst_max> flows;
    std::array<Socket*, burst_max> sockets;
    std::size_t count = 0;
  };
  void look_up(std::span<Incoming> burst, Found& found);
  void take_in(std::span<Incoming> burst, Found& found, Instant now);
  void on_segment(const net::IpAddress& source, const net::IpAddress& target, std::uint8_t ecn, Slice tcp,
                  Instant now);
  /// Ends a connect that is under way; everything else goes on (RFC 5927 5.2: who guesses the numbers must
  /// not end a connection), and ends by its time-outs.
  void on_delivery_error(const DeliveryError& error, Instant now);
  /// Tells handlers and acceptors what happened, for at most `sockets_max` sockets; true: more are waiting.
  bool deliver_events(Instant now, std::uint32_t sockets_max = UINT32_MAX);
  /// Builds the next segment that may be sent. False: nothing to send now; `out.payload` is empty.
  /// What is built counts as sent: dropping it is a loss on the network.
  [[nodiscard]] bool next_segment(SegmentOut& out, Instant now);
  /// Whether next_segment or deliver_events have work: the worker must not sleep.
  [[nodiscard]] bool has_work() const;
  /// How many packet buffers are free; without it buffers are not short (limits.h, "Memory"). The owner calls
  /// it at least once for every 1/32 of them that it hands in.
  void set_buffers(std::uint32_t free, std::uint32_t total);
  /// One step of relief if memory is short (limits.h, rule 4): looks at relieve_places sockets. True: another
  /// step is due soon.
  bool relieve(Instant now);
  [[nodiscard]] Pressure pressure() const { return context_.pressure(); }

  // ---- Moving a connection (handover.h) ----
  /// How many bytes export_connection writes of the connection behind `stream`, one of ours, now: 0 if it
  /// cannot move (is opening, or its user has let go).
  [[nodiscard]] std::size_t export_bytes(const Stream& stream) const;
  /// Writes that connection, which goes on as if nothing had been. Returns how many bytes: 0 if it cannot
  /// move, or `out` is too small.
  [[nodiscard]] std::size_t export_connection(const Stream& stream, std::span<std::uint8_t> out,
                                              Instant now) const;
  /// It lives elsewhere now: forgotten without a segment or an event. Not from within an event.
  void forget(Stream& stream);
  /// The connection that was written becomes one of this stack, with `handler` as its user; what it has to
  /// read is told as an event. nullptr: `error` says why, and nothing has changed.
  [[nodiscard]] Stream* import_connection(std::span<const std::uint8_t> bytes, StreamHandler& handler,
                                          HandoverError& error, Instant now);

  // ---- End, commands ----

  /// SYNs are refused by reset from now on. Connections that exist go on, and connect still works: what is
  /// under way may need an upstream.
  void drain();
  /// Resets all connections; their users hear on_closed(drained).
  void abort_all(Instant now);
  /// Whether there is one, TIME-WAIT included: who knows not where a connection has moved to asks.
  [[nodiscard]] bool has_connection(const FlowKey& flow) const { return flows_.find(flow) != nullptr; }
  /// Connections that exist, TIME-WAIT not counted.
  [[nodiscard]] std::uint32_t connection_count() const;
  /// Shows the connections in up to `places_max` places of the slab from `first` on; returns where to go on,
  /// or `sockets_max` of the options at the end.
  std::uint32_t visit(std::uint32_t first, std::uint32_t places_max, ConnectionVisitor& visitor);

 private:
  friend class Socket;

  // Segments in
  void dispatch(Incoming& incoming, const SegmentView& segment, const FlowKey& flow, Socket* socket,
                Instant now);
  void on_stranger(Incoming& incoming, const SegmentView& segment, const FlowKey& flow, Instant now);
  void accept_syn(Listener& listener, const SegmentView& segment, const FlowKey& flow, Instant now);
  [[nodiscard]] bool is_backlog_full(const Listener& listener) const;
  void answer_with_cookie(Listener& listener, const SegmentView& segment, const FlowKey& flow, Instant now);
  [[nodiscard]] bool accept_cookie(Listener& listener, Incoming& incoming, const SegmentView& segment,
                                   const FlowKey& flow, Instant now);
  void spend_cookie_of_reset(const SegmentView& reset, const FlowKey& flow, Instant now);
  void reply_reset(const SegmentView& segment, const FlowKey& flow);
  [[nodiscard]] Socket* next_dirty(HeaderFields& header, Rope& payload, Instant now);

  // Sockets
  Socket* acquire_socket(const FlowKey& flow);
  [[nodiscard]] Opening opening_for(const FlowKey& flow, const Route& route, Instant now) const;
  void on_too_big(Socket& socket, const DeliveryError& error, Instant now);
  [[nodiscard]] Opening passive_opening_for(const FlowKey& flow, Instant now) const;
  [[nodiscard]] bool choose_port(FlowKey& flow, bool is_shared);
  void mark_dirty(Socket& socket) {
    if (!dirty_.contains(socket)) dirty_.push_back(socket);
  }
  void mark_event(Socket& socket) {
    if (!events_.contains(socket)) events_.push_back(socket);
  }
  void on_read(Socket& socket);
  void detach(Socket& socket);
  void abort(Socket& socket);
  static void on_timer(Timer& timer, Instant now);
  void deliver(Socket& socket);
  void collect_signals(Socket& socket);
  void settle(Socket& socket);
  /// Established, and in no list: its place is settled.
  [[nodiscard]] static bool is_in_use(const Socket& socket) {
    return socket.connection.state() == State::established && socket.listener == nullptr &&
           socket.listing == Listing::none;
  }
  [[nodiscard]] bool settle_place(Socket& socket);
  void update_listing(Socket& socket);
  void leave_listing(Socket& socket);
  void end_now(Socket& socket, StreamEnd reason);
  void release(Socket& socket);
  void end_relief();
  void look_for_stuck(Socket& socket, Instant now);
  void shed(Socket& socket);
  [[nodiscard]] ConnectionInfo info_of(const Socket& socket) const;
  void count(CounterIndex index) const { context_.counters.add(index); }

  StackOptions options_;
  Context context_;
  TimerWheel& wheel_;
  RouteSource& routes_;
  NumberSource numbers_;
  SynCookies cookies_;
  SpentCookies spent_cookies_;
  ReassemblySlab reassemblies_;
  FlightSlab flights_;
  SentBlockSlab sent_blocks_;
  Slab<Socket> sockets_;
  FlowTable flows_;
  ListenerTable listeners_;
  ReplyQueue replies_;
  IntrusiveList<Socket, &Socket::dirty_link> dirty_;
  IntrusiveList<Socket, &Socket::event_link> events_;
  SocketQueue time_wait_;
  std::uint32_t time_wait_count_ = 0;
  std::uint32_t half_open_count_ = 0;  ///< Of all listeners.
  Socket* stuck_ = nullptr;            ///< The worst of those that relief has looked at in this round.
  std::uint32_t relief_hand_ = 0;      ///< Where it goes on.
  bool relieving_ = false;
  Found found_;  ///< Of the burst that is worked on: kept, since making it new costs as much as a packet.
  Instant now_;  ///< Of the last call that told the time: for calls of users, which happen in between.
  bool draining_ = false;
};

}  // namespace byway::tcp
