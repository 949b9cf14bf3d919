#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <vector>

#include "tests/unit/dataplane/tcp/stack_bench.h"

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

namespace {

constexpr std::uint16_t client_port = 1000;

/// Ten segments of 1,460 octets are out.
struct Transfer {
  Transfer() : bench({}, 16'384) {
    bench.handler = &handler;
    bench.check_memory();
    peer.emplace(bench, client_port, UINT16_MAX, std::uint8_t{7});
    first = peer->acknowledged;
    REQUIRE(write_octets(bench, peer->stream(), 100 * 1460) == 100 * 1460);
    REQUIRE(bench.flush().size() == 10);
  }
  ~Transfer() { bench.stack.abort_all(bench.now); }
  /// A router with a link of `mtu` dropped the segment at `seq`.
  std::vector<Sent> too_big(Seq seq, std::uint16_t mtu) {
    DeliveryError error;
    error.flow = {gateway_address, peer_address, service_port, client_port};
    error.seq = seq;
    error.is_too_big = true;
    error.mtu = mtu;
    bench.stack.on_delivery_error(error, bench.now);
    return bench.flush();
  }
  [[nodiscard]] static std::size_t longest(const std::vector<Sent>& sent) {
    std::size_t bytes = 0;
    for (const Sent& one : sent) bytes = std::max(bytes, one.payload.size());
    return bytes;
  }

  StackBench bench;
  Listening handler;
  std::optional<Peer> peer;
  Seq first;
};

}  // namespace

TEST_CASE("a packet too big is sent again in pieces that fit, under the same congestion window") {
  Transfer transfer;
  const Bytes window = transfer.bench.info_of(client_port)->cwnd;
  const auto again = transfer.too_big(transfer.first, 1000);
  REQUIRE_FALSE(again.empty());
  CHECK(Transfer::longest(again) == 960);
  Seq next = transfer.first;
  for (const Sent& sent : again) {
    CHECK(sent.view.seq == next);
    next += static_cast<std::uint32_t>(sent.payload.size());
  }
  CHECK(next == transfer.first + 10 * 1460);
  const auto info = transfer.bench.info_of(client_port);
  CHECK(info->cwnd == window);
  CHECK(info->phase == Phase::open);
  CHECK(transfer.bench.count(CounterIndex::path_mtu_reductions) == 1);
  // What was cut is one stream still, and what follows is short too.
  transfer.peer->acknowledge(next);
  const auto following = transfer.bench.flush();
  REQUIRE_FALSE(following.empty());
  CHECK(following[0].view.seq == next);
  CHECK(Transfer::longest(following) == 960);
}

TEST_CASE("an error about octets that are not out, or a larger MTU, changes nothing") {
  Transfer transfer;
  CHECK(transfer.too_big(transfer.first - 1, 1000).empty());
  CHECK(transfer.too_big(transfer.first + 10 * 1460, 1000).empty());
  CHECK(transfer.bench.count(CounterIndex::drop_bad_delivery_error) == 2);
  CHECK(transfer.too_big(transfer.first, 1500).empty());
  CHECK(transfer.bench.info_of(client_port)->mss == 1460);
}

TEST_CASE("long segments that disappear without a word become short ones at the second time-out") {
  Transfer transfer;
  std::vector<std::size_t> lengths;
  for (int i = 0; i < 40 && lengths.size() < 2; ++i) {
    transfer.bench.advance(100ms);
    const auto sent = transfer.bench.flush();
    if (!sent.empty()) lengths.push_back(sent[0].payload.size());
  }
  REQUIRE(lengths.size() == 2);
  CHECK(lengths[0] == 1460);
  CHECK(lengths[1] == mss_default_v4);
  CHECK(transfer.bench.count(CounterIndex::black_holes_suspected) == 1);
}

TEST_CASE("ten minutes after the path took less, a segment as long as the peer takes is tried") {
  Transfer transfer;
  const auto again = transfer.too_big(transfer.first, 1000);
  transfer.peer->acknowledge(transfer.first + 10 * 1460);
  auto following = transfer.bench.flush();
  Seq end = transfer.first;
  for (int i = 0; i < 20 && !following.empty(); ++i) {
    end = following.back().view.seq + static_cast<std::uint32_t>(following.back().payload.size());
    transfer.peer->acknowledge(end);
    following = transfer.bench.flush();
  }
  transfer.bench.advance(9min);
  write_octets(transfer.bench, transfer.peer->stream(), 1460);
  auto sent = transfer.bench.flush();
  REQUIRE(sent.size() == 2);
  transfer.peer->acknowledge(end + 1460);
  transfer.bench.advance(61s);
  write_octets(transfer.bench, transfer.peer->stream(), 1460);
  sent = transfer.bench.flush();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].payload.size() == 1460);
}
