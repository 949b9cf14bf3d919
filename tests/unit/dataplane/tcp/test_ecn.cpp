// Explicit congestion notification (RFC 3168): who agrees to it, what is marked, and what a mark does.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "tests/unit/dataplane/tcp/transfer.h"

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

namespace {

PeerOptions with_ecn() {
  PeerOptions options = Transfer::with_sack();
  options.ecn = true;
  return options;
}

/// The reply of a peer to our SYN.
HeaderFields answer_to(const SegmentView& syn, std::uint8_t flags) {
  HeaderFields answer;
  answer.source_port = syn.target_port;
  answer.target_port = syn.source_port;
  answer.seq = Seq{5000};
  answer.ack = syn.seq + 1;
  answer.flags = static_cast<std::uint8_t>(flag::syn | flag::ack | flags);
  answer.window = UINT16_MAX;
  answer.options.mss = 1460;
  return answer;
}

/// Connects, and whether the first data is marked as capable when the peer answers by `flags`.
bool is_capable_after(StackBench& bench, std::uint8_t flags) {
  Listening handler;
  Stream* stream = bench.stack.connect({peer_address, 9000}, handler);
  const std::vector<Sent> syn = bench.flush();
  REQUIRE(syn.size() == 1);
  bench.receive(answer_to(syn[0].view, flags));
  bench.flush();
  REQUIRE(handler.connected == 1);
  write_octets(bench, *stream, 100);
  const std::vector<Sent> data = bench.flush();
  REQUIRE(data.size() == 1);
  bench.stack.abort_all(bench.now);
  bench.flush();
  return data[0].view.ecn == ecn::capable;
}

StackOptions options_of(Ecn ecn) {
  StackOptions options;
  options.ecn = ecn;
  return options;
}

const std::vector<std::uint8_t> some(100, 0x42);

/// Whether the ACK that is owed, at once or after the delay, has an echo.
bool has_echo(Transfer& transfer) {
  std::vector<Sent> sent = transfer.bench.flush();
  if (sent.empty()) {
    transfer.bench.advance(50ms);
    sent = transfer.bench.flush();
  }
  REQUIRE_FALSE(sent.empty());
  return sent.back().view.has(flag::ece);
}

}  // namespace

// ---- Who agrees ------------------------------------------------------------------------------------------

TEST_CASE("a SYN that asks for ECN is agreed to, unless it is off") {
  for (const Ecn option : {Ecn::off, Ecn::when_asked, Ecn::always}) {
    for (const bool asks : {true, false}) {
      CAPTURE(option, asks);
      StackBench bench(options_of(option));
      Listening handler;
      bench.handler = &handler;
      PeerOptions peer_options;
      peer_options.ecn = asks;
      Peer peer(bench, 1000, peer_options);
      const bool agrees = asks && option != Ecn::off;
      CHECK(peer.syn_ack.has(flag::ece) == agrees);
      CHECK_FALSE(peer.syn_ack.has(flag::cwr));
      CHECK(peer.syn_ack.ecn == ecn::not_capable);
      write_octets(bench, peer.stream(), 100);
      const std::vector<Sent> sent = bench.flush();
      REQUIRE(sent.size() == 1);
      CHECK(sent[0].view.ecn == (agrees ? ecn::capable : ecn::not_capable));
      bench.stack.abort_all(bench.now);
    }
  }
}

TEST_CASE("our SYN asks for ECN only if it is always wanted") {
  for (const Ecn option : {Ecn::off, Ecn::when_asked, Ecn::always}) {
    CAPTURE(option);
    StackBench bench(options_of(option));
    Listening handler;
    REQUIRE(bench.stack.connect({peer_address, 9000}, handler) != nullptr);
    const std::vector<Sent> syn = bench.flush();
    REQUIRE(syn.size() == 1);
    const auto flags = static_cast<std::uint8_t>(syn[0].view.flags & (flag::ece | flag::cwr));
    CHECK(flags == (option == Ecn::always ? flag::ece | flag::cwr : 0));
    CHECK(syn[0].view.ecn == ecn::not_capable);
    bench.stack.abort_all(bench.now);
  }
}

TEST_CASE("a SYN-ACK agrees by ECE alone: both bits are an echo of ours (RFC 3168 6.1.1)") {
  StackBench bench(options_of(Ecn::always));
  CHECK(is_capable_after(bench, flag::ece));
  CHECK_FALSE(is_capable_after(bench, 0));
  CHECK_FALSE(is_capable_after(bench, flag::ece | flag::cwr));
  CHECK_FALSE(is_capable_after(bench, flag::cwr));
  StackBench off(options_of(Ecn::when_asked));
  CHECK_FALSE(is_capable_after(off, flag::ece));
}

