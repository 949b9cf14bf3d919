#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <deque>
#include <memory>
#include <vector>

#include "tests/unit/dataplane/tcp/stack_bench.h"

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

namespace {

constexpr std::uint32_t pool_buffers = 2048;
/// Rounds without an ACK after which a service sends again.
constexpr std::uint32_t rounds_to_retransmit = 20;
const std::vector<std::uint8_t> full_segment(1460, 0x42);
const std::vector<std::uint8_t> octet(1, 0x42);

/// What the proxy does with an answer: moves it from the service's connection to the client's, only as far as
/// that takes it.
class Relay final : public StreamHandler {
 public:
  explicit Relay(StackBench& bench) : moving_(bench.slices) {}
  void couple(Stream& service, Stream& client) {
    service_ = &service;
    client_ = &client;
    service.set_handler(this);
    client.set_handler(this);
  }
  void on_connected(Stream&) override {}
  void on_readable(Stream&) override { move(); }
  void on_writable(Stream&) override { move(); }
  void on_closed(Stream& stream, StreamEnd how) override {
    end = how;
    Stream* other = &stream == client_ ? service_ : client_;
    service_ = client_ = nullptr;
    moving_.clear();
    other->abort();
  }
  [[nodiscard]] bool is_over() const { return client_ == nullptr; }
  StreamEnd end = StreamEnd::finished;

 private:
  void move() {
    while (client_ != nullptr) {
      if (moving_.empty()) {
        const Bytes count = std::min(service_->readable().size(), client_->writable() + 1460);
        if (count == 0 || service_->take(count, moving_) == 0) return;
      }
      client_->write(moving_);
      if (!moving_.empty()) return;
    }
  }

  Rope moving_;
  Stream* service_ = nullptr;
  Stream* client_ = nullptr;
};

/// A client that asked for much, the service that answers, and the proxy between them.
struct Download {
  Download(StackBench& bench, std::uint16_t tcp_port, std::uint16_t client_window, bool is_reader)
      : relay(bench),
        client(bench, tcp_port, client_window, 7),
        service(bench, static_cast<std::uint16_t>(tcp_port + 1), UINT16_MAX, 7),
        reads(is_reader) {
    relay.couple(service.stream(), client.stream());
  }
  /// The service sends what fits into its window, one segment a call.
  void serve() {
    if (relay.is_over()) return;
    if (service.taken != last_taken) silent_rounds = 0;
    last_taken = service.taken;
    if (++silent_rounds % rounds_to_retransmit == 0) service.step_back(service.taken);
    if (service.edge > service.next() && service.edge - service.next() >= full_segment.size()) {
      service.send(full_segment);
    }
  }
  void on_sent(const Sent& sent) {
    if (sent.view.target_port == service.tcp_port()) service.note_window(sent.view);
    if (sent.view.target_port != client.tcp_port() || sent.payload.empty()) return;
    if (sent.view.seq != client.acknowledged) return;  // sent again, or behind a hole
    received += static_cast<Bytes>(sent.payload.size());
    expects_ack = true;
    if (reads) client.acknowledged += static_cast<std::uint32_t>(sent.payload.size());
  }
  void answer() {
    if (!expects_ack || relay.is_over()) return;
    expects_ack = false;
    if (!reads) client.set_window(0);
    client.acknowledge(client.acknowledged);
  }

  Relay relay;
  Peer client;
  Peer service;
  bool reads;
  bool expects_ack = false;
  Bytes received = 0;
  Seq last_taken;
  std::uint32_t silent_rounds = 0;
};

class Crowd {
 public:
  Crowd() : bench({}, pool_buffers) { bench.handler = &nobody_; }
  Download& add(bool reads) {
    bench.check_memory();
    const auto tcp_port = static_cast<std::uint16_t>(1000 + 2 * downloads.size());
    return downloads.emplace_back(bench, tcp_port, reads ? UINT16_MAX : 20, reads);
  }
  /// All send and answer once.
  void round() {
    for (Download& one : downloads) {
      one.serve();
      lowest = std::min(lowest, bench.pool.available());
      if (++frames_ % 32 == 0) bench.check_memory();
    }
    flush();
    for (Download& one : downloads) one.answer();
    flush();
  }
  void flush() {
    for (const Sent& sent : bench.flush()) {
      const std::size_t index = (sent.view.target_port - 1000u) / 2;
      if (index < downloads.size()) downloads[index].on_sent(sent);
    }
  }

  StackBench bench;
  std::deque<Download> downloads;
  std::uint32_t lowest = pool_buffers;

 private:
  Listening nobody_;
  std::uint32_t frames_ = 0;
};

std::uint32_t free_share_of(const StackBench& bench, std::uint32_t parts) {
  return bench.pool.capacity() / parts;
}

}  // namespace

