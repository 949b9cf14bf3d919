// Floods of SYNs whose senders never answer (RFC 4987).
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <vector>

#include "tests/unit/dataplane/tcp/stack_bench.h"

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

namespace {

constexpr std::uint16_t first_port = 1000;

HeaderFields from(std::uint16_t tcp_port, std::uint8_t flags) {
  HeaderFields header;
  header.source_port = tcp_port;
  header.target_port = service_port;
  header.seq = Seq{flags == flag::syn ? 5000u : 5001u};
  header.flags = flags;
  header.window = UINT16_MAX;
  return header;
}

}  // namespace

TEST_CASE("a full backlog forgets the oldest half-open connection, silently, and takes the newest") {
  StackBench bench({.sockets_max = 4096});
  Listening handler;
  bench.handler = &handler;
  constexpr std::uint32_t more = 10;
  std::map<std::uint16_t, Seq> answers;
  for (std::uint32_t i = 0; i < half_open_max + more; ++i) {
    REQUIRE(bench.receive(from(static_cast<std::uint16_t>(first_port + i), flag::syn)));
    for (const Sent& sent : bench.flush()) {
      REQUIRE(sent.view.has(flag::syn | flag::ack));
      answers[sent.view.target_port] = sent.view.seq + 1;
    }
  }
  CHECK(answers.size() == half_open_max + more);
  CHECK(bench.count(CounterIndex::half_open_recycled) == more);
  CHECK(bench.stack.connection_count() == half_open_max);

  const auto is_refused = [&](std::uint16_t tcp_port) {
    HeaderFields ack = from(tcp_port, flag::ack);
    ack.ack = answers[tcp_port];
    REQUIRE(bench.receive(ack));
    const std::vector<Sent> sent = bench.flush();
    return std::ranges::any_of(sent, [](const Sent& each) { return each.view.has(flag::rst); });
  };
  for (const std::uint32_t there : {more, half_open_max + more - 1}) {
    const auto tcp_port = static_cast<std::uint16_t>(first_port + there);
    CHECK_FALSE(is_refused(tcp_port));
    CHECK(bench.stream_of(tcp_port) != nullptr);
  }
  CHECK(is_refused(first_port));
  CHECK(bench.stream_of(first_port) == nullptr);
}
