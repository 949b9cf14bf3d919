#include "dataplane/tcp/stack.h"

namespace byway::tcp {

Stack::Stack(const StackOptions& options, Memory memory, TimerWheel& wheel, const RouteSource& routes,
             Counters counters, Instant now)
    : options_(options),
      memory_(memory),
      wheel_(wheel),
      routes_(routes),
      counters_(counters),
      listeners_(options.listeners_max) {
  static_cast<void>(now);
}

Stack::~Stack() = default;

Stream* Stack::connect(const net::SocketAddress& remote, StreamHandler&) {
  counters_.add(routes_.route_to(remote.ip) ? CounterIndex::connect_no_socket
                                            : CounterIndex::connect_no_route);
  return nullptr;
}

bool Stack::listen(const net::SocketAddress& local, Acceptor& acceptor) {
  if (listeners_.add(local, acceptor) != nullptr) return true;
  counters_.add(CounterIndex::listen_full);
  return false;
}

void Stack::unlisten(const net::SocketAddress& local) {
  if (Listener* listener = listeners_.find_exact(local)) listeners_.remove(*listener);
}

void Stack::on_burst(std::span<Incoming> burst, Instant now) {
  BYWAY_ASSERT(burst.size() <= burst_max);
  for (Incoming& incoming : burst) {
    counters_.add(CounterIndex::segments_in);
    SegmentView segment;
    segment.ecn = incoming.ecn;
    switch (parse_segment(incoming.tcp.bytes(), segment)) {
      case ParseResult::ok:
        on_segment_of({incoming.target, incoming.source, segment.target_port, segment.source_port}, segment,
                      now);
        break;
      case ParseResult::truncated:
        counters_.add(CounterIndex::drop_truncated);
        break;
      case ParseResult::bad_offset:
        counters_.add(CounterIndex::drop_bad_offset);
        break;
      case ParseResult::bad_options:
        counters_.add(CounterIndex::drop_bad_options);
        break;
    }
    incoming.tcp = Slice();
  }
}

void Stack::on_segment(const net::IpAddress& source, const net::IpAddress& target, std::uint8_t ecn,
                       Slice tcp, Instant now) {
  Incoming one{source, target, ecn, std::move(tcp)};
  on_burst({&one, 1}, now);
}

/// RFC 9293 3.10.7.1: a reset for everything that has no connection, but for resets.
void Stack::on_segment_of(const FlowKey& flow, const SegmentView& segment, Instant) {
  counters_.add(CounterIndex::drop_no_connection);
  if (segment.has(flag::rst)) return;
  const bool has_ack = segment.has(flag::ack);
  const Reply reset{flow, has_ack ? segment.ack : Seq{}, has_ack ? Seq{} : segment.end(),
                    has_ack ? flag::rst : static_cast<std::uint8_t>(flag::rst | flag::ack)};
  if (!replies_.push(reset)) counters_.add(CounterIndex::drop_reply_queue_full);
}

bool Stack::deliver_events(Instant, std::uint32_t) {
  return false;
}

bool Stack::next_segment(SegmentOut& out, Instant) {
  out.payload.clear();
  Reply reply;
  if (!replies_.pop(reply)) return false;
  out.local = reply.flow.local;
  out.remote = reply.flow.remote;
  out.ecn = 0;
  const HeaderFields fields{
      reply.flow.local_port, reply.flow.remote_port, reply.seq, reply.ack, 0, reply.flags, {}};
  out.header_bytes = write_header(fields, out.header);
  counters_.add(CounterIndex::resets_out);
  counters_.add(CounterIndex::segments_out);
  return true;
}

bool Stack::has_work() const {
  return !replies_.empty();
}

void Stack::set_pressure(Pressure pressure) {
  pressure_ = pressure;
}

void Stack::drain() {
  draining_ = true;
}

void Stack::abort_all(Instant) {}

std::uint32_t Stack::connection_count() const {
  return 0;
}

std::uint32_t Stack::visit(std::uint32_t, std::uint32_t, ConnectionVisitor&) const {
  return options_.sockets_max;
}

}  // namespace byway::tcp
