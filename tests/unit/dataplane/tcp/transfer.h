// A transfer to a peer with SACK over a path of 100 ms: ten segments are out when it begins, and tests speak
// of segments by their number.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <initializer_list>
#include <optional>
#include <vector>

#include "tests/unit/dataplane/tcp/stack_bench.h"

namespace byway::tcp::test {

struct Transfer {
  static constexpr Nanoseconds round_trip = 100ms;
  struct Block {
    std::uint32_t first;
    std::uint32_t end;
  };

  static PeerOptions with_sack(bool timestamps = false) {
    PeerOptions options;
    options.window_scale = 7;
    options.sack = true;
    options.timestamps = timestamps;
    options.round_trip = round_trip;
    return options;
  }

  explicit Transfer(Bytes segments = 150, const PeerOptions& options = with_sack()) : bench({}, 16'384) {
    bench.handler = &handler;
    bench.check_memory();
    peer.emplace(bench, std::uint16_t{1000}, options);
    mss = info().mss;
    first = peer->acknowledged;
    if (options.timestamps) peer->echo = timestamp();
    write(segments);
    REQUIRE(flush().size() == std::min<Bytes>(segments, 10));
  }
  ~Transfer() { bench.stack.abort_all(bench.now); }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  void write(Bytes segments) {
    REQUIRE(write_octets(bench, peer->stream(), segments * mss) == segments * mss);
  }
  [[nodiscard]] SackBlock block(Block segments) const {
    return {first + segments.first * mss, first + segments.end * mss};
  }
  /// An ACK of the segments before number `upto`, and of `blocks`. Returns which segments it makes the stack
  /// send.
  std::vector<int> ack(std::uint32_t upto, std::initializer_list<Block> blocks = {}, std::uint8_t flags = 0) {
    REQUIRE(blocks.size() <= 4);
    std::array<SackBlock, 4> all{};
    std::size_t count = 0;
    for (const Block& one : blocks) all[count++] = block(one);
    peer->acknowledge(first + upto * mss, std::span(all).first(count), flags);
    return flush();
  }
  /// Numbers of the segments with payload that go out now. Their headers: `sent`.
  std::vector<int> flush() {
    sent = bench.flush();
    std::vector<int> numbers;
    for (const Sent& one : sent) {
      if (!one.payload.empty()) numbers.push_back(static_cast<int>((one.view.seq - first) / mss));
    }
    return numbers;
  }
  std::vector<int> after(Nanoseconds time) {
    bench.advance(time);
    return flush();
  }
  /// The number of the segment that goes next.
  [[nodiscard]] std::uint32_t next() { return (peer->acknowledged - first + info().in_flight) / mss; }
  [[nodiscard]] ConnectionInfo info() { return *bench.info_of(1000); }
  [[nodiscard]] double window() { return static_cast<double>(info().cwnd) / mss; }
  [[nodiscard]] std::uint64_t count(CounterIndex index) const { return bench.count(index); }
  /// What the stack's timestamps say now.
  [[nodiscard]] std::uint32_t timestamp() const {
    return peer->echo_at_start + static_cast<std::uint32_t>((bench.now - peer->started_at) / 1ms);
  }

  StackBench bench;
  Listening handler;
  std::optional<Peer> peer;
  std::vector<Sent> sent;
  Seq first;
  Bytes mss = 0;
};

using Numbers = std::vector<int>;

}  // namespace byway::tcp::test
