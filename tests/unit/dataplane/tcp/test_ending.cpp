#include <array>
#include <catch2/catch_test_macros.hpp>

#include "tests/unit/dataplane/tcp/stack_bench.h"

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

TEST_CASE("who left octets of a finished connection unread hears of its end when all are aborted") {
  StackBench bench;
  Listening handler;
  bench.handler = &handler;
  Peer peer(bench, 1000);
  peer.send(std::array<std::uint8_t, 1>{});
  peer.finish();
  peer.stream().finish();
  bench.flush();
  peer.acknowledge(peer.acknowledged + 1);
  bench.flush();
  REQUIRE(bench.info_of(1000)->state == State::closed);
  REQUIRE(handler.ended.empty());
  bench.stack.abort_all(bench.now);
  bench.flush();
  REQUIRE(handler.ended.contains(1000));
  CHECK(handler.ended[1000] == StreamEnd::finished);
  CHECK(bench.stack.connection_count() == 0);
}