TEST_CASE("clients that never read leave buffers for others, however many they are") {
  Crowd crowd;
  for (int i = 0; i < 120; ++i) crowd.add(false);
  for (int i = 0; i < 600; ++i) crowd.round();
  // 120 pairs of full buffers would be 43,200.
  INFO("lowest " << crowd.lowest);
  CHECK(crowd.lowest >= free_share_of(crowd.bench, supply_floor_parts));
  CHECK(crowd.bench.stack.pressure() != Pressure::none);

  Download& reader = crowd.add(true);
  for (int i = 0; i < 400; ++i) {
    crowd.bench.now = crowd.bench.now + 1ms;
    crowd.round();
  }
  INFO("received " << reader.received);
  CHECK(reader.received >= 100 * full_segment.size());
  CHECK(crowd.lowest >= free_share_of(crowd.bench, supply_floor_parts));
}

TEST_CASE("of those who are stuck while memory is short as many are reset as it takes") {
  Crowd crowd;
  for (int i = 0; i < 120; ++i) crowd.add(false);
  Download& reader = crowd.add(true);
  for (int i = 0; i < 600; ++i) crowd.round();
  REQUIRE(crowd.bench.stack.pressure() != Pressure::none);
  REQUIRE(crowd.bench.count(CounterIndex::closed_no_memory) == 0);
  for (int i = 0; i < 2000; ++i) {
    crowd.bench.advance(5ms);
    crowd.bench.check_memory();
    crowd.round();
  }
  CHECK(crowd.bench.stack.pressure() == Pressure::none);
  CHECK(!crowd.bench.check_memory());  // there is no more to be done
  CHECK(!reader.relay.is_over());
  const auto over = std::ranges::count_if(crowd.downloads, [](Download& one) { return one.relay.is_over(); });
  INFO("over " << over);
  CHECK(over > 0);
  CHECK(over < 120);
  CHECK(std::ranges::all_of(crowd.downloads, [](Download& one) {
    return !one.relay.is_over() || one.relay.end == StreamEnd::no_memory;
  }));
  crowd.bench.stack.abort_all(crowd.bench.now);
  crowd.flush();
  CHECK(crowd.bench.pool.available() == crowd.bench.pool.capacity());
  CHECK(crowd.bench.slices.in_use() == 0);
}

