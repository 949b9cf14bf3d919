#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "dataplane/tcp/handover.h"
#include "tests/unit/dataplane/tcp/stack_bench.h"

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

namespace {

constexpr std::uint16_t client_port = 1000;

std::vector<std::uint8_t> pattern(std::size_t count, std::uint8_t first) {
  std::vector<std::uint8_t> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(first + i % 251);
  return bytes;
}

std::vector<std::uint8_t> read_all(Stream& stream) {
  std::vector<std::uint8_t> bytes(stream.readable().size());
  stream.readable().copy_to(0, bytes);
  stream.discard(static_cast<Bytes>(bytes.size()));
  return bytes;
}

/// A connection in the middle of everything: ten segments are out and some more queued, octets wait for the
/// reader, and others wait behind a hole.
struct Busy {
  Busy() : from({}, 16'384), to({}, 16'384) {
    from.handler = &handler;
    to.handler = &handler;
    from.check_memory();
    to.check_memory();
    peer.emplace(from, client_port, UINT16_MAX, std::uint8_t{7});
    first = peer->acknowledged;
    REQUIRE(write_octets(from, peer->stream(), 100 * 1460) == 100 * 1460);
    REQUIRE(from.flush().size() == 10);
    REQUIRE(peer->send(pattern(1000, 1)));
    REQUIRE(peer->send_ahead(500, pattern(300, 77)));
    from.flush();
    // The other process has a clock of its own.
    to.now = from.now + 37min;
    to.advance(0ns);
  }
  ~Busy() {
    from.stack.abort_all(from.now);
    to.stack.abort_all(to.now);
  }
  std::vector<std::uint8_t> save() {
    std::vector<std::uint8_t> bytes(handover_bytes_max);
    bytes.resize(from.stack.export_connection(peer->stream(), bytes, from.now));
    return bytes;
  }
  Stream* restore(std::span<const std::uint8_t> bytes) {
    error = HandoverError::none;
    return to.stack.import_connection(bytes, handler, error, to.now);
  }
  Stream& move() {
    const auto bytes = save();
    REQUIRE_FALSE(bytes.empty());
    from.stack.forget(peer->stream());
    Stream* stream = restore(bytes);
    CAPTURE(name_of(error));
    REQUIRE(stream != nullptr);
    return *stream;
  }
  /// A segment of the peer arrives where the connection is now.
  void receive(Seq seq, Seq ack, std::span<const std::uint8_t> payload = {}, std::uint8_t flags = flag::ack) {
    HeaderFields fields;
    fields.source_port = client_port;
    fields.target_port = service_port;
    fields.seq = seq;
    fields.ack = ack;
    fields.flags = flags;
    fields.window = UINT16_MAX;
    to.receive(fields, payload);
  }

  StackBench from;
  StackBench to;
  Listening handler;
  std::optional<Peer> peer;
  Seq first;
  HandoverError error = HandoverError::none;
};

}  // namespace

TEST_CASE("a connection that has moved goes on where it was, in both directions") {
  Busy busy;
  Stream& stream = busy.move();
  CHECK(busy.from.stack.connection_count() == 0);
  CHECK(busy.from.flush().empty());  // the peer hears nothing of it
  CHECK(busy.from.slices.in_use() == 0);
  CHECK(stream.unacknowledged() == 100 * 1460);
  CHECK(read_all(stream) == pattern(1000, 1));

  // What fills the hole brings what waited behind it.
  const Seq next = busy.peer->next();
  busy.to.flush();
  busy.receive(next, busy.first, pattern(500, 9));
  std::vector<std::uint8_t> expected = pattern(500, 9);
  const auto behind = pattern(300, 77);
  expected.insert(expected.end(), behind.begin(), behind.end());
  CHECK(read_all(stream) == expected);
  const auto answer = busy.to.flush();
  REQUIRE_FALSE(answer.empty());
  CHECK(answer.back().view.ack == next + 800);

  // ACKs bring the rest out, each octet once.
  Seq acknowledged = busy.first;
  Seq end = busy.first + 10 * 1460;
  for (int i = 0; i < 200 && acknowledged < busy.first + 100 * 1460; ++i) {
    busy.to.advance(1ms);
    acknowledged = end;
    busy.receive(next + 800, acknowledged);
    for (const Sent& sent : busy.to.flush()) {
      if (sent.payload.empty()) continue;
      CHECK(sent.view.seq == end);
      end = sent.view.seq + static_cast<std::uint32_t>(sent.payload.size());
    }
  }
  CHECK(end == busy.first + 100 * 1460);
  CHECK(stream.unacknowledged() == 0);
}

TEST_CASE("what was in flight when a connection moved is sent again by its time-out") {
  Busy busy;
  busy.move();
  busy.to.flush();
  std::vector<Sent> sent;
  for (int i = 0; i < 20 && sent.empty(); ++i) {
    busy.to.advance(100ms);
    sent = busy.to.flush();
    std::erase_if(sent, [](const Sent& one) { return one.payload.empty(); });
  }
  REQUIRE_FALSE(sent.empty());
  CHECK(sent[0].view.seq == busy.first);
}

