#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <vector>

#include "tests/unit/dataplane/tcp/stack_bench.h"

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

namespace {

/// A peer whose window takes everything, and much to send to it: ten segments are out.
struct Transfer {
  Transfer() : bench({}, 16'384) {
    bench.handler = &handler;
    bench.check_memory();
    peer.emplace(bench, std::uint16_t{1000}, UINT16_MAX, std::uint8_t{7});
    REQUIRE(write_octets(bench, peer->stream(), 100 * 1460) == 100 * 1460);
    REQUIRE(bench.flush().size() == 10);
  }
  ~Transfer() { bench.stack.abort_all(bench.now); }
  /// A duplicate ACK; returns what it makes the stack send.
  std::vector<Sent> duplicate() {
    peer->acknowledge(peer->acknowledged);
    return bench.flush();
  }

  StackBench bench;
  Listening handler;
  std::optional<Peer> peer;
};

}  // namespace

TEST_CASE("without SACK, however many duplicate ACKs come, no more counts as arrived than was out") {
  Transfer transfer;
  std::size_t sent = 0;
  for (int i = 0; i < 1000; ++i) sent += transfer.duplicate().size();
  REQUIRE(transfer.bench.count(CounterIndex::fast_retransmits) == 1);
  const auto info = transfer.bench.info_of(1000);
  CHECK(info->phase == Phase::recovery);
  CHECK(info->cwnd <= info->ssthresh);
  CHECK(sent > 0);
  CHECK(sent <= 10);
}

TEST_CASE("without SACK the first two duplicate ACKs bring one new segment each, the third the first again") {
  Transfer transfer;
  const Seq first = transfer.peer->acknowledged;
  const Seq end = first + 10 * 1460;
  for (std::uint32_t i = 0; i < 2; ++i) {
    const auto sent = transfer.duplicate();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].view.seq == end + i * 1460);
  }
  const auto again = transfer.duplicate();
  REQUIRE(again.size() == 1);
  CHECK(again[0].view.seq == first);
}
