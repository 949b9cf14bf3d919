#include <catch2/catch_test_macros.hpp>

#include "tests/unit/dataplane/tcp/stack_bench.h"

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

namespace {

constexpr std::uint16_t backend_port = 8080;

/// A connect whose SYN has left.
struct Connecting {
  Connecting() {
    stream = bench.stack.connect({peer_address, backend_port}, handler);
    REQUIRE(stream != nullptr);
    const auto sent = bench.flush();
    REQUIRE(sent.size() == 1);
    syn = sent[0].view;
  }
  ~Connecting() {
    bench.stack.abort_all(bench.now);
    bench.flush();
  }
  [[nodiscard]] DeliveryError error(bool is_hard) const {
    return {{gateway_address, peer_address, syn.source_port, backend_port}, syn.seq, is_hard};
  }
  void tell(const DeliveryError& error) {
    bench.stack.on_delivery_error(error, bench.now);
    bench.flush();
  }
  void establish() {
    HeaderFields answer;
    answer.source_port = backend_port;
    answer.target_port = syn.source_port;
    answer.seq = Seq{7000};
    answer.ack = syn.seq + 1;
    answer.flags = flag::syn | flag::ack;
    answer.window = UINT16_MAX;
    answer.options.mss = 1460;
    bench.receive(answer);
    bench.flush();
    REQUIRE(handler.connected == 1);
  }

  StackBench bench;
  Listening handler;
  Stream* stream = nullptr;
  SegmentView syn;
};

}  // namespace

TEST_CASE("a hard error about its SYN ends a connect at once") {
  Connecting connecting;
  connecting.tell(connecting.error(true));
  REQUIRE(connecting.handler.ended.contains(backend_port));
  CHECK(connecting.handler.ended[backend_port] == StreamEnd::unreachable);
  CHECK(connecting.bench.count(CounterIndex::closed_unreachable) == 1);
  CHECK(connecting.bench.count(CounterIndex::delivery_errors) == 1);
  CHECK(connecting.bench.stack.connection_count() == 0);
}

TEST_CASE("a soft error about its SYN ends no connect") {
  Connecting connecting;
  connecting.tell(connecting.error(false));
  CHECK(connecting.handler.ended.empty());
  CHECK(connecting.bench.count(CounterIndex::delivery_errors) == 1);
  connecting.establish();
}

TEST_CASE("an error with a sequence number or TCP port that is not out ends no connect") {
  Connecting connecting;
  for (const std::uint32_t off : {1u, UINT32_MAX, 1u << 31}) {
    DeliveryError error = connecting.error(true);
    error.seq += off;
    connecting.tell(error);
  }
  DeliveryError error = connecting.error(true);
  ++error.flow.local_port;
  connecting.tell(error);
  CHECK(connecting.handler.ended.empty());
  CHECK(connecting.bench.count(CounterIndex::drop_bad_delivery_error) == 4);
  connecting.establish();
}

TEST_CASE("hard errors about segments that are out do not end an established connection") {
  Connecting connecting;
  connecting.establish();
  REQUIRE(write_octets(connecting.bench, *connecting.stream, 1000) == 1000);
  REQUIRE(connecting.bench.flush().size() == 1);
  DeliveryError error = connecting.error(true);
  error.seq += 1;
  connecting.tell(error);
  CHECK(connecting.bench.count(CounterIndex::delivery_errors) == 1);
  CHECK(connecting.handler.ended.empty());
  error.seq += 1000;  // has not been sent
  connecting.tell(error);
  CHECK(connecting.bench.count(CounterIndex::drop_bad_delivery_error) == 1);
  CHECK(connecting.handler.ended.empty());
}