TEST_CASE("keepalive goes on where it was, however often a connection moves") {
  StackOptions options;
  options.keepalive = {true, 10s, 2s, 2};
  StackBench first(options);
  StackBench second(options);
  StackBench third(options);
  Listening handler;
  first.handler = &handler;
  Peer peer(first, client_port);
  const auto move = [&handler](StackBench& from, Stream& stream, StackBench& to) {
    std::vector<std::uint8_t> bytes(from.stack.export_bytes(stream));
    REQUIRE(from.stack.export_connection(stream, bytes, from.now) == bytes.size());
    from.stack.forget(stream);
    HandoverError error = HandoverError::none;
    Stream* moved = to.stack.import_connection(bytes, handler, error, to.now);
    REQUIRE(moved != nullptr);
    to.flush();
    return moved;
  };
  first.flush();
  first.advance(9s);
  CHECK(first.flush().empty());
  Stream* stream = move(first, peer.stream(), second);
  second.advance(1500ms);
  CHECK(second.count(CounterIndex::keepalive_probes) == 0);
  second.flush();
  CHECK(second.count(CounterIndex::keepalive_probes) == 1);
  second.advance(2100ms);
  second.flush();
  CHECK(second.count(CounterIndex::keepalive_probes) == 2);
  static_cast<void>(move(second, *stream, third));
  third.advance(2500ms);
  third.flush();
  CHECK(third.count(CounterIndex::keepalive_probes) == 0);
  CHECK(third.stack.connection_count() == 0);
}

TEST_CASE("a connection can only be where its addresses and ports are not taken") {
  Busy busy;
  const auto bytes = busy.save();
  REQUIRE(busy.restore(bytes) != nullptr);
  CHECK(busy.restore(bytes) == nullptr);
  CHECK(busy.error == HandoverError::in_use);
}

TEST_CASE("a connection that is opening, or that its user has closed, does not move") {
  StackBench bench;
  Listening handler;
  bench.handler = &handler;
  std::vector<std::uint8_t> bytes(handover_bytes_max);
  Stream* opening = bench.stack.connect({peer_address, 8080}, handler);
  REQUIRE(opening != nullptr);
  CHECK(bench.stack.export_connection(*opening, bytes, bench.now) == 0);
  bench.flush();
  Peer peer(bench, client_port);
  CHECK(bench.stack.export_connection(peer.stream(), bytes, bench.now) > 0);
  CHECK(bench.stack.export_connection(peer.stream(), std::span(bytes).first(100), bench.now) == 0);
  Stream& stream = peer.stream();
  stream.close();
  CHECK(bench.stack.export_connection(stream, bytes, bench.now) == 0);
  bench.stack.abort_all(bench.now);
  bench.flush();
}

TEST_CASE("bytes of another version, of another length, or cut anywhere are refused and leave nothing") {
  Busy busy;
  const auto bytes = busy.save();
  auto other = bytes;
  other[0] ^= 1;
  CHECK(busy.restore(other) == nullptr);
  CHECK(busy.error == HandoverError::bad_version);
  for (std::size_t size = 0; size < bytes.size(); size += size < 1000 ? 1 : 997) {
    CHECK(busy.restore(std::span(bytes).first(size)) == nullptr);
    auto cut = std::vector(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    if (size >= 8) {  // and with a length that agrees
      const auto total = static_cast<std::uint32_t>(size);
      std::memcpy(&cut[4], &total, sizeof(total));
      CHECK(busy.restore(cut) == nullptr);
    }
  }
  CHECK(busy.to.stack.connection_count() == 0);
  CHECK(busy.to.slices.in_use() == 0);
  CHECK(busy.to.pool.available() == busy.to.pool.capacity());
}

TEST_CASE("whatever the bytes of a connection say, it is refused or it is one that can be run and ended") {
  Busy busy;
  const auto bytes = busy.save();
  std::mt19937 random(20260728);
  std::uint32_t taken = 0;
  for (int i = 0; i < 3000; ++i) {
    auto damaged = bytes;
    const int changes = 1 + static_cast<int>(random() % 3);
    for (int j = 0; j < changes; ++j) {
      const std::size_t reach = sizeof(HandoverHead) + 10 * sizeof(HandoverSent) + sizeof(HandoverRange);
      const std::size_t at = 8 + random() % (reach - 8);
      damaged[at] = static_cast<std::uint8_t>(random() % 4 == 0 ? 0xff : random());
    }
    Stream* stream = busy.restore(damaged);
    if (stream == nullptr) continue;
    ++taken;
    busy.to.flush();
    busy.receive(busy.peer->next(), busy.first + 1460, pattern(100, 5));
    busy.to.flush();
    busy.to.advance(1s);
    busy.to.flush();
    busy.to.stack.abort_all(busy.to.now);
    busy.to.flush();
    REQUIRE(busy.to.slices.in_use() == 0);
  }
  CHECK(taken > 100);
  CHECK(busy.to.pool.available() == busy.to.pool.capacity());
}
