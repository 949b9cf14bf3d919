#include "tests/sim/host.h"

#include <algorithm>
#include <cstdio>
#include <span>
#include <utility>

#include "tests/sim/network.h"
#include "tests/sim/packet_print.h"

namespace byway::sim {

namespace {

constexpr std::uint32_t timers_per_round = 1024;
constexpr std::int64_t second_ns = 1'000'000'000;
/// Users write into all buffers but one in so many: what arrives finds some.
constexpr std::uint32_t kept_from_users = 8;
/// For this long after a move packets may still arrive at the stack that the connection has left, which hands
/// them over: they come this much later than those that find the right one, and so behind some of them.
constexpr Nanoseconds stray_time = 20ms;
constexpr Nanoseconds hand_over_delay_max = 2ms;

}  // namespace

Host::Host(Network& network, const net::IpAddress& address, const HostOptions& options)
    : Node(network, address),
      slices(options.slices),
      wheel(network.now()),
      stack(options.stack, Memory{slices, heap}, wheel, *this, counters.block, network.now()),
      mtu_(options.mtu),
      buffers_(options.buffers),
      segment_(slices),
      stray_until_(network.now()),
      silence_(network.now(), options.stack.pacing) {
  if (buffers_ != 0) stack.set_buffers(buffers_, buffers_);
}

void Host::add_second_stack(const tcp::StackOptions& options, Random random) {
  stray_ = random;
  other_ = std::make_unique<SecondStack>(*this, options, network_.now());
  if (buffers_ != 0) other_->stack.set_buffers(buffers_, buffers_);
}

bool Host::listen(const net::SocketAddress& local, Acceptor& acceptor) {
  bool has_room = true;
  for_each_stack([&](tcp::Stack& each) { has_room = each.listen(local, acceptor) && has_room; });
  return has_room;
}

Stream* Host::move(Stream& stream, StreamHandler& handler) {
  if (!other_) return nullptr;
  const Instant now = network_.now();
  const net::SocketAddress local = stream.local_address();
  const net::SocketAddress remote = stream.remote_address();
  tcp::Stack& from = stack_of({local.ip, remote.ip, local.tcp_port, remote.tcp_port});
  const bool comes_back = &from == &other_->stack;
  tcp::Stack& to = comes_back ? stack : other_->stack;
  std::vector<std::uint8_t> bytes(from.export_bytes(stream));
  if (bytes.empty() || from.export_connection(stream, bytes, now) != bytes.size()) return nullptr;
  if (stray_.chance(0.3)) try_bad_imports(from, to, bytes, handler);
  tcp::HandoverError error = tcp::HandoverError::none;
  Stream* moved = to.import_connection(bytes, handler, error, now);
  if (moved == nullptr) {
    if (error != tcp::HandoverError::no_memory) move_error_ = "a move failed: " + std::string(name_of(error));
    return nullptr;
  }
  from.forget(stream);
  stray_until_ = now + stray_time;
  if (comes_back) {
    at_second_.erase({remote, local.tcp_port});
  } else {
    at_second_.insert({remote, local.tcp_port});
  }
  return moved;
}

void Host::try_bad_imports(tcp::Stack& from, tcp::Stack& to, std::vector<std::uint8_t> bytes,
                           StreamHandler& handler) {
  const Instant now = network_.now();
  const auto expect = [&](tcp::Stack& importer, std::span<const std::uint8_t> what,
                          tcp::HandoverError wanted) {
    tcp::HandoverError error = tcp::HandoverError::none;
    if (importer.import_connection(what, handler, error, now) != nullptr || error != wanted) {
      move_error_ = "a bad import: " + std::string(name_of(error)) + " instead of " + name_of(wanted);
    }
  };
  expect(from, bytes, tcp::HandoverError::in_use);
  expect(to, std::span(bytes).first(stray_.below(bytes.size())), tcp::HandoverError::truncated);
  std::vector<std::uint8_t> older = bytes;
  --older[0];  // the magic number, which says the version, is first
  expect(to, older, tcp::HandoverError::bad_version);
  // One octet that is not what it was. Either the importer sees it, or it takes another connection than the
  // one that was written; in both cases nothing of it stays.
  bytes[stray_.below(bytes.size())] ^= static_cast<std::uint8_t>(stray_.between(1, 255));
  tcp::HandoverError error = tcp::HandoverError::none;
  Stream* wrong = to.import_connection(bytes, handler, error, now);
  if (wrong != nullptr) to.forget(*wrong);
}

tcp::Stack& Host::stack_of(const tcp::FlowKey& flow) {
  const auto found = at_second_.find({{flow.remote, flow.remote_port}, flow.local_port});
  if (found == at_second_.end()) return stack;
  if (other_->stack.has_connection(flow)) return other_->stack;
  at_second_.erase(found);
  return stack;
}

/// A port whose connection has moved is taken, though this stack knows nothing of it.
bool Host::is_home(const tcp::FlowKey& flow) const {
  return !other_ || !at_second_.contains({{flow.remote, flow.remote_port}, flow.local_port}) ||
         !other_->stack.has_connection(flow);
}

std::uint64_t Host::counter(tcp::CounterIndex index) const {
  return counters.block.value(index) + (other_ ? other_->counters.block.value(index) : 0);
}

std::optional<tcp::Route> Host::route_to(const net::IpAddress&) const {
  return tcp::Route{address(), mtu_};
}

Slice Host::copy(std::span<const std::uint8_t> bytes) {
  if (buffers_ != 0 && buffers_live() >= buffers_ - buffers_ / kept_from_users) return {};
  return heap.copy(bytes);
}

void Host::on_packet(const PacketView& packet, Instant now) {
  had_packet_ = true;
  if (is_out_of_buffers()) {  // as if lost
    ++arrivals_refused_;
    return;
  }
  if (now < stray_until_ && stray_.chance(0.3)) {
    network_.at(now + stray_.duration(hand_over_delay_max),
                [this, packet, bytes = std::vector<std::uint8_t>(packet.tcp.begin(), packet.tcp.end())] {
                  PacketView late = packet;
                  late.tcp = bytes;
                  had_packet_ = true;
                  if (is_out_of_buffers()) {
                    ++arrivals_refused_;
                  } else {
                    take_in(late, network_.now());
                  }
                });
    return;
  }
  take_in(packet, now);
}

void Host::take_in(const PacketView& packet, Instant now) {
  Slice tcp = arrivals.copy(packet.tcp);
  if (tcp.empty()) return;
  tcp::SegmentView segment;
  const bool is_whole = tcp::parse_segment(packet.tcp, segment) == tcp::ParseResult::ok;
  tcp::Stack& target =
      is_whole ? stack_of({address(), packet.source, segment.target_port, segment.source_port}) : stack;
  target.on_segment(packet.source, address(), packet.ecn, std::move(tcp), now);
  buffers_most_ = std::max(buffers_most_, buffers_live());
}

void Host::on_packet_too_big(const PacketView& packet, std::uint16_t mtu, Instant now) {
  tcp::SegmentView segment;
  if (tcp::parse_segment(packet.tcp, segment) != tcp::ParseResult::ok) return;
  had_packet_ = true;
  const tcp::FlowKey flow{packet.source, packet.target, segment.source_port, segment.target_port};
  stack_of(flow).on_delivery_error({flow, segment.seq, false, true, mtu}, now);
}

Instant Host::next_due() const {
  const bool has_work = stack.has_work() || (other_ && other_->stack.has_work());
  return has_work ? Instant{} : wheel.next_due();
}

void Host::fire_timers(Instant now) {
  if (now.ns / second_ns != second_) fires_ = 0;
  second_ = now.ns / second_ns;
  std::uint32_t fired = 0;
  do {
    const auto connections = static_cast<std::uint32_t>(counter(tcp::CounterIndex::sockets_in_use));
    fired = wheel.advance(now, timers_per_round);
    fires_ += fired;
    const std::uint64_t starved = counter(tcp::CounterIndex::send_starved);
    silence_.on_fires(fired, connections, starved != starved_before_, now);
    starved_before_ = starved;
  } while (fired == timers_per_round);
  fires_max_ = std::max(fires_max_, fires_);
}

void Host::count_buffers(Instant now) {
  buffers_most_ = std::max(buffers_most_, buffers_live());
  if (buffers_ == 0) return;
  const auto used = static_cast<std::uint32_t>(std::min<std::uint64_t>(buffers_live(), buffers_));
  for_each_stack([&](tcp::Stack& each) {
    each.set_buffers(buffers_ - used, buffers_);
    static_cast<void>(each.relieve(now));
  });
}

void Host::run_round(bool had_action, Instant now) {
  if (on_time) on_time(now);
  if (had_packet_ || had_action) silence_.end(now);
  had_packet_ = false;
  fire_timers(now);
  if (on_round) on_round(now);
  count_buffers(now);
  for_each_stack([&](tcp::Stack& each) {
    do {
      each.deliver_events(now);
      flush(each, now);
    } while (each.has_work());
  });
}

void Host::flush(tcp::Stack& from, Instant now) {
  while (from.next_segment(segment_, now)) {
    network_.send(
        *this, segment_.remote,
        make_packet(segment_.local, segment_.remote, segment_.ecn, segment_.header_span(), segment_.payload));
  }
}

std::string Host::leftovers() {
  if (stack.connection_count() != 0 || (other_ && other_->stack.connection_count() != 0)) {
    return "connections";
  }
  if (counter(tcp::CounterIndex::sockets_in_use) != 0) return "sockets";
  if (slices.in_use() != 0) return "chain nodes";
  if (buffers_live() != 0) return "buffers";
  if (wheel.armed_count() != 0) return "timers";
  return {};
}

void Host::print_state() {
  struct Printer final : tcp::ConnectionVisitor {
    void on_connection(const tcp::ConnectionInfo& info) override {
      std::printf("  %u > %u %s cwnd %u ssthresh %u mss %u window %u flight %u send %u receive %u holes %u\n",
                  info.flow.local_port, info.flow.remote_port, std::string(tcp::name_of(info.state)).c_str(),
                  info.cwnd, info.ssthresh, info.mss, info.send_window, info.in_flight, info.send_queue,
                  info.receive_queue, info.reassembly);
    }
  } printer;
  std::printf("%s: chain nodes %u of %u, buffers %llu, timers %u\n", text_of(address()).c_str(),
              slices.in_use(), slices.capacity(), static_cast<unsigned long long>(buffers_live()),
              wheel.armed_count());
  for_each_stack([&](tcp::Stack& each) { each.visit(0, UINT32_MAX, printer); });
#define BYWAY_COUNTER(name, kind, help)                                        \
  if (const auto value = counter(tcp::CounterIndex::name); value != 0) {       \
    std::printf("  %s %llu\n", #name, static_cast<unsigned long long>(value)); \
  }
#include "dataplane/tcp/counters.def"
#undef BYWAY_COUNTER
}

}  // namespace byway::sim
