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
  Transfer() : bench(options(), 16'384) {
    bench.handler = &handler;
    bench.check_memory();
    peer.emplace(bench, std::uint16_t{1000}, UINT16_MAX, std::uint8_t{7});
    REQUIRE(write_octets(bench, peer->stream(), 400 * 1460) == 400 * 1460);
    REQUIRE(bench.flush().size() == 10);
  }
  ~Transfer() { bench.stack.abort_all(bench.now); }
  static StackOptions options() {
    StackOptions options;
    options.send_buffer_bytes = 1024 * 1024;
    return options;
  }
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

TEST_CASE("duplicate ACKs in fast recovery inflate the window by what was out, however many come") {
  Transfer transfer;
  for (int i = 0; i < 3; ++i) transfer.duplicate();
  REQUIRE(transfer.bench.count(CounterIndex::fast_retransmits) == 1);
  const Bytes threshold = transfer.bench.info_of(1000)->ssthresh;
  REQUIRE(threshold <= 6 * 1460);
  std::size_t sent = 0;
  for (int i = 0; i < 1000; ++i) sent += transfer.duplicate().size();
  const auto info = transfer.bench.info_of(1000);
  CHECK(info->cwnd == 3 * threshold);
  CHECK(info->in_flight <= 3 * threshold);
  CHECK(sent > 0);
  CHECK(sent <= 8);
}

TEST_CASE("duplicate ACKs of all that was out keep half a window of new segments coming") {
  Transfer transfer;
  std::size_t fresh = 0;
  const Seq end = transfer.peer->acknowledged + 12 * 1460;
  for (int i = 0; i < 11; ++i) {  // nine more arrived, and the two of limited transmit
    for (const Sent& sent : transfer.duplicate()) fresh += sent.view.seq >= end ? 1 : 0;
  }
  CHECK(fresh == 5);
}
