// Floods of SYNs whose senders never answer (RFC 4987), and clients among them.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "tests/unit/dataplane/tcp/backlog_bench.h"

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

TEST_CASE("a full backlog keeps what it has and answers further SYNs by cookies; all of them may complete") {
  FullBacklog bench;
  Client late(bench, client_port);
  REQUIRE(late.syn());
  CHECK(bench.count(CounterIndex::cookies_sent) == 1);
  CHECK(bench.stack.connection_count() == half_open_max);

  CHECK(late.ack().empty());
  CHECK(late.stream() != nullptr);
  CHECK(bench.count(CounterIndex::cookies_accepted) == 1);
  CHECK(bench.info_of(client_port)->state == State::established);
  for (const std::uint32_t i : {0u, half_open_max - 1}) {
    Client early(bench, static_cast<std::uint16_t>(flood_port + i));
    REQUIRE(early.syn());  // the answer once more
    CHECK(early.ack().empty());
    CHECK(early.stream() != nullptr);
  }
  CHECK(bench.count(CounterIndex::established) == 3);
  CHECK(bench.count(CounterIndex::half_open_recycled) == 0);
  CHECK(bench.count(CounterIndex::cookies_bad) == 0);
}

TEST_CASE(
    "a flood of SYNs beyond the backlog takes no socket, buffer, chain node or timer, and no client is kept "
    "out") {
  FullBacklog bench;
  const std::uint32_t buffers = bench.pool.available();
  const std::uint32_t timers = bench.wheel.armed_count();
  for (std::uint16_t round = 0; round < 20; ++round) {
    flood(bench, 1000, 10'000);
    CHECK(bench.pool.available() == buffers);
    CHECK(bench.slices.in_use() == 0);
    CHECK(bench.wheel.armed_count() == timers);
    CHECK(bench.stack.connection_count() == half_open_max);
    Client client(bench, static_cast<std::uint16_t>(client_port + round));
    REQUIRE(client.syn());
    flood(bench, 1000, 20'000);
    CHECK(client.ack("hello").size() == 1);
    REQUIRE(client.stream() != nullptr);
    CHECK(client.stream()->readable().size() == 5);
    client.stream()->abort();
    bench.flush();
  }
  CHECK(bench.count(CounterIndex::cookies_sent) == 20 * 2001);
}

TEST_CASE("a cookie promises what an ordinary answer does, and its connection keeps it") {
  FullBacklog full;
  StackBench empty;
  empty.handler = &full.listening;
  Client by_cookie(full, client_port);
  Client ordinary(empty, client_port);
  const SegmentView there = *by_cookie.syn();
  const SegmentView here = *ordinary.syn();
  REQUIRE(full.count(CounterIndex::cookies_sent) == 1);
  REQUIRE(empty.count(CounterIndex::cookies_sent) == 0);
  CHECK(there.flags == here.flags);
  CHECK(there.window == here.window);
  CHECK(there.options.mss == here.options.mss);
  CHECK(there.options.has_window_scale);
  CHECK(there.options.window_scale == here.options.window_scale);
  CHECK(there.options.sack_permitted);
  CHECK(here.options.sack_permitted);
  CHECK(there.options.has_timestamps);
  CHECK(there.options.timestamps.echo == client_clock);

  by_cookie.ack();
  ordinary.ack();
  const ConnectionInfo a = *full.info_of(client_port);
  const ConnectionInfo b = *empty.info_of(client_port);
  CHECK(a.state == b.state);
  CHECK(a.mss == b.mss);
  CHECK(a.mss == 1448);
  CHECK(a.cwnd == b.cwnd);
  CHECK(a.send_window == b.send_window);
  CHECK(a.send_window == 100u << client_scale);
  // The windows that it offers are scaled as its SYN-ACK said.
  REQUIRE(by_cookie.ack("data").size() == 1);
  by_cookie.next += 4;
  const std::vector<Sent> answer = by_cookie.ack("data");
  REQUIRE(answer.size() == 1);
  CHECK(answer[0].view.options.has_timestamps);
  CHECK(std::uint32_t{answer[0].view.window} << window_scale_own > UINT16_MAX);
}

TEST_CASE("SACK and ECN that a client asks for survive a cookie") {
  for (const bool asks_ecn : {true, false}) {
    FullBacklog bench;
    Client client(bench, client_port);
    if (asks_ecn) client.syn_flags |= flag::ece | flag::cwr;
    const SegmentView answer = *client.syn();
    REQUIRE(bench.count(CounterIndex::cookies_sent) == 1);
    CHECK(answer.has(flag::ece) == asks_ecn);
    CHECK_FALSE(answer.has(flag::cwr));
    client.ack();
    write_octets(bench, *client.stream(), 100);
    SegmentOut out(bench.slices);
    REQUIRE(bench.stack.next_segment(out, bench.now));
    CHECK(out.ecn == (asks_ecn ? 2 : 0));
    out.payload.clear();
    client.next += 10;
    const std::vector<Sent> sent = client.ack("ahead");
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].view.options.sack_count == 1);
  }
}

