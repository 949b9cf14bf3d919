#include "dataplane/tcp/stack.h"

#include <algorithm>
#include <array>

namespace byway::tcp {

namespace {

/// Local TCP ports for connect: above those that services listen on by habit (RFC 6056 3.2 wants the range
/// large). From an address that the kernel has too, only those below the ones that it takes by itself (Linux:
/// net.ipv4.ip_local_port_range, from 32,768 on), so that no two connections can have the same ends.
constexpr std::uint32_t ephemeral_first = 16'384;
constexpr std::uint32_t ephemeral_count = 65'536 - ephemeral_first;
constexpr std::uint32_t ephemeral_shared_count = 32'768 - ephemeral_first;
/// Ports that one connect tries: each costs a lookup (about 50 ns), and with N workers one of N is ours.
constexpr std::uint32_t ports_tried_max = 1024;

/// One connection in eight may have holes at a time; blocks that are never used cost no memory.
constexpr std::uint32_t reassembly_share = 8;
constexpr std::uint32_t reassemblies_min = 64;

/// A segment that is out holds a chain node at least, so that full blocks for all nodes, and one that is half
/// used for every second connection, are enough. Without a block a connection waits.
constexpr std::uint32_t sent_block_share = sent_block_entries;

/// How far ahead in a burst: 8 segments take about a microsecond, several times what memory takes.
constexpr std::size_t prefetch_segments = 8;

constexpr std::uint16_t headers_bytes_v4 = 40;  // IP and TCP without options (RFC 9293 3.7.1)
constexpr std::uint16_t headers_bytes_v6 = 60;

/// RFC 9293 3.9.2.3 (MUST-57): multicast, broadcast and unspecified addresses are no peers.
bool is_possible_peer(const net::IpAddress& ip) {
  if (ip.is_v4()) {
    const std::uint32_t first = ip.v4().value >> 24;
    return first != 0 && first < 224;
  }
  return ip != net::IpAddress{} && ip.bytes[0] != 0xff;
}

}  // namespace

Stack::Stack(const StackOptions& options, Memory memory, TimerWheel& wheel, RouteSource& routes,
             Counters counters, Instant now)
    : options_(options),
      context_{options_, memory, reassemblies_, flights_, sent_blocks_, counters},
      wheel_(wheel),
      routes_(routes),
      numbers_(options.secret),
      cookies_(options.secret),
      reassemblies_(std::max(options.sockets_max / reassembly_share, reassemblies_min)),
      flights_(options.sockets_max),
      sent_blocks_(memory.slices.capacity() / sent_block_share + options.sockets_max / 2),
      sockets_(options.sockets_max),
      flows_(sockets_, options.secret),
      listeners_(options.listeners_max),
      now_(now) {}

Stack::~Stack() {
  sockets_.visit_some(0, UINT32_MAX, [this](Socket& socket) {
    wheel_.cancel(socket);
    socket.connection.drop_buffers(context_);
  });
}

// ---- Users -----------------------------------------------------------------------------------------------

Stream* Stack::connect(const net::SocketAddress& remote, StreamHandler& handler) {
  const auto route = routes_.route_to(remote.ip);
  if (!route) {
    count(CounterIndex::connect_no_route);
    return nullptr;
  }
  FlowKey flow{route->local, remote.ip, 0, remote.tcp_port};
  if (!choose_port(flow, route->is_shared)) {
    count(CounterIndex::connect_no_port);
    return nullptr;
  }
  Socket* socket = acquire_socket(flow);
  if (socket == nullptr) {
    count(CounterIndex::connect_no_socket);
    return nullptr;
  }
  count(CounterIndex::active_opens);
  socket->attached = true;
  socket->handler = &handler;
  Opening opening = opening_for(flow, *route, now_);
  opening.uses_ecn = options_.ecn == Ecn::always;
  socket->connection.open_active(opening, now_);
  mark_dirty(*socket);
  return socket;
}

/// RFC 6056 3.3.4: from a start that outsiders cannot guess, the next port whose flow is free and ours.
bool Stack::choose_port(FlowKey& flow, bool is_shared) {
  const std::uint32_t range = is_shared ? ephemeral_shared_count : ephemeral_count;
  const std::uint32_t start = numbers_.port_offset(flow, range);
  for (std::uint32_t i = 0; i < ports_tried_max; ++i) {
    flow.local_port = static_cast<std::uint16_t>(ephemeral_first + (start + i) % range);
    if (flows_.find(flow) == nullptr && routes_.is_home(flow)) return true;
  }
  return false;
}

Opening Stack::opening_for(const FlowKey& flow, const Route& route, Instant now) const {
  const bool v4 = flow.remote.is_v4();
  const std::uint16_t headers = v4 ? headers_bytes_v4 : headers_bytes_v6;
  const std::uint16_t mss_default = v4 ? mss_default_v4 : mss_default_v6;
  Opening opening;
  opening.iss = numbers_.initial_sequence(flow, now);
  opening.timestamp_offset = numbers_.timestamp_offset(flow);
  opening.mss_default = mss_default;
  opening.is_v6 = !v4;
  opening.receive_buffer = std::min(options_.receive_buffer_bytes, receive_buffer_bytes_min);
  opening.mss_own =
      route.mtu > headers + mss_default ? static_cast<std::uint16_t>(route.mtu - headers) : mss_default;
  opening.mss_path =
      route.path_mtu > headers ? static_cast<std::uint16_t>(route.path_mtu - headers) : mss_default;
  return opening;
}

Opening Stack::passive_opening_for(const FlowKey& flow, Instant now) const {
  const auto route = routes_.route_to(flow.remote);
  Opening opening = opening_for(flow, route.value_or(Route{}), now);
  opening.uses_ecn = options_.ecn != Ecn::off;
  return opening;
}

bool Stack::listen(const net::SocketAddress& local, Acceptor& acceptor) {
  if (listeners_.add(local, acceptor) != nullptr) return true;
  count(CounterIndex::listen_full);
  return false;
}

void Stack::unlisten(const net::SocketAddress& local) {
  Listener* listener = listeners_.find_exact(local);
  if (listener == nullptr) return;
  for (SocketQueue* queue : {&listener->half_open, &listener->unaccepted}) {
    while (Socket* socket = queue->front()) {
      leave_listing(*socket);
      socket->listener = nullptr;
      socket->aborted = true;
      detach(*socket);
      socket->connection.abort(context_, StreamEnd::reset);
      settle(*socket);
    }
  }
  listeners_.remove(*listener);
}

// ---- Segments in -----------------------------------------------------------------------------------------

void Stack::on_burst(std::span<Incoming> burst, Instant now) {
  look_up(burst, found_);
  take_in(burst, found_, now);
}

void Stack::look_up(std::span<Incoming> burst, Found& found) {
  BYWAY_ASSERT(burst.size() <= burst_max);
  std::size_t kept = 0;
  for (Incoming& incoming : burst) {
    count(CounterIndex::segments_in);
    SegmentView& view = found.views[kept];
    const ParseResult result = parse_segment(incoming.tcp.bytes(), view);
    if (result != ParseResult::ok) {
      count(result == ParseResult::truncated    ? CounterIndex::drop_truncated
            : result == ParseResult::bad_offset ? CounterIndex::drop_bad_offset
                                                : CounterIndex::drop_bad_options);
      incoming.tcp = Slice();
      continue;
    }
    view.ecn = incoming.ecn;
    found.flows[kept] = {incoming.target, incoming.source, view.target_port, view.source_port};
    if (&burst[kept] != &incoming) burst[kept] = std::move(incoming);
    ++kept;
  }
  found.count = kept;
  flows_.find_burst(std::span(found.flows).first(kept), found.sockets);
}

void Stack::take_in(std::span<Incoming> burst, Found& found, Instant now) {
  now_ = now;
  std::uint64_t version = flows_.version();
  for (std::size_t i = 0; i < found.count; ++i) {
    if (flows_.version() != version) {  // a segment before this one opened or ended a connection
      version = flows_.version();
      for (std::size_t j = i; j < found.count; ++j) found.sockets[j] = flows_.find(found.flows[j]);
    }
    // By now the sockets are on their way (find_burst); what they point to is called for some segments ahead.
    if (const std::size_t ahead = i + prefetch_segments; ahead < found.count) {
      if (const Socket* socket = found.sockets[ahead]) socket->connection.prefetch_flight();
    }
    dispatch(burst[i], found.views[i], found.flows[i], found.sockets[i], now);
    burst[i].tcp = Slice();
  }
}

void Stack::on_segment(const net::IpAddress& source, const net::IpAddress& target, std::uint8_t ecn,
                       Slice tcp, Instant now) {
  Incoming one{source, target, ecn, std::move(tcp)};
  on_burst({&one, 1}, now);
}

void Stack::dispatch(Incoming& incoming, const SegmentView& segment, const FlowKey& flow, Socket* socket,
                     Instant now) {
  if (socket == nullptr) {
    on_stranger(incoming, segment, flow, now);
    return;
  }
  if (socket->listing == Listing::half_open && segment.has(flag::ack) && !segment.has(flag::rst) &&
      socket->listener->unaccepted_count >= unaccepted_max) {
    count(CounterIndex::drop_accept_full);  // the peer's next segment completes the handshake
    return;
  }
  incoming.tcp.remove_front(segment.header_bytes);
  const InputResult result = socket->connection.on_segment(context_, segment, std::move(incoming.tcp), now);
  settle(*socket);
  switch (result) {
    case InputResult::taken:
      break;
    case InputResult::owes_reset:
      reply_reset(segment, flow);
      break;
    case InputResult::new_syn:
      count(CounterIndex::time_wait_reused);
      on_stranger(incoming, segment, flow, now);
      break;
  }
}

void Stack::on_delivery_error(const DeliveryError& error, Instant now) {
  now_ = now;
  Socket* socket = flows_.find(error.flow);
  if (socket == nullptr) {
    count(CounterIndex::drop_bad_delivery_error);
    return;
  }
  if (error.is_too_big) {
    on_too_big(*socket, error, now);
  } else {
    socket->connection.on_delivery_error(context_, error.seq, error.is_hard);
  }
  settle(*socket);
}

/// RFC 1191, RFC 8201: the error counts when it is about octets that are out (RFC 5927 4).
void Stack::on_too_big(Socket& socket, const DeliveryError& error, Instant now) {
  Connection& connection = socket.connection;
  if (!connection.is_out(error.seq)) {
    count(CounterIndex::drop_bad_delivery_error);
    return;
  }
  const std::uint16_t headers = socket.flow.remote.is_v4() ? headers_bytes_v4 : headers_bytes_v6;
  const auto mtu =
      routes_.on_too_big(socket.flow.remote, error.mtu, headers + std::uint32_t{connection.mss_full()}, now);
  if (!mtu || *mtu <= headers) return;
  count(CounterIndex::path_mtu_reductions);
  connection.limit_mss(context_, *mtu - headers, now);
}

/// A segment without a connection: RFC 9293 3.10.7.1 and 3.10.7.2.
void Stack::on_stranger(Incoming& incoming, const SegmentView& segment, const FlowKey& flow, Instant now) {
  if (!is_possible_peer(flow.remote) || flow.remote_port == 0 || flow.local_port == 0) {
    count(CounterIndex::drop_bad_address);
    return;
  }
  Listener* listener = listeners_.find({flow.local, flow.local_port});
  if (listener == nullptr && routes_.not_ours(incoming)) {
    count(CounterIndex::segments_not_ours);
    return;
  }
  if (segment.has(flag::rst)) {
    count(CounterIndex::drop_no_connection);
    spend_cookie_of_reset(segment, flow, now);
    return;
  }
  if (listener != nullptr && accept_cookie(*listener, incoming, segment, flow, now)) return;
  if (listener == nullptr || draining_ || segment.has(flag::ack)) {
    count(CounterIndex::drop_no_connection);
    reply_reset(segment, flow);
    return;
  }
  if ((segment.flags & (flag::syn | flag::fin)) != flag::syn) {
    count(CounterIndex::drop_bad_flags);
    return;
  }
  accept_syn(*listener, segment, flow, now);
}

void Stack::accept_syn(Listener& listener, const SegmentView& segment, const FlowKey& flow, Instant now) {
  if (pressure() == Pressure::critical) {
    count(CounterIndex::drop_pressure);
    return;
  }
  if (is_backlog_full(listener)) {
    answer_with_cookie(listener, segment, flow, now);
    return;
  }
  Socket* socket = acquire_socket(flow);
  if (socket == nullptr) {
    count(CounterIndex::drop_no_socket);
    return;
  }
  count(CounterIndex::passive_opens);
  if (segment.payload_bytes > 0) count(CounterIndex::drop_syn_payload);
  socket->listener = &listener;
  socket->connection.open_passive(passive_opening_for(flow, now), segment, now);
  settle(*socket);
}

/// RFC 9293 3.10.7.1: the sequence number that the peer expects, or an ACK of all that it sent.
void Stack::reply_reset(const SegmentView& segment, const FlowKey& flow) {
  if (segment.has(flag::rst)) return;
  Reply reset{flow, {}};
  if (segment.has(flag::ack)) {
    reset.header.seq = segment.ack;
    reset.header.flags = flag::rst;
  } else {
    reset.header.ack = segment.end();
    reset.header.flags = flag::rst | flag::ack;
  }
  if (!replies_.push(reset)) count(CounterIndex::drop_reply_queue_full);
}

// ---- Segments out ----------------------------------------------------------------------------------------

bool Stack::next_segment(SegmentOut& out, Instant now) {
  now_ = now;
  out.payload.clear();
  if (replies_.empty() && dirty_.empty()) return false;
  HeaderFields header;
  const auto address = [&out, &header](const FlowKey& flow) {
    out.local = flow.local;
    out.remote = flow.remote;
    header.source_port = flow.local_port;
    header.target_port = flow.remote_port;
  };
  if (!replies_.empty()) {
    header = replies_.front().header;
    address(replies_.front().flow);
    replies_.pop();
    if ((header.flags & flag::rst) != 0) count(CounterIndex::resets_out);
  } else {
    const Socket* socket = next_dirty(header, out.payload, now);
    if (socket == nullptr) return false;
    address(socket->flow);
  }
  out.ecn = header.ecn;
  out.header_bytes = write_header(header, out.header);
  count(CounterIndex::segments_out);
  context_.counters.add(CounterIndex::payload_bytes_out, out.payload.size());
  return true;
}

/// The first dirty socket that has a segment to send; those that have none leave the list.
Socket* Stack::next_dirty(HeaderFields& header, Rope& payload, Instant now) {
  while (Socket* socket = dirty_.front()) {
    const bool is_built = socket->connection.next_segment(context_, header, payload, now);
    if (is_built && socket->connection.may_have_more()) {
      if (++socket->turn >= segments_per_turn_max) {
        socket->turn = 0;
        dirty_.remove(*socket);
        dirty_.push_back(*socket);
      }
      return socket;
    }
    dirty_.remove(*socket);
    socket->turn = 0;
    socket->connection.clear_output_signal();
    settle(*socket);
    if (is_built) return socket;  // still there: what may have no more is established
  }
  return nullptr;
}

bool Stack::has_work() const {
  return !replies_.empty() || !dirty_.empty() || !events_.empty();
}

void Stack::set_buffers(std::uint32_t free, std::uint32_t total) {
  context_.buffers.update(free, total);
  context_.update_fair_share(sockets_.in_use());
}

// ---- End, commands ---------------------------------------------------------------------------------------

void Stack::drain() {
  draining_ = true;
}

void Stack::abort_all(Instant now) {
  now_ = now;
  sockets_.visit_some(0, UINT32_MAX, [this](Socket& socket) { end_now(socket, StreamEnd::drained); });
}

std::uint32_t Stack::connection_count() const {
  return sockets_.in_use() - time_wait_count_;
}

std::uint32_t Stack::visit(std::uint32_t first, std::uint32_t places_max, ConnectionVisitor& visitor) {
  return sockets_.visit_some(first, places_max,
                             [&](const Socket& socket) { visitor.on_connection(info_of(socket)); });
}

ConnectionInfo Stack::info_of(const Socket& socket) const {
  const Connection::Statistics s = socket.connection.statistics();
  ConnectionInfo info;
  info.flow = socket.flow;
  info.state = socket.connection.state();
  info.srtt = s.srtt;
  info.rto = s.rto;
  info.cwnd = s.cwnd;
  info.ssthresh = s.ssthresh;
  info.mss = s.mss;
  info.send_window = s.send_window;
  info.in_flight = s.in_flight;
  info.send_queue = socket.connection.unacknowledged();
  info.receive_queue = socket.connection.readable().size();
  info.reassembly = s.reassembly;
  info.sacked = s.sacked;
  info.lost = s.lost;
  info.min_rtt = s.min_rtt;
  info.phase = s.phase;
  info.backoffs = s.backoffs;
  info.retransmits = s.retransmits;
  return info;
}

}  // namespace byway::tcp
