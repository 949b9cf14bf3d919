#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "tests/unit/dataplane/net/bench.h"

using namespace byway;
using namespace byway::net;

namespace {

/// One of two hosts that share a cable.
struct Station {
  HeapProvider heap;
  SlicePool slices{64};
  TimerWheel wheel{Instant{}};
  Catcher wire;
  OwnCounters<Counter> counters;
  Host host{{slices, heap}, wheel, wire, counters.block, 1};
  Ingress ingress;
  std::vector<std::string> received;

  Station(const MacAddress& mac, std::string_view address) {
    (void)host.add_link({mac, 1500});
    (void)host.add_interface_address(0, prefix(address), Instant{});
  }
  void take_from(Station& other, Instant now) {
    while (!other.wire.sent.empty()) {
      RxFrame frame;
      frame.bytes = heap.copy(other.wire.sent.front().bytes);
      other.wire.sent.pop_front();
      host.on_burst({&frame, 1}, now, ingress);
      for (std::size_t i = 0; i < ingress.segment_count; ++i) {
        received.emplace_back(ingress.segments[i].payload.text().substr(20));
        ingress.segments[i].payload = Slice();
      }
    }
  }
};

}  // namespace

TEST_CASE("two hosts on one cable find each other and exchange segments") {
  const auto [first, second, length] = GENERATE(table<std::string, std::string, std::string>(
      {{"10.0.0.1", "10.0.0.2", "/24"}, {"2001:db8::1", "2001:db8::2", "/64"}}));
  Station a(gateway_mac, first + length);
  Station b(peer_mac, second + length);
  Instant now{};
  for (int i = 0; i < 50; ++i) {  // until IPv6 addresses are known to be nobody else's
    now = now + 100ms;
    a.wheel.advance(now, 8);
    b.wheel.advance(now, 8);
    b.take_from(a, now);
    a.take_from(b, now);
  }
  const auto send = [&](Station& from, std::string_view source, std::string_view target,
                        std::string_view text) {
    Rope payload(from.slices);
    REQUIRE(payload.append(from.heap.copy(text)));
    const Frame header = tcp_bytes("");
    Outgoing out;
    out.source = ip(source);
    out.destination = ip(target);
    out.header = header;
    CHECK(from.host.send(out, std::move(payload), now) == SendResult::sent);
  };
  send(a, first, second, "question");
  for (int round = 0; round < 8; ++round) {
    now = now + 1ms;
    a.wheel.advance(now, 8);
    b.wheel.advance(now, 8);
    b.take_from(a, now);
    if (b.received.size() == 1 && round == 4) send(b, second, first, "answer");
    a.take_from(b, now);
  }
  CHECK(b.received == std::vector<std::string>{"question"});
  CHECK(a.received == std::vector<std::string>{"answer"});
  CHECK(a.heap.live() == 0);
  CHECK(b.heap.live() == 0);
}