TEST_CASE("a connection alone begins with its whole send buffer and is offered its whole window") {
  StackBench bench({}, 16'384);
  Listening handler;
  bench.handler = &handler;
  bench.check_memory();
  Peer peer(bench, 1000, UINT16_MAX, 7);
  CHECK(peer.stream().writable() == send_buffer_bytes_min);
  CHECK(write_octets(bench, peer.stream(), 300'000) == send_buffer_bytes_min);
  for (int i = 0; i < 20; ++i) {  // a SYN can only offer what its field holds
    peer.send(full_segment);
    bench.stack.deliver_events(bench.now);
    peer.stream().discard(peer.stream().readable().size());
    for (const Sent& sent : bench.flush()) peer.note_window(sent.view);
  }
  CHECK(peer.edge - peer.next() >= receive_buffer_bytes_min - 2 * full_segment.size());
  bench.stack.abort_all(bench.now);
  bench.flush();
}

TEST_CASE("single octets that nobody reads do not pin a buffer each") {
  StackBench bench({}, 16'384);
  Listening handler;
  bench.handler = &handler;
  bench.check_memory();
  Peer peer(bench, 1000);
  std::uint32_t most = 0;
  for (int i = 0; i < 5000; ++i) {
    REQUIRE(peer.send(octet));
    bench.flush();
    most = std::max(most, bench.pool.capacity() - bench.pool.available());
  }
  CHECK(peer.stream().readable().size() == 5000);
  CHECK(most <= sparse_slices_min + 5000 / sparse_slice_bytes + 4);
  bench.stack.abort_all(bench.now);
  bench.flush();
}

TEST_CASE("a send queue is bounded by its share of buffers, however few octets they hold") {
  StackBench bench({}, 1024);
  Listening handler;
  bench.handler = &handler;
  bench.check_memory();
  Peer peer(bench, 1000, 0);
  const std::uint32_t share = share_of(1024, 1024);
  CHECK(write_octets(bench, peer.stream(), 100 * 600, 600) == share * 600);
  CHECK(peer.stream().writable() == 0);
  bench.stack.abort_all(bench.now);
  bench.flush();
}

TEST_CASE("single octets that are written do not pin a buffer each, whether they are out or not") {
  StackBench bench({}, 1024);
  Listening handler;
  bench.handler = &handler;
  bench.check_memory();
  for (const std::uint16_t window : {std::uint16_t{0}, std::uint16_t{UINT16_MAX}}) {
    Peer peer(bench, static_cast<std::uint16_t>(1000 + window % 2), window);
    const std::uint32_t before = bench.pool.available();
    for (int i = 0; i < 1000; ++i) {
      REQUIRE(write_octets(bench, peer.stream(), 1, 1) == 1);
      bench.flush();
      REQUIRE(before - bench.pool.available() <= 2 * (sparse_slices_min + 1000 / sparse_slice_bytes + 1));
    }
  }
  bench.stack.abort_all(bench.now);
  bench.flush();
}

TEST_CASE("with the last buffers payload is dropped, and ACKs are heard") {
  StackBench bench({}, 320);
  Listening handler;
  bench.handler = &handler;
  bench.check_memory();
  Peer peer(bench, 1000);
  REQUIRE(write_octets(bench, peer.stream(), 1000) == 1000);
  REQUIRE(bench.flush().size() == 1);
  std::vector<Slice> taken;  // somebody else has the rest
  while (bench.pool.available() >= free_share_of(bench, supply_floor_parts)) {
    Buffer* buffer = bench.pool.allocate(1);
    taken.push_back(Slice::adopt(buffer, buffer->memory, 1));
  }
  bench.check_memory();
  const Seq before = peer.next();
  peer.acknowledged += 1000;
  peer.send(full_segment);
  bench.flush();
  CHECK(peer.stream().unacknowledged() == 0);
  CHECK(peer.stream().readable().empty());
  CHECK(bench.count(CounterIndex::drop_share) == 1);
  taken.clear();
  bench.check_memory();
  peer.step_back(before);
  peer.send(full_segment);  // sent again, it is taken
  CHECK(peer.stream().readable().size() == full_segment.size());
  bench.stack.abort_all(bench.now);
  bench.flush();
}

TEST_CASE("between two counts each payload that is kept is taken off the buffers that are free") {
  StackBench bench({}, 320);
  Listening handler;
  bench.handler = &handler;
  Peer first(bench, 1000);
  Peer second(bench, 1001);
  bench.stack.set_buffers(12, 320);  // two above the floor
  for (Peer* peer : {&first, &second, &first, &second}) peer->send(full_segment);
  CHECK(first.stream().readable().size() + second.stream().readable().size() == 3 * full_segment.size());
  CHECK(bench.count(CounterIndex::drop_share) == 1);
  bench.stack.abort_all(bench.now);
  bench.flush();
}

TEST_CASE("octets that wait behind a hole are let go when memory is short") {
  StackBench bench({}, 320);
  Listening handler;
  bench.handler = &handler;
  bench.check_memory();
  Peer peer(bench, 1000);
  for (std::uint32_t i = 1; i <= 10; ++i) {
    peer.send_ahead(i * static_cast<std::uint32_t>(full_segment.size()), full_segment);
  }
  REQUIRE(bench.pool.available() == 310);
  CHECK(!bench.check_memory());
  CHECK(bench.pool.available() == 310);
  bench.stack.set_buffers(79, 320);
  CHECK(bench.stack.relieve(bench.now));
  CHECK(bench.pool.available() == 320);
  CHECK(bench.count(CounterIndex::reassembly_dropped) == 1);
  bench.stack.abort_all(bench.now);
  bench.flush();
}

TEST_CASE(
    "the one that has been stuck for longest is reset, a slow reader of octets too, one that moves not") {
  StackBench bench({}, 2048);
  Listening handler;
  bench.handler = &handler;
  bench.check_memory();
  Peer moving(bench, 1000);
  Peer trickling(bench, 1001);
  Peer stuck(bench, 1002, 0);
  for (Peer* peer : {&trickling, &stuck}) REQUIRE(write_octets(bench, peer->stream(), 20'000) == 20'000);
  bench.flush();
  for (int second = 0; second < 20; ++second) {
    bench.advance(1s);
    write_octets(bench, moving.stream(), 10'000);
    bench.flush();
    trickling.acknowledge(trickling.acknowledged + 1);
    moving.acknowledge(moving.acknowledged + moving.stream().unacknowledged());
    bench.flush();
  }
  CHECK(!bench.check_memory());
  CHECK(handler.ended.empty());
  const auto relieve = [&] {
    bench.stack.set_buffers(400, 2048);
    CHECK(bench.stack.relieve(bench.now));
    bench.flush();
  };
  relieve();
  REQUIRE(handler.ended.size() == 1);
  relieve();
  CHECK(handler.ended.size() == 2);
  relieve();
  CHECK(handler.ended.size() == 2);
  CHECK(handler.ended.contains(1001));
  CHECK(handler.ended.contains(1002));
  CHECK(bench.count(CounterIndex::closed_no_memory) == 2);
  bench.stack.abort_all(bench.now);
  bench.flush();
}

TEST_CASE("the fair share shrinks with the number of connections, so that all of them together fit") {
  StackBench bench({}, 320);
  Listening handler;
  bench.handler = &handler;
  bench.stack.set_buffers(80, 320);
  std::deque<Peer> peers;
  std::uint32_t held = 0;
  for (std::uint16_t i = 0; i < 60; ++i) {
    Peer& peer = peers.emplace_back(bench, static_cast<std::uint16_t>(1000 + i), 0);
    bench.stack.set_buffers(79, 320);
    write_octets(bench, peer.stream(), 1460 * 40);
    held += peer.stream().unacknowledged();
  }
  CHECK(peers.front().stream().unacknowledged() == 1460 * fair_share_slices_max);
  CHECK(peers.back().stream().unacknowledged() == 1460);
  CHECK(held / 1460 < 320);  // those who came early keep what they have
  bench.stack.abort_all(bench.now);
  bench.flush();
}
