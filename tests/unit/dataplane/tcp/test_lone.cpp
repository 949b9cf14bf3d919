#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <random>
#include <vector>

#include "tests/unit/dataplane/tcp/stack_bench.h"

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

namespace {

constexpr std::uint16_t client_port = 1000;

/// A stack, a peer that does what it is told, and what is known of the connection between them.
struct Side {
  Side(bool lone_segments, const PeerOptions& options) : bench(stack_options(lone_segments), 512) {
    bench.handler = &handler;
    bench.check_memory();
    peer.emplace(bench, client_port, options);
    top = peer->acknowledged;
  }
  ~Side() { bench.stack.abort_all(bench.now); }

  static StackOptions stack_options(bool lone_segments) {
    StackOptions options;
    options.sockets_max = 16;
    options.lone_segments = lone_segments;
    return options;
  }
  [[nodiscard]] bool is_open() const { return handler.ended.empty(); }

  /// What came out is remembered for the comparison.
  void flush() {
    sent = bench.flush();
    for (const Sent& one : sent) {
      top = later(top, one.view.end());
      if (one.view.options.has_timestamps) peer->echo = one.view.options.timestamps.value;
    }
  }
  void too_big(std::uint16_t mtu) {
    DeliveryError error;
    error.flow = {gateway_address, peer_address, service_port, client_port};
    error.seq = peer->acknowledged;
    error.is_too_big = true;
    error.mtu = mtu;
    bench.stack.on_delivery_error(error, bench.now);
  }
  [[nodiscard]] std::vector<std::uint8_t> exported() const {
    std::vector<std::uint8_t> bytes(bench.stack.export_bytes(peer->stream()));
    REQUIRE(bench.stack.export_connection(peer->stream(), bytes, bench.now) == bytes.size());
    return bytes;
  }

  StackBench bench;
  Listening handler;
  std::optional<Peer> peer;
  Seq top;  ///< Behind the last octet that came out.
  std::vector<Sent> sent;
};

void check_same(const Sent& a, const Sent& b) {
  CHECK(a.payload == b.payload);
  CHECK(a.view.seq == b.view.seq);
  CHECK(a.view.ack == b.view.ack);
  CHECK(a.view.flags == b.view.flags);
  CHECK(a.view.window == b.view.window);
  CHECK(a.view.ecn == b.view.ecn);
  CHECK(a.view.header_bytes == b.view.header_bytes);
  CHECK(a.view.options.timestamps.value == b.view.options.timestamps.value);
  CHECK(a.view.options.timestamps.echo == b.view.options.timestamps.echo);
}

void check_same(Side& a, Side& b) {
  REQUIRE(a.sent.size() == b.sent.size());
  for (std::size_t i = 0; i < a.sent.size(); ++i) check_same(a.sent[i], b.sent[i]);
  CHECK(a.bench.wheel.next_due() == b.bench.wheel.next_due());
  REQUIRE(a.is_open() == b.is_open());
  const auto of_a = a.bench.info_of(client_port);
  const auto of_b = b.bench.info_of(client_port);
  REQUIRE(of_a.has_value() == of_b.has_value());
  if (!of_a) return;
  CHECK(of_a->srtt == of_b->srtt);
  CHECK(of_a->rto == of_b->rto);
  CHECK(of_a->min_rtt == of_b->min_rtt);
  CHECK(of_a->cwnd == of_b->cwnd);
  CHECK(of_a->ssthresh == of_b->ssthresh);
  CHECK(of_a->mss == of_b->mss);
  CHECK(of_a->in_flight == of_b->in_flight);
  CHECK(of_a->lost == of_b->lost);
  CHECK(of_a->sacked == of_b->sacked);
  CHECK(of_a->phase == of_b->phase);
  CHECK(of_a->retransmits == of_b->retransmits);
  CHECK(of_a->backoffs == of_b->backoffs);
}

/// One thing that may happen to a connection. `amount` says how much of it.
void act(Side& side, std::uint32_t what, std::uint32_t amount) {
  Peer& peer = *side.peer;
  const std::uint32_t out = side.top - peer.acknowledged;
  switch (what) {
    case 0:
    case 1:
      write_octets(side.bench, peer.stream(), 1 + amount % 1000);
      break;
    case 2:
      write_octets(side.bench, peer.stream(), 1 + amount % 6000);
      break;
    case 3:
    case 4:
    case 5:
      peer.acknowledge(side.top);
      break;
    case 6:
      peer.acknowledge(peer.acknowledged + (out > 0 ? amount % out : 0));
      break;
    case 7: {  // with or without its octets acknowledged on the way
      if (amount % 2 == 0) peer.acknowledged = side.top;
      const std::vector<std::uint8_t> payload(1 + amount % 1400, std::uint8_t{0x2a});
      peer.send(payload);
      break;
    }
    case 8: {  // what arrived behind a hole, or twice
      const std::array<SackBlock, 1> block{{{peer.acknowledged + out / 2, side.top}}};
      if (out > 1) peer.acknowledge(peer.acknowledged, block);
      break;
    }
    case 9:
      side.bench.advance(std::chrono::microseconds(amount % 60'000));
      break;
    case 10:
      side.bench.advance(std::chrono::milliseconds(amount % 1'500));
      break;
    case 11:
      if (amount % 4 == 0) side.too_big(static_cast<std::uint16_t>(600 + amount % 900));
      break;
    case 12:
      peer.set_window(amount % 3 == 0 ? std::uint16_t{0} : static_cast<std::uint16_t>(amount));
      peer.acknowledge(peer.acknowledged);
      break;
    case 13:
      peer.stream().discard(peer.stream().readable().size());
      break;
    case 14:
      if (amount % 16 == 0) peer.stream().finish();
      break;
    default:
      peer.acknowledge(peer.acknowledged, {}, flag::ece);
      break;
  }
}

}  // namespace

TEST_CASE("a segment that is out alone fares as one with a scoreboard, whatever happens to it") {
  constexpr std::uint32_t actions = 16;
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    std::minstd_rand random(seed);
    PeerOptions options;
    options.sack = seed % 4 != 0;
    options.timestamps = seed % 3 != 0;
    options.ecn = seed % 5 == 0;
    if (seed % 2 == 0) options.window_scale = std::uint8_t{7};
    options.round_trip = std::chrono::microseconds(100 * (seed % 400));
    Side lone(true, options);
    Side general(false, options);
    for (int step = 0; step < 60 && lone.is_open(); ++step) {
      const auto what = static_cast<std::uint32_t>(random()) % actions;
      const auto amount = static_cast<std::uint32_t>(random());
      CAPTURE(step, what, amount);
      for (Side* side : {&lone, &general}) {
        act(*side, what, amount);
        side->flush();
      }
      check_same(lone, general);
      const auto state = lone.bench.info_of(client_port);
      if (lone.is_open() && state && state->state != State::time_wait)
        CHECK(lone.exported() == general.exported());
    }
  }
}
