// What we tell a peer of what has arrived out of order (RFC 2018 4) and twice (RFC 2883 4): segments of 100
// octets, by number.
#include <catch2/catch_test_macros.hpp>
#include <initializer_list>
#include <vector>

#include "tests/unit/dataplane/tcp/stack_bench.h"

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

namespace {

const std::vector<std::uint8_t> segment(100, 0x42);

struct Reports {
  explicit Reports(bool sack = true, bool timestamps = false) {
    bench.handler = &handler;
    PeerOptions options;
    options.sack = sack;
    options.timestamps = timestamps;
    peer.emplace(bench, std::uint16_t{1000}, options);
    first = peer->next();
  }
  ~Reports() { bench.stack.abort_all(bench.now); }

  /// Segment `number` arrives; the last ACK that answers.
  SegmentView receive(std::uint32_t number, std::uint32_t segments = 1) {
    peer->step_back(first);
    std::vector<std::uint8_t> payload(segments * 100, 0x42);
    REQUIRE(peer->send_ahead(number * 100, payload));
    const std::vector<Sent> sent = bench.flush();
    REQUIRE_FALSE(sent.empty());
    return sent.back().view;
  }
  [[nodiscard]] SackBlock block(std::uint32_t begin, std::uint32_t end) const {
    return {first + begin * 100, first + end * 100};
  }
  void check(const SegmentView& ack, std::uint32_t upto,
             std::initializer_list<std::pair<std::uint32_t, std::uint32_t>> blocks) const {
    CHECK(ack.ack == first + upto * 100);
    REQUIRE(ack.options.sack_count == blocks.size());
    std::size_t i = 0;
    for (const auto& [begin, end] : blocks) {
      CAPTURE(i);
      CHECK(ack.options.sack[i++] == block(begin, end));
    }
  }

  StackBench bench;
  Listening handler;
  std::optional<Peer> peer;
  Seq first;
};

}  // namespace

TEST_CASE("the first block is the one with the octets that came last, then those told of before") {
  Reports reports;
  reports.check(reports.receive(2), 0, {{2, 3}});
  reports.check(reports.receive(6), 0, {{6, 7}, {2, 3}});
  reports.check(reports.receive(4), 0, {{4, 5}, {6, 7}, {2, 3}});
  reports.check(reports.receive(7), 0, {{6, 8}, {4, 5}, {2, 3}});
  reports.check(reports.receive(3), 0, {{2, 5}, {6, 8}});
  reports.check(reports.receive(0), 1, {{2, 5}, {6, 8}});
  reports.check(reports.receive(1), 5, {{6, 8}});
  reports.check(reports.receive(5), 8, {});
}

TEST_CASE("an option has room for four blocks, with timestamps for three") {
  for (const bool timestamps : {false, true}) {
    CAPTURE(timestamps);
    Reports reports(true, timestamps);
    for (std::uint32_t i = 2; i < 10; i += 2) reports.receive(i);
    const SegmentView ack = reports.receive(10);
    if (timestamps) {
      reports.check(ack, 0, {{10, 11}, {8, 9}, {6, 7}});
    } else {
      reports.check(ack, 0, {{10, 11}, {8, 9}, {6, 7}, {4, 5}});
    }
  }
}

TEST_CASE("as many blocks are told of as there is room for, when the newest have become one") {
  Reports reports;
  for (std::uint32_t i = 2; i <= 12; i += 2) reports.receive(i);
  // The newest four, 6 to 12, become one; 2 and 4 have fallen out of what was told last.
  reports.receive(7);
  reports.receive(9);
  const SegmentView ack = reports.receive(11);
  REQUIRE(ack.options.sack_count == 3);
  CHECK(ack.options.sack[0] == reports.block(6, 13));
}

TEST_CASE("what comes twice below what is acknowledged is reported, once and first") {
  Reports reports;
  reports.receive(0);
  reports.receive(1);
  reports.receive(4);
  reports.check(reports.receive(0), 2, {{0, 1}, {4, 5}});
  CHECK(reports.bench.count(CounterIndex::dsacks_out) == 1);
  reports.check(reports.receive(6), 2, {{6, 7}, {4, 5}});
  CHECK(reports.bench.count(CounterIndex::dsacks_out) == 1);
}

TEST_CASE("of a segment that is half known the known half is reported") {
  Reports reports;
  reports.receive(0, 2);
  reports.check(reports.receive(1, 2), 3, {{1, 2}});
}

TEST_CASE("what comes twice behind a hole is reported before the block that holds it (RFC 2883 4.2)") {
  Reports reports;
  reports.receive(2, 3);
  reports.receive(8);
  reports.check(reports.receive(3), 0, {{3, 4}, {2, 5}, {8, 9}});
  CHECK(reports.bench.count(CounterIndex::dsacks_out) == 1);
}

TEST_CASE("a peer without SACK is told nothing") {
  Reports reports(false);
  reports.check(reports.receive(2), 0, {});
  reports.receive(0);
  reports.check(reports.receive(0), 1, {});
  CHECK(reports.bench.count(CounterIndex::dsacks_out) == 0);
}

TEST_CASE("full segments of data carry no blocks, small ones do") {
  Reports reports(true, true);
  reports.receive(2);
  const Bytes mss = reports.bench.info_of(1000)->mss;
  REQUIRE(write_octets(reports.bench, reports.peer->stream(), mss + 100) == mss + 100);
  const std::vector<Sent> sent = reports.bench.flush();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].payload.size() == mss);
  CHECK(sent[0].view.options.sack_count == 0);
  CHECK(sent[1].payload.size() == 100);
  CHECK(sent[1].view.options.sack_count == 1);
  for (const Sent& one : sent) CHECK(one.view.header_bytes + one.payload.size() <= 20u + 1460u);
}

TEST_CASE("each segment out of order is answered by an ACK of its own") {
  Reports reports;
  reports.peer->step_back(reports.first);
  for (const std::uint32_t number : {2u, 4u, 6u}) reports.peer->send_ahead(number * 100, segment);
  CHECK(reports.bench.flush().size() == 3);
}