TEST_CASE("a SYN that asks and finds no answer is sent again without asking (RFC 3168 6.1.1.1)") {
  StackBench bench(options_of(Ecn::always));
  Listening handler;
  Stream* stream = bench.stack.connect({peer_address, 9000}, handler);
  REQUIRE(bench.flush().size() == 1);
  bench.advance(1100ms);
  const std::vector<Sent> syn = bench.flush();
  REQUIRE(syn.size() == 1);
  CHECK((syn[0].view.flags & (flag::ece | flag::cwr)) == 0);
  bench.receive(answer_to(syn[0].view, flag::ece));
  bench.flush();
  write_octets(bench, *stream, 100);
  const std::vector<Sent> data = bench.flush();
  REQUIRE(data.size() == 1);
  CHECK(data[0].view.ecn == ecn::not_capable);
  bench.stack.abort_all(bench.now);
}

TEST_CASE("a peer that asks no more when it sends its SYN again has given up on ECN (RFC 3168 6.1.1)") {
  for (const bool gives_up : {true, false}) {
    CAPTURE(gives_up);
    StackBench bench;
    Listening handler;
    bench.handler = &handler;
    HeaderFields syn;
    syn.source_port = 1000;
    syn.target_port = service_port;
    syn.seq = Seq{1000};
    syn.flags = flag::syn | flag::ece | flag::cwr;
    syn.window = UINT16_MAX;
    bench.receive(syn);
    REQUIRE(bench.flush().size() == 1);
    if (gives_up) syn.flags = flag::syn;
    bench.receive(syn);
    const std::vector<Sent> again = bench.flush();
    REQUIRE(again.size() == 1);
    CHECK(again[0].view.has(flag::ece) != gives_up);
    HeaderFields ack = syn;
    ack.seq = Seq{1001};
    ack.ack = again[0].view.seq + 1;
    ack.flags = flag::ack;
    bench.receive(ack);
    bench.flush();
    write_octets(bench, *bench.stream_of(1000), 100);
    const std::vector<Sent> data = bench.flush();
    REQUIRE(data.size() == 1);
    CHECK((data[0].view.ecn == ecn::capable) != gives_up);
    bench.stack.abort_all(bench.now);
  }
}

// ---- What is marked --------------------------------------------------------------------------------------

TEST_CASE("new data is marked as capable; ACKs, retransmissions and probes are not (RFC 3168 6.1.4, 6.1.5)") {
  Transfer transfer(10, with_ecn());
  for (const Sent& one : transfer.sent) CHECK(one.view.ecn == ecn::capable);
  REQUIRE(transfer.after(203ms) == Numbers{9});  // a tail loss probe
  CHECK(transfer.sent.at(0).view.ecn == ecn::not_capable);
  REQUIRE(transfer.after(305ms) == Numbers{0});
  CHECK(transfer.sent.at(0).view.ecn == ecn::not_capable);
  transfer.peer->send(some);
  transfer.flush();
  transfer.peer->send(some);
  transfer.after(100ms);
  REQUIRE_FALSE(transfer.sent.empty());
  for (const Sent& one : transfer.sent) CHECK(one.view.ecn == ecn::not_capable);
}

// ---- Receiving -------------------------------------------------------------------------------------------

TEST_CASE("a mark is echoed in all ACKs until the peer says that it has reduced its window") {
  Transfer transfer(1, with_ecn());
  transfer.ack(1);
  transfer.peer->send(some, ecn::capable);
  CHECK_FALSE(has_echo(transfer));
  transfer.peer->send(some, ecn::congested);
  CHECK(has_echo(transfer));
  CHECK(transfer.count(CounterIndex::congestion_marks_in) == 1);
  for (int i = 0; i < 3; ++i) {
    transfer.peer->send(some, ecn::capable);
    CHECK(has_echo(transfer));
  }
  transfer.peer->send(some, ecn::capable, flag::cwr);
  CHECK_FALSE(has_echo(transfer));
  transfer.peer->send(some, ecn::congested, flag::cwr);  // a new mark on the segment that says so
  CHECK(has_echo(transfer));
}

TEST_CASE("a marked segment is acknowledged at once") {
  Transfer transfer(1, with_ecn());
  transfer.ack(1);
  transfer.write(1);
  transfer.flush();  // a dialogue: ACKs are held back from here on
  transfer.ack(2);
  transfer.peer->send(some, ecn::capable);
  CHECK(transfer.bench.flush().empty());
  transfer.peer->send(some, ecn::congested);
  CHECK(transfer.bench.flush().size() == 1);
}

