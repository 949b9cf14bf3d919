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

namespace {

/// The window that a peer is offered after `rounds` round trips in each of which it fills it.
Bytes window_after(StackBench& bench, Peer& peer, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    while (peer.edge - peer.next() >= full_segment.size()) REQUIRE(peer.send(full_segment));
    bench.advance(10ms);
    for (const Sent& sent : bench.flush()) peer.note_window(sent.view);
    bench.advance(100ms);  // what the delayed ACK still has to say
    for (const Sent& sent : bench.flush()) peer.note_window(sent.view);
  }
  return peer.edge - peer.taken;
}

}  // namespace

TEST_CASE("the window that is offered follows what the reader takes in a round trip, up to its limit") {
  StackOptions options;
  options.receive_buffer_bytes = 512 * 1024;
  StackBench bench(options, 16'384);
  Reader reader;
  bench.handler = &reader;
  bench.check_memory();
  Peer peer(bench, 1000, UINT16_MAX, 7);
  CHECK(window_after(bench, peer, 1) <= 2 * receive_buffer_bytes_min);
  CHECK(window_after(bench, peer, 10) >= options.receive_buffer_bytes - 2 * full_segment.size());
  CHECK(window_after(bench, peer, 10) <= options.receive_buffer_bytes + 128);
}

TEST_CASE("the window that is offered does not grow for a reader that takes little") {
  StackBench bench({}, 16'384);
  Reader reader;
  bench.handler = &reader;
  bench.check_memory();
  Peer peer(bench, 1000, UINT16_MAX, 7);
  for (int i = 0; i < 500; ++i) {
    REQUIRE(peer.send(full_segment));
    bench.advance(10ms);
    for (const Sent& sent : bench.flush()) peer.note_window(sent.view);
  }
  CHECK(peer.edge - peer.taken <= receive_buffer_bytes_min + 128);
}