TEST_CASE(
    "a client without timestamps gets a cookie without the other options, and a connection without them") {
  FullBacklog bench;
  Client client(bench, client_port, Client::Offer::no_timestamps);
  client.syn_flags |= flag::ece | flag::cwr;
  const SegmentView answer = *client.syn();
  REQUIRE(bench.count(CounterIndex::cookies_sent) == 1);
  CHECK(answer.options.mss == 1460);
  CHECK_FALSE(answer.options.has_window_scale);
  CHECK_FALSE(answer.options.sack_permitted);
  CHECK_FALSE(answer.options.has_timestamps);
  const std::vector<Sent> sent = client.ack("data");
  REQUIRE(sent.size() == 1);
  CHECK_FALSE(sent[0].view.options.has_timestamps);
  CHECK(sent[0].view.window > UINT16_MAX - 1460);
  CHECK_FALSE(answer.has(flag::ece));
  CHECK(bench.info_of(client_port)->send_window == 100);
  CHECK(bench.info_of(client_port)->mss == 1460);
  client.next += 10;
  const std::vector<Sent> hole = client.ack("ahead");
  REQUIRE(hole.size() == 1);
  CHECK(hole[0].view.options.sack_count == 0);
}

TEST_CASE("timestamps never go back behind that of a cookie, and it is no measure of the round trip") {
  FullBacklog bench;
  for (std::uint16_t i = 0; i < 2 * cookie_stamp_ticks; ++i) {
    Client client(bench, static_cast<std::uint16_t>(client_port + i));
    const std::uint32_t stamp = client.syn()->options.timestamps.value;
    const std::vector<Sent> sent = client.ack("data");
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].view.options.timestamps.value - stamp < cookie_stamp_ticks);
    CHECK(bench.info_of(static_cast<std::uint16_t>(client_port + i))->srtt == 0ns);
    bench.now = bench.now + 1ms;
  }
  CHECK(bench.count(CounterIndex::cookies_accepted) == 2 * cookie_stamp_ticks);
}

TEST_CASE("data and a FIN on the ACK of a cookie are kept") {
  FullBacklog bench;
  Client client(bench, client_port);
  REQUIRE(client.syn());
  const std::vector<Sent> sent = client.ack("GET /", flag::ack | flag::fin);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].view.ack == client.next + 6);
  REQUIRE(client.stream() != nullptr);
  CHECK(client.stream()->readable().front().text() == "GET /");
  CHECK(client.stream()->peer_finished());
}

TEST_CASE("a cookie is accepted after one period, and refused by a reset after two") {
  FullBacklog bench;
  Client prompt(bench, client_port);
  Client slow(bench, client_port + 1);
  REQUIRE(prompt.syn());
  REQUIRE(slow.syn());
  REQUIRE(bench.count(CounterIndex::cookies_sent) == 2);
  bench.now = bench.now + cookie_period;
  CHECK(prompt.ack().empty());
  CHECK(prompt.stream() != nullptr);
  bench.now = bench.now + cookie_period;
  CHECK(Client(bench, client_port + 2).syn());  // cookies are still looked for
  CHECK(slow.is_refused());
  CHECK(slow.stream() == nullptr);
  CHECK(bench.count(CounterIndex::cookies_bad) == 1);
}

TEST_CASE("a forged ACK is refused by a reset and takes no socket") {
  FullBacklog bench;
  REQUIRE(Client(bench, client_port).syn());
  const std::uint32_t connections = bench.stack.connection_count();
  Client forger(bench, client_port + 1);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    forger.answer.seq = Seq{i * 4'000'037};
    REQUIRE(forger.is_refused());
  }
  CHECK(bench.count(CounterIndex::cookies_bad) == 1000);
  CHECK(bench.count(CounterIndex::drop_no_connection) == 1000);
  CHECK(bench.stack.connection_count() == connections);
}

TEST_CASE("the cookie of another client is refused") {
  FullBacklog bench;
  Client client(bench, client_port);
  REQUIRE(client.syn());
  Client thief(bench, client_port + 1);
  thief.answer = client.answer;
  CHECK(thief.is_refused());
}

TEST_CASE("cookies are looked for only while some that were sent may be good") {
  StackBench bench;
  Client client(bench, client_port);
  client.answer.seq = Seq{12345};
  CHECK(client.is_refused());
  CHECK(bench.count(CounterIndex::cookies_bad) == 0);

  FullBacklog full;
  REQUIRE(Client(full, client_port).syn());
  Client forger(full, client_port + 1);
  full.now = full.now + cookie_life_max - 1ns;
  CHECK(forger.is_refused());
  CHECK(full.count(CounterIndex::cookies_bad) == 1);
  full.now = full.now + 1ns;
  CHECK(forger.is_refused());
  CHECK(full.count(CounterIndex::cookies_bad) == 1);
}