TEST_CASE("a mark means nothing where ECN was not agreed on") {
  Transfer transfer(1);
  transfer.ack(1);
  transfer.peer->send(some, ecn::congested);
  CHECK_FALSE(has_echo(transfer));
  transfer.write(10);
  transfer.flush();
  transfer.ack(2, {}, flag::ece);
  CHECK(transfer.count(CounterIndex::congestion_echoes_in) == 0);
}

// ---- Sending ---------------------------------------------------------------------------------------------

TEST_CASE("an echo reduces the window once a round trip, and the next new data says so, once") {
  Transfer transfer(150, with_ecn());
  transfer.after(100ms);
  int cwr = 0;
  std::uint32_t cwr_at = 0;
  for (std::uint32_t i = 1; i <= 10; ++i) {
    for (const int number : transfer.ack(i, {}, flag::ece)) {
      if (cwr == 0) cwr_at = static_cast<std::uint32_t>(number);
    }
    for (const Sent& one : transfer.sent) cwr += one.view.has(flag::cwr) ? 1 : 0;
  }
  CHECK(transfer.count(CounterIndex::congestion_echoes_in) == 1);
  CHECK(cwr == 1);
  CHECK(cwr_at >= 10);
  CHECK(transfer.info().ssthresh == Catch::Approx(9 * transfer.mss * 0.7).margin(transfer.mss * 0.01));
  CHECK(transfer.count(CounterIndex::retransmitted_segments) == 0);
  transfer.after(100ms);
  transfer.ack(11);  // CWR has arrived, and no mark since
  CHECK(transfer.info().phase == Phase::open);
  CHECK(transfer.window() == Catch::Approx(9 * 0.7).margin(0.3));
  transfer.ack(12, {}, flag::ece);  // a new one
  CHECK(transfer.count(CounterIndex::congestion_echoes_in) == 2);
}

TEST_CASE("the peer echoes until it has seen CWR: an ACK of all before it reduces nothing again") {
  Transfer transfer(150, with_ecn());
  transfer.after(100ms);
  transfer.ack(1, {}, flag::ece);
  REQUIRE(transfer.count(CounterIndex::congestion_echoes_in) == 1);
  const Bytes threshold = transfer.info().ssthresh;
  transfer.ack(10, {}, flag::ece);
  transfer.ack(10, {}, flag::ece);
  CHECK(transfer.count(CounterIndex::congestion_echoes_in) == 1);
  CHECK(transfer.info().ssthresh == threshold);
}

TEST_CASE("an echo that empties the flight reduces the window too") {
  Transfer transfer(10, with_ecn());
  transfer.after(100ms);
  transfer.ack(10, {}, flag::ece);
  CHECK(transfer.count(CounterIndex::congestion_echoes_in) == 1);
  CHECK(transfer.window() == Catch::Approx(7).margin(0.01));
  transfer.write(1);
  transfer.flush();
  CHECK(transfer.sent.at(0).view.has(flag::cwr));
}

TEST_CASE("CWR is said for every reduction, for losses and time-outs too (RFC 3168 6.1.2)") {
  for (const bool is_timeout : {false, true}) {
    CAPTURE(is_timeout);
    Transfer transfer(10, with_ecn());
    if (is_timeout) {
      transfer.after(203ms);
      REQUIRE(transfer.after(305ms) == Numbers{0});
    } else {
      transfer.after(100ms);
      REQUIRE(transfer.ack(0, {{1, 10}}) == Numbers{0});
    }
    CHECK_FALSE(transfer.sent.at(0).view.has(flag::cwr));  // new data says it
    transfer.after(100ms);
    transfer.ack(10);
    transfer.write(1);
    REQUIRE(transfer.flush() == Numbers{10});
    CHECK(transfer.sent.at(0).view.has(flag::cwr));
    transfer.ack(11);
    transfer.write(1);
    REQUIRE(transfer.flush() == Numbers{11});
    CHECK_FALSE(transfer.sent.at(0).view.has(flag::cwr));
  }
}

TEST_CASE("what a mark took from the window does not come back when a recovery is taken back") {
  for (const bool mark_first : {true, false}) {
    CAPTURE(mark_first);
    Transfer transfer(150, with_ecn());
    transfer.after(100ms);
    if (mark_first) transfer.ack(1, {}, flag::ece);
    const std::uint32_t at = mark_first ? 1 : 0;
    REQUIRE(transfer.ack(at, {{at + 1, 10}}).at(0) == static_cast<int>(at));
    if (!mark_first) transfer.ack(at, {{at + 1, 10}}, flag::ece);
    transfer.after(50ms);
    transfer.ack(10);
    transfer.ack(10, {{at, at + 1}});  // the retransmission was needless
    CHECK(transfer.count(CounterIndex::dsacks_in) == 1);
    CHECK(transfer.count(CounterIndex::spurious_recoveries) == 0);
    CHECK(transfer.window() < 9);
  }
}
