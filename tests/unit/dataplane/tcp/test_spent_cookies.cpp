// A SYN cookie opens one connection: copies, and ACKs that their own reset overtook, open none.
#include <catch2/catch_test_macros.hpp>

#include "tests/unit/dataplane/tcp/backlog_bench.h"

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

TEST_CASE("an ACK that comes again belongs to the connection; after its end its cookie is spent") {
  FullBacklog bench;
  Client client(bench, client_port);
  REQUIRE(client.syn());
  client.ack();
  const std::uint32_t connections = bench.stack.connection_count();
  for (int i = 0; i < 100; ++i) client.ack();
  CHECK(bench.stack.connection_count() == connections);
  CHECK(bench.count(CounterIndex::cookies_accepted) == 1);

  client.stream()->abort();
  bench.flush();
  CHECK(client.is_refused());
  CHECK(bench.count(CounterIndex::cookies_accepted) == 1);
  CHECK(bench.count(CounterIndex::cookies_spent) == 1);
  CHECK(bench.count(CounterIndex::cookies_bad) == 0);

  // The client may well open another one from there.
  client.next = Seq{9001};
  REQUIRE(client.syn());
  CHECK(client.ack().empty());
  CHECK(bench.count(CounterIndex::cookies_accepted) == 2);
}

TEST_CASE("an ACK that the client's reset overtook opens nothing") {
  FullBacklog bench;
  const std::uint32_t connections = bench.stack.connection_count();
  Client client(bench, client_port);
  REQUIRE(client.syn());
  CHECK(client.ack({}, flag::rst | flag::ack).empty());
  CHECK(client.is_refused());
  CHECK(bench.count(CounterIndex::cookies_spent) == 1);

  // A reset that does not know the cookie spends none.
  Client other(bench, client_port + 1);
  REQUIRE(other.syn());
  const SegmentView answer = other.answer;
  other.answer.seq += 1;
  CHECK(other.ack({}, flag::rst | flag::ack).empty());
  other.answer = answer;
  CHECK(other.ack().empty());
  CHECK(bench.stack.connection_count() == connections + 1);
}

TEST_CASE("cookies beyond those that can be remembered as spent are as good as new ones") {
  FullBacklog bench;
  Client first(bench, client_port);
  REQUIRE(first.syn());
  first.ack({}, flag::rst | flag::ack);
  std::uint32_t others = 0;
  const std::uint32_t connections = bench.stack.connection_count();
  for (; others < 40 * SpentCookies::places; ++others) {
    Client other(bench, static_cast<std::uint16_t>(client_port + 1 + others % 10'000));
    other.next = Seq{others * 3 + 1};
    REQUIRE(other.syn());
    other.ack({}, flag::rst | flag::ack);
  }
  CHECK(bench.stack.connection_count() == connections);
  CHECK(first.ack().empty());
  CHECK(bench.stack.connection_count() == connections + 1);
}