TEST_CASE("while too many connections wait to be accepted the ACK of a cookie must come again") {
  StackBench bench({.sockets_max = 8192});
  Listening handler;
  bench.handler = &handler;
  std::vector<Client> waiting;
  for (std::uint32_t i = 0; i < unaccepted_max; ++i) {
    Client& one = waiting.emplace_back(bench, static_cast<std::uint16_t>(30'000 + i));
    REQUIRE(one.syn());
    HeaderFields ack;
    ack.source_port = static_cast<std::uint16_t>(30'000 + i);
    ack.target_port = service_port;
    ack.seq = one.next;
    ack.ack = one.answer.seq + 1;
    ack.flags = flag::ack;
    ack.options.has_timestamps = true;
    ack.options.timestamps = {client_clock, one.answer.options.timestamps.value};
    REQUIRE(bench.receive(ack));
  }
  REQUIRE(bench.stack.connection_count() == unaccepted_max);
  flood(bench, half_open_max);
  Client late(bench, client_port);
  REQUIRE(late.syn());
  REQUIRE(bench.count(CounterIndex::cookies_sent) == 1);
  CHECK(late.ack().empty());  // and accepts those that waited
  CHECK(late.stream() == nullptr);
  CHECK(bench.count(CounterIndex::drop_accept_full) == 1);
  CHECK(late.ack().empty());
  CHECK(late.stream() != nullptr);
}

TEST_CASE("half-open connections leave half of the free sockets, and make way for clients that answer") {
  StackBench bench({.sockets_max = 8});
  Listening handler;
  bench.handler = &handler;
  flood(bench, 20);
  CHECK(bench.stack.connection_count() == 4);
  CHECK(bench.count(CounterIndex::cookies_sent) == 16);
  for (std::uint16_t i = 0; i < 8; ++i) {
    Client client(bench, static_cast<std::uint16_t>(client_port + i));
    REQUIRE(client.syn());
    CHECK(client.ack().empty());
    CHECK(client.stream() != nullptr);
    flood(bench, i < 7 ? 20 : 0);
  }
  CHECK(bench.stack.connection_count() == 8);
  CHECK(bench.count(CounterIndex::half_open_recycled) == 4);
  CHECK(bench.count(CounterIndex::established) == 8);

  // Now all sockets are those of clients: no more promises, also none that were made before.
  CHECK_FALSE(Client(bench, client_port + 8).syn());
  CHECK(bench.count(CounterIndex::drop_no_socket) == 1);
}

TEST_CASE("a cookie for which no socket is free any more is not refused, and good when one is") {
  StackBench bench({.sockets_max = 2});
  Listening handler;
  bench.handler = &handler;
  flood(bench, 1);
  std::vector<Client> clients;
  for (std::uint16_t i = 0; i < 3; ++i) {
    clients.emplace_back(bench, static_cast<std::uint16_t>(client_port + i));
    REQUIRE(clients.back().syn());
  }
  for (Client& client : clients) CHECK(client.ack().empty());
  CHECK(clients[1].stream() != nullptr);
  CHECK(clients[2].stream() == nullptr);
  CHECK(bench.count(CounterIndex::drop_no_socket) == 1);
  clients[0].stream()->abort();
  bench.flush();
  CHECK(clients[2].ack().empty());
  CHECK(clients[2].stream() != nullptr);
}

TEST_CASE("while memory is short neither a SYN nor the ACK of a cookie opens a connection") {
  FullBacklog bench;
  Client client(bench, client_port);
  REQUIRE(client.syn());
  bench.stack.set_buffers(1, bench.pool.capacity());
  REQUIRE(bench.stack.pressure() == Pressure::critical);
  CHECK(client.ack().empty());
  CHECK(client.stream() == nullptr);
  CHECK_FALSE(Client(bench, client_port + 1).syn());
  CHECK(bench.count(CounterIndex::drop_pressure) == 2);
  bench.stack.set_buffers(bench.pool.available(), bench.pool.capacity());
  CHECK(client.ack().empty());
  CHECK(client.stream() != nullptr);
}

TEST_CASE("who was answered by a cookie before a drain may still complete; a new SYN is refused") {
  FullBacklog bench;
  Client client(bench, client_port);
  REQUIRE(client.syn());
  bench.stack.drain();
  CHECK(client.ack().empty());
  CHECK(client.stream() != nullptr);
  HeaderFields syn;
  syn.source_port = client_port + 1;
  syn.target_port = service_port;
  syn.flags = flag::syn;
  REQUIRE(bench.receive(syn));
  const std::vector<Sent> sent = bench.flush();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].view.has(flag::rst));
}

TEST_CASE("SYNs beyond what one flush answers are dropped and counted") {
  FullBacklog bench;
  constexpr std::uint32_t more = 10;
  for (std::uint32_t i = 0; i < loose_replies_max + more; ++i) {
    HeaderFields syn;
    syn.source_port = static_cast<std::uint16_t>(client_port + i);
    syn.target_port = service_port;
    syn.flags = flag::syn;
    REQUIRE(bench.receive(syn));
  }
  CHECK(bench.count(CounterIndex::cookies_sent) == loose_replies_max);
  CHECK(bench.count(CounterIndex::drop_reply_queue_full) == more);
  CHECK(take_segments(bench).size() == loose_replies_max);
}
