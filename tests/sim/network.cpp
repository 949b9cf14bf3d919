#include "tests/sim/network.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "dataplane/assert.h"
#include "dataplane/net/address_text.h"
#include "dataplane/net/checksum.h"

namespace byway::sim {

namespace {

constexpr std::uint8_t protocol_tcp = 6;
constexpr std::size_t checksum_offset = 16;
constexpr std::uint32_t timers_per_round = 1024;
constexpr std::int64_t second_ns = 1'000'000'000;
/// Not 0: nothing may depend on the clock's start. Close to where 32-bit milliseconds wrap, so that they do.
constexpr Instant start{(std::int64_t{1} << 32) * 1'000'000 - 5'000'000'000};

std::uint16_t checksum_of(const net::IpAddress& source, const net::IpAddress& target,
                          std::span<const std::uint8_t> tcp) {
  net::Checksum sum;
  sum.add_pseudo_header(source, target, protocol_tcp, static_cast<std::uint32_t>(tcp.size()));
  sum.add(tcp);
  return sum.value();
}

std::string text_of(const net::IpAddress& address) {
  char text[net::address_text_max];
  return {text, net::write_address(address, text)};
}

}  // namespace

// ---- Host ------------------------------------------------------------------------------------------------

Host::Host(Network& network, const net::IpAddress& address, const HostOptions& options)
    : slices(options.slices),
      wheel(network.now()),
      stack(options.stack, Memory{slices, heap}, wheel, *this, counters.block, network.now()),
      network_(network),
      address_(address),
      mtu_(options.mtu),
      segment_(slices) {}

std::optional<tcp::Route> Host::route_to(const net::IpAddress&) const {
  return tcp::Route{address_, mtu_};
}

void Host::on_packet(const net::IpAddress& source, std::uint8_t ecn, std::span<const std::uint8_t> bytes,
                     Instant now) {
  Slice tcp = arrivals.copy(bytes);
  if (tcp.empty()) return;  // no memory: as if lost
  stack.on_segment(source, address_, ecn, std::move(tcp), now);
}

void Host::run_round(Instant now) {
  if (on_time) on_time(now);
  if (now.ns / second_ns != second_) fires_ = 0;
  second_ = now.ns / second_ns;
  std::uint32_t fired = 0;
  do {
    fired = wheel.advance(now, timers_per_round);
    fires_ += fired;
  } while (fired == timers_per_round);
  fires_max_ = std::max(fires_max_, fires_);
  if (on_round) on_round(now);
  do {
    stack.deliver_events(now);
    flush(now);
  } while (stack.has_work());
}

void Host::flush(Instant now) {
  while (stack.next_segment(segment_, now)) {
    const auto header = segment_.header_span();
    std::vector<std::uint8_t> tcp(header.begin(), header.end());
    tcp.resize(header.size() + segment_.payload.size());
    segment_.payload.copy_to(0, std::span(tcp).subspan(header.size()));
    network_.send(segment_.local, segment_.remote, segment_.ecn, std::move(tcp));
  }
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
  std::printf("%s: chain nodes %u of %u, buffers %llu, timers %u\n", text_of(address_).c_str(),
              slices.in_use(), slices.capacity(), static_cast<unsigned long long>(buffers_live()),
              wheel.armed_count());
  stack.visit(0, UINT32_MAX, printer);
#define BYWAY_COUNTER(name, kind, help)                                               \
  if (const auto value = counters.block.value(tcp::CounterIndex::name); value != 0) { \
    std::printf("  %s %llu\n", #name, static_cast<unsigned long long>(value));        \
  }
#include "dataplane/tcp/counters.def"
#undef BYWAY_COUNTER
}

// ---- Network ---------------------------------------------------------------------------------------------

Network::Network(std::uint64_t seed) : random_(seed), now_(start), link_free_(start) {}

Network::~Network() = default;

Host& Network::add_host(const net::IpAddress& address, const HostOptions& options) {
  hosts_.push_back(std::make_unique<Host>(*this, address, options));
  return *hosts_.back();
}

Host* Network::find(const net::IpAddress& address) {
  for (auto& host : hosts_) {
    if (host->address() == address) return host.get();
  }
  return nullptr;
}

void Network::at(Instant when, std::function<void()> action) {
  actions_.push({std::max(when, now_), order_++, std::move(action)});
}

Instant Network::next_event() const {
  Instant next = Instant::never();
  if (!packets_.empty()) next = std::min(next, packets_.top().arrival);
  if (!actions_.empty()) next = std::min(next, actions_.top().when);
  for (const auto& host : hosts_) {
    if (host->stack.has_work()) return now_;
    next = std::min(next, host->wheel.next_due());
  }
  return next;
}

bool Network::step(Instant limit) {
  const Instant next = next_event();
  if (next > limit || next.is_never()) {
    now_ = std::max(now_, limit.is_never() ? now_ : limit);
    return false;
  }
  now_ = std::max(now_, next);
  deliver_due();
  while (!actions_.empty() && actions_.top().when <= now_) {
    const auto call = actions_.top().call;
    actions_.pop();
    call();
  }
  for (auto& host : hosts_) host->run_round(now_);
  return true;
}

bool Network::run_until(Instant limit, const std::function<bool()>& done) {
  while (!done()) {
    if (!step(limit)) return done();
  }
  return true;
}

void Network::deliver_due() {
  while (!packets_.empty() && packets_.top().arrival <= now_) {
    const Packet packet = packets_.top();
    packets_.pop();
    Host* host = find(packet.target);
    if (host == nullptr) continue;
    if (checksum_of(packet.source, packet.target, packet.tcp) != 0) {
      if (trace_) print("bad checksum", packet.source, packet.target, packet.tcp);
      continue;
    }
    if (trace_) print("->", packet.source, packet.target, packet.tcp);
    host->on_packet(packet.source, packet.ecn, packet.tcp, now_);
  }
}

/// When the last bit of a packet leaves; Instant::never() if the queue is full.
Instant Network::departure(std::size_t bytes) {
  if (link_.bits_per_second == 0) return now_;
  const auto bit_time = [this](std::size_t octets) {
    return Nanoseconds(static_cast<std::int64_t>(octets * 8 * 1'000'000'000 / link_.bits_per_second));
  };
  link_free_ = std::max(link_free_, now_);
  if (link_free_ - now_ > bit_time(link_.queue_bytes)) return Instant::never();
  link_free_ = link_free_ + bit_time(bytes);
  return link_free_;
}

void Network::send(const net::IpAddress& source, const net::IpAddress& target, std::uint8_t ecn,
                   std::vector<std::uint8_t> tcp) {
  ++packets_sent_;
  BYWAY_ASSERT(tcp.size() >= tcp::header_bytes_min && tcp[checksum_offset] == 0 &&
               tcp[checksum_offset + 1] == 0);
  const std::uint16_t sum = checksum_of(source, target, tcp);
  tcp[checksum_offset] = static_cast<std::uint8_t>(sum >> 8);
  tcp[checksum_offset + 1] = static_cast<std::uint8_t>(sum);
  Packet packet{now_, 0, source, target, ecn, std::move(tcp)};
  const Instant left = departure(packet.tcp.size() + 40);
  if (left.is_never() || random_.chance(link_.loss)) {
    ++packets_lost_;
    if (trace_) print("lost", source, target, packet.tcp);
    return;
  }
  if (trace_) print("sent", source, target, packet.tcp);
  const bool twice = random_.chance(link_.duplicate);
  for (int copy = 0; copy < (twice ? 2 : 1); ++copy) enqueue(packet, left);
}

void Network::enqueue(const Packet& packet, Instant left) {
  Packet copy = packet;
  copy.order = order_++;
  copy.arrival = left + link_.delay + random_.duration(link_.jitter);
  if (random_.chance(link_.reorder)) copy.arrival = copy.arrival + link_.reorder_delay;
  if (random_.chance(link_.corrupt)) {
    const std::uint64_t bit = random_.below(copy.tcp.size() * 8);
    copy.tcp[bit / 8] = static_cast<std::uint8_t>(copy.tcp[bit / 8] ^ 1u << bit % 8);
  }
  packets_.push(std::move(copy));
}

void Network::note(const std::string& line) const {
  if (!trace_) return;
  std::printf("%12.6f %s\n", static_cast<double>((now_ - start).count()) / 1e9, line.c_str());
}

void Network::print(const char* verdict, const net::IpAddress& source, const net::IpAddress& target,
                    std::span<const std::uint8_t> tcp) const {
  tcp::SegmentView view;
  if (tcp::parse_segment(tcp, view) != tcp::ParseResult::ok) return;
  std::string flags;
  for (const auto& [bit, letter] :
       {std::pair{tcp::flag::syn, 'S'}, std::pair{tcp::flag::fin, 'F'}, std::pair{tcp::flag::rst, 'R'},
        std::pair{tcp::flag::psh, 'P'}, std::pair{tcp::flag::ack, '.'}}) {
    if (view.has(bit)) flags += letter;
  }
  std::printf("%12.6f %-12s %s:%u > %s:%u %-3s %u:%u(%u) ack %u win %u",
              static_cast<double>((now_ - start).count()) / 1e9, verdict, text_of(source).c_str(),
              view.source_port, text_of(target).c_str(), view.target_port, flags.c_str(), view.seq.value,
              view.end().value, view.payload_bytes, view.ack.value, view.window);
  if (view.options.has_timestamps) {
    std::printf(" ts %u %u", view.options.timestamps.value, view.options.timestamps.echo);
  }
  if (view.options.mss != 0) std::printf(" mss %u", view.options.mss);
  if (view.options.has_window_scale) std::printf(" wscale %u", view.options.window_scale);
  for (std::size_t i = 0; i < view.options.sack_count; ++i) {
    std::printf(" sack %u-%u", view.options.sack[i].first.value, view.options.sack[i].end.value);
  }
  std::printf("\n");
}

}  // namespace byway::sim
