#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <vector>

#include "tests/unit/dataplane/tcp/stack_bench.h"

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

namespace {

const std::vector<std::uint8_t> full_segment(1460, 0x42);

/// Reads everything at once, as a proxy does.
class Reader final : public Listening {
 public:
  void on_readable(Stream& stream) override { stream.discard(stream.readable().size()); }
};

/// ACKs that go out while `peer` sends `segments` in a row and each is read before the next comes.
std::size_t acks_for(StackBench& bench, Peer& peer, int segments) {
  std::size_t acks = 0;
  for (int i = 0; i < segments; ++i) {
    peer.send(full_segment);
    bench.stack.deliver_events(bench.now);
    for (const Sent& sent : bench.flush()) {
      ++acks;
      peer.note_window(sent.view);
    }
  }
  return acks;
}

}  // namespace

TEST_CASE("reading causes no window updates beside the ACK of every second segment, scaled or not") {
  for (const std::optional<std::uint8_t> scale :
       {std::optional<std::uint8_t>{}, std::optional<std::uint8_t>{7}}) {
    CAPTURE(scale.has_value());
    StackBench bench({}, 16'384);
    Reader reader;
    bench.handler = &reader;
    bench.check_memory();
    Peer peer(bench, 1000, UINT16_MAX, scale);
    acks_for(bench, peer, 100);  // the quick ACKs of the beginning, and a window that grows
    CHECK(acks_for(bench, peer, 100) == 50);
  }
}

TEST_CASE("a peer without window scaling is offered all that a window field can say") {
  StackBench bench({}, 16'384);
  Reader reader;
  bench.handler = &reader;
  bench.check_memory();
  Peer peer(bench, 1000);
  acks_for(bench, peer, 100);
  CHECK(peer.edge - peer.taken == UINT16_MAX);
}

TEST_CASE("a closed window opens by a full segment at least, and that is told at once") {
  StackOptions options;
  options.receive_buffer_bytes = 20 * 1460;
  StackBench bench(options, 16'384);
  Listening idle;
  bench.handler = &idle;
  bench.check_memory();
  Peer peer(bench, 1000);
  for (int i = 0; i < 500 && peer.edge > peer.next(); ++i) {
    peer.send(
        std::span(full_segment).first(std::min<std::size_t>(full_segment.size(), peer.edge - peer.next())));
    for (const Sent& sent : bench.flush()) peer.note_window(sent.view);
  }
  bench.advance(1s);
  for (const Sent& sent : bench.flush()) peer.note_window(sent.view);
  REQUIRE(peer.edge == peer.taken);
  peer.stream().discard(1459);
  CHECK(bench.flush().empty());
  peer.stream().discard(1);
  const auto update = bench.flush();
  REQUIRE(update.size() == 1);
  CHECK(update[0].view.window == 1460);
  CHECK(update[0].payload.empty());
}
