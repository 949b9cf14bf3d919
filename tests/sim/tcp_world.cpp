#include "tests/sim/tcp_world.h"

#include <algorithm>

#include "tests/sim/random_link.h"
#include "tests/sim/weather.h"

namespace byway::sim {

namespace {

constexpr std::uint16_t link_mtu_min = 300;

net::IpAddress address_of(std::size_t host) {
  return net::IpAddress::from_v4({0x0a000001 + static_cast<std::uint32_t>(host)});
}

/// The initial sequence number of the first connection from one host to another at the clock's zero.
std::uint32_t first_sequence(const HostOptions& options, const net::IpAddress& from,
                             const net::IpAddress& to) {
  struct Handler final : StreamHandler {
    void on_connected(Stream&) override {}
    void on_readable(Stream&) override {}
    void on_writable(Stream&) override {}
    void on_closed(Stream&, StreamEnd) override {}
  } handler;
  Network network(1, Instant{});
  Host& host = network.add_host(from, options);
  if (host.stack.connect({to, service_port}, handler) == nullptr) return 0;
  tcp::SegmentOut segment(host.slices);
  tcp::SegmentView view;
  if (!host.stack.next_segment(segment, Instant{})) return 0;
  return tcp::parse_segment(segment.header_span(), view) == tcp::ParseResult::ok ? view.seq.value : 0;
}

}  // namespace

HostOptions random_host(Random& random) {
  HostOptions host;
  host.slices = 8'192;
  host.stack.sockets_max = 1'024;
  host.stack.listeners_max = 4;
  host.stack.user_timeout = transfer_time_max;
  host.stack.keepalive = {true, 2min, 10s, 9};  // a lost reset leaves a reader that waits for ever
  host.stack.ecn = static_cast<tcp::Ecn>(random.below(3));
  if (random.chance(0.3)) host.stack.receive_buffer_bytes = static_cast<Bytes>(random.between(1'000, 60'000));
  if (random.chance(0.3)) host.stack.send_buffer_bytes = static_cast<Bytes>(random.between(1'000, 60'000));
  host.stack.pacing = random.chance(0.2);
  if (random.chance(0.3)) host.mtu = static_cast<std::uint16_t>(random.between(600, 9000));
  for (auto& byte : host.stack.secret) byte = static_cast<std::uint8_t>(random.next());
  return host;
}

Instant random_start(const HostOptions& client, const net::IpAddress& client_address,
                     const net::IpAddress& server_address, Random& random) {
  constexpr std::int64_t sequence_tick_ns = 4'000;  // RFC 6528 3, as tcp::NumberSource
  constexpr std::uint32_t before_wrap_max = 100'000;
  if (random.chance(0.3)) return network_start;
  if (random.chance(0.3)) return Instant{static_cast<std::int64_t>(random.below(1'000'000'000'000'000))};
  const std::uint32_t at_zero = first_sequence(client, client_address, server_address);
  const std::uint32_t wanted = 0u - static_cast<std::uint32_t>(random.below(before_wrap_max));
  return Instant{std::int64_t{wanted - at_zero} * sequence_tick_ns};
}

TcpWorld::TcpWorld(std::uint64_t seed, bool trace, bool lone_segments) : random(seed) {
  enum class Kind : std::uint8_t { few, crowd, short_memory };
  const std::uint64_t chance = random.below(10);
  const Kind kind = chance < 5 ? Kind::few : chance < 8 ? Kind::crowd : Kind::short_memory;
  const std::size_t host_count = kind == Kind::few ? random.between(2, 3) : random.between(2, 8);
  std::vector<HostOptions> options;
  for (std::size_t i = 0; i < host_count; ++i) options.push_back(random_host(random));
  for (HostOptions& host : options) host.stack.lone_segments = lone_segments;
  if (kind == Kind::short_memory) {
    HostOptions& poor = options[random.below(host_count)];
    if (random.chance(0.5))
      poor.slices = static_cast<std::uint32_t>(random.between(64, 400));
    else
      poor.buffers = static_cast<std::uint32_t>(random.between(128, 800));
    excuses.short_memory = true;
  }
  if (random.chance(0.1)) options[0].stack.sockets_max = static_cast<std::uint32_t>(random.between(8, 40));
  const Instant start = random_start(options[0], address_of(0), address_of(1), random);
  network = std::make_unique<Network>(random.next(), start);
  network->set_trace(trace);
  traffic = std::make_unique<Traffic>(*network);

  const bool moves = random.chance(0.4);
  for (std::size_t i = 0; i < host_count; ++i) {
    hosts.push_back(&network->add_host(address_of(i), options[i]));
    if (moves && random.chance(0.7)) {
      HostOptions other = options[i];
      for (auto& byte : other.stack.secret) byte = static_cast<std::uint8_t>(random.next());
      // Another worker's bounds may be others: it refuses what it has no place for, and offers no more than
      // it would to a connection of its own.
      if (random.chance(0.2)) other.stack.sockets_max = static_cast<std::uint32_t>(random.between(1, 6));
      if (random.chance(0.3)) {
        other.stack.receive_buffer_bytes = static_cast<Bytes>(random.between(1'000, 60'000));
      }
      if (random.chance(0.3))
        other.stack.send_buffer_bytes = static_cast<Bytes>(random.between(1'000, 60'000));
      hosts.back()->add_second_stack(other.stack, random.fork());
    }
    if (i > 0 && !traffic->listen(*hosts[i])) return;
  }
  network->set_link(random_link(random));
  std::vector<Node*> nodes(hosts.begin(), hosts.end());
  for (Node* from : nodes) {
    for (Node* to : nodes) {
      if (from != to && random.chance(0.3)) network->set_link(*from, *to, random_link(random));
    }
  }
  if (random.chance(0.4)) plan_weather(*network, nodes, link_mtu_min, 30s, random);
  excuses.lost_handshakes = true;

  // The first one is large and from the first host to the second: its sequence numbers may wrap.
  traffic->plan(*hosts[0], *hosts[1], random_pair_plan(150'000, random), start, random);
  const std::uint64_t large = random.below(kind == Kind::few ? 4 : 3);
  const std::uint64_t small = kind == Kind::few ? random.below(3) : random.between(20, 250);
  const Nanoseconds length = kind == Kind::few ? 100ms : 20s;
  for (std::uint64_t i = 0; i < large + small; ++i) {
    Host& server = *hosts[random.between(1, host_count - 1)];
    Host* client = &server;
    while (client == &server) client = hosts[random.below(host_count)];
    traffic->plan(*client, server, random_pair_plan(i < large ? 150'000 : 3'000, random),
                  start + random.duration(length), random);
  }
  // Seldom enough that most of a transfer happens between two of them, and so often that few see none.
  if (moves) traffic->keep_moving(random.chance(0.5) ? 5ms : 500ms, random.fork());
}

}  // namespace byway::sim
