// Finding losses and repairing them on a whole connection, whose peer reports by SACK. The round trip is
// 100 ms, so the first time-out comes after 300 ms and a tail loss probe after 200 ms.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/unit/dataplane/tcp/transfer.h"

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

// ---- One recovery ----------------------------------------------------------------------------------------

TEST_CASE("a loss is repaired when three segments behind it have arrived, and the window comes down once") {
  Transfer transfer;
  CHECK(transfer.after(100ms).empty());
  CHECK(transfer.ack(0, {{1, 2}}) == Numbers{10});  // limited transmit (RFC 3042)
  CHECK(transfer.ack(0, {{1, 3}}) == Numbers{11});
  CHECK(transfer.ack(0, {{1, 4}}).at(0) == 0);
  CHECK(transfer.info().phase == Phase::recovery);
  CHECK(transfer.count(CounterIndex::fast_retransmits) == 1);
  for (std::uint32_t i = 5; i <= 10; ++i) transfer.ack(0, {{1, i}});
  transfer.after(100ms);
  transfer.ack(transfer.next());
  CHECK(transfer.info().phase == Phase::open);
  CHECK(transfer.count(CounterIndex::retransmitted_segments) == 1);
  CHECK(transfer.count(CounterIndex::retransmit_timeouts) == 0);
  CHECK(transfer.info().ssthresh == Catch::Approx(12 * transfer.mss * 0.7).margin(transfer.mss * 0.01));
}

TEST_CASE("a recovery ends at the window of the threshold") {
  Transfer transfer(10);
  transfer.after(100ms);
  REQUIRE(transfer.ack(0, {{1, 10}}) == Numbers{0});
  transfer.write(50);
  transfer.flush();
  transfer.after(100ms);
  transfer.ack(11);
  CHECK(transfer.info().phase == Phase::open);
  CHECK(transfer.info().ssthresh == Catch::Approx(7 * transfer.mss).margin(1));
  CHECK(transfer.window() == Catch::Approx(7).margin(0.3));  // and what this ACK adds
}

TEST_CASE("all losses of a window are repaired in one round trip, in order, each once") {
  Transfer transfer(10);
  transfer.after(100ms);
  Numbers again = transfer.ack(0, {{1, 2}});
  for (const auto& more :
       {transfer.ack(0, {{4, 5}, {1, 2}}), transfer.ack(0, {{4, 6}, {1, 2}}),
        transfer.ack(0, {{7, 8}, {4, 6}, {1, 2}}), transfer.ack(0, {{7, 10}, {4, 6}, {1, 2}})}) {
    again.insert(again.end(), more.begin(), more.end());
  }
  CHECK(again == Numbers{0, 2, 3, 6});
  transfer.after(100ms);
  CHECK(transfer.ack(10).empty());
  CHECK(transfer.count(CounterIndex::retransmit_timeouts) == 0);
  CHECK(transfer.count(CounterIndex::fast_retransmits) == 1);
}

TEST_CASE("an ACK of a part does not end a recovery, nor reduces the window again (RFC 6675 5)") {
  Transfer transfer;
  transfer.after(100ms);
  transfer.ack(0, {{1, 5}, {6, 10}});
  REQUIRE(transfer.info().phase == Phase::recovery);
  const Bytes threshold = transfer.info().ssthresh;
  transfer.after(100ms);
  transfer.ack(5, {{6, 10}});
  CHECK(transfer.info().phase == Phase::recovery);
  transfer.ack(9);
  CHECK(transfer.info().phase == Phase::recovery);
  transfer.ack(10);
  CHECK(transfer.info().phase == Phase::open);
  CHECK(transfer.info().ssthresh == threshold);
  CHECK(transfer.count(CounterIndex::fast_retransmits) == 1);
}

TEST_CASE("without SACK an ACK of a part shows the next loss (RFC 6582 3.2)") {
  PeerOptions options = Transfer::with_sack();
  options.sack = false;
  Transfer transfer(10, options);
  transfer.after(100ms);
  transfer.ack(0);
  transfer.ack(0);
  REQUIRE(transfer.ack(0) == Numbers{0});
  for (int i = 0; i < 4; ++i) CHECK(transfer.ack(0).empty());
  transfer.after(100ms);
  CHECK(transfer.ack(4) == Numbers{4});
  transfer.after(100ms);
  CHECK(transfer.ack(7) == Numbers{7});
  transfer.after(100ms);
  CHECK(transfer.ack(10).empty());
  CHECK(transfer.count(CounterIndex::retransmit_timeouts) == 0);
  CHECK(transfer.count(CounterIndex::fast_retransmits) == 1);
}

TEST_CASE("while a loss is repaired, no more is sent than the lower window's share of what arrives") {
  Transfer transfer;
  std::uint32_t acked = 0;
  for (int round = 0; round < 2; ++round) {  // a window of 40
    transfer.after(100ms);
    const std::uint32_t end = acked + static_cast<std::uint32_t>(transfer.info().in_flight / transfer.mss);
    while (acked < end) transfer.ack(++acked);
  }
  REQUIRE(transfer.window() == Catch::Approx(40).margin(0.01));
  const std::uint32_t lost = acked;  // the first of 40
  transfer.after(100ms);
  std::size_t sent = 0;
  std::size_t behind_first = 0;
  for (std::uint32_t i = 2; i <= 40; ++i) {
    CAPTURE(i);
    const Numbers now = transfer.ack(lost, {{lost + 1, lost + i}});
    if (transfer.info().phase != Phase::recovery) continue;
    sent += now.size();
    ++behind_first;
    const auto share = static_cast<std::size_t>(std::ceil(static_cast<double>(behind_first) * 0.7)) + 1;
    const ConnectionInfo info = transfer.info();
    const bool is_down = info.in_flight - info.sacked - info.lost <= info.ssthresh + transfer.mss;
    CHECK((sent <= share || is_down));
    CHECK(sent + 3 >= share);
  }
  CHECK(sent > 20);
  const ConnectionInfo info = transfer.info();
  CHECK(info.in_flight - info.sacked - info.lost <= info.ssthresh + transfer.mss);
}

TEST_CASE("the end of the last recovery stays behind what is acknowledged for any number of octets") {
  Flight flight(Seq{1000});
  flight.recover = Seq{5000};
  flight.keep_recover_near(Seq{2000});
  CHECK(flight.recover == Seq{5000});
  flight.keep_recover_near(Seq{5000});
  CHECK_FALSE(Seq{5000} > flight.recover);
  Seq una{5001};
  for (int i = 0; i < 32; ++i, una += 1u << 28) {
    flight.keep_recover_near(una);
    CHECK(una > flight.recover);
  }
}

// ---- RACK ------------------------------------------------------------------------------------------------

TEST_CASE("fewer than three segments behind a hole show a loss a quarter round trip later (RFC 8985 6.2)") {
  Transfer transfer(3);
  transfer.after(100ms);
  CHECK(transfer.ack(0, {{1, 3}}).empty());
  CHECK(transfer.after(24ms).empty());
  CHECK(transfer.after(2ms) == Numbers{0});
  CHECK(transfer.count(CounterIndex::fast_retransmits) == 1);
  CHECK(transfer.count(CounterIndex::retransmit_timeouts) == 0);
}

TEST_CASE("what comes late by less than a quarter round trip is not sent again") {
  Transfer transfer(3);
  transfer.after(100ms);
  CHECK(transfer.ack(0, {{1, 3}}).empty());
  CHECK(transfer.after(20ms).empty());
  CHECK(transfer.ack(3).empty());
  CHECK(transfer.after(1s).empty());
  CHECK(transfer.count(CounterIndex::retransmitted_segments) == 0);
}

TEST_CASE("a retransmission that is lost is found by what was sent after it") {
  Transfer transfer;
  transfer.after(100ms);
  const Numbers sent = transfer.ack(0, {{1, 10}});
  REQUIRE(sent.at(0) == 0);
  REQUIRE(sent.at(1) == 10);
  transfer.after(100ms);
  CHECK(transfer.ack(0, {{1, 11}}).at(0) == 0);
  CHECK(transfer.count(CounterIndex::retransmitted_segments) == 2);
  CHECK(transfer.count(CounterIndex::retransmit_timeouts) == 0);
}

TEST_CASE("a retransmission that arrives shows that the tail before it was lost") {
  Transfer transfer(10);
  transfer.after(100ms);
  REQUIRE(transfer.ack(0, {{1, 9}}) == Numbers{0});
  transfer.after(100ms);
  CHECK(transfer.ack(9) == Numbers{9});
  CHECK(transfer.count(CounterIndex::retransmit_timeouts) == 0);
}

// ---- Tail loss probes ------------------------------------------------------------------------------------

TEST_CASE("the loss of the tail is found by a probe: the last segment again (RFC 8985 7.3)") {
  Transfer transfer(5);
  transfer.after(100ms);
  transfer.ack(3);
  CHECK(transfer.after(198ms).empty());
  CHECK(transfer.after(5ms) == Numbers{4});
  CHECK(transfer.count(CounterIndex::tail_loss_probes) == 1);
  transfer.after(100ms);
  CHECK(transfer.ack(3, {{4, 5}}) == Numbers{3});  // by RACK: it left long before the probe
  CHECK(transfer.count(CounterIndex::retransmit_timeouts) == 0);
}

TEST_CASE("a probe is new data where there is some, beside the window") {
  Transfer transfer;
  CHECK(transfer.after(198ms).empty());
  CHECK(transfer.after(5ms) == Numbers{10});
  CHECK(transfer.count(CounterIndex::tail_loss_probes) == 1);
  CHECK(transfer.count(CounterIndex::retransmitted_segments) == 0);
  CHECK(transfer.info().in_flight == 11 * transfer.mss);
}

TEST_CASE("a probe waits for the ACK that the peer may hold back when one segment is out") {
  Transfer transfer(1);
  CHECK(transfer.after(245ms).empty());
  CHECK(transfer.after(8ms) == Numbers{0});
  CHECK(transfer.count(CounterIndex::tail_loss_probes) == 1);
}

TEST_CASE("one probe is sent, then comes the time-out") {
  Transfer transfer(2);
  REQUIRE(transfer.after(203ms) == Numbers{1});
  CHECK(transfer.after(290ms).empty());
  CHECK(transfer.after(20ms) == Numbers{0});
  CHECK(transfer.count(CounterIndex::tail_loss_probes) == 1);
  CHECK(transfer.count(CounterIndex::retransmit_timeouts) == 1);
}

TEST_CASE("an ACK that comes before a due probe leaves is the answer that it would have asked for") {
  Transfer transfer(10);
  transfer.bench.advance(203ms);
  CHECK(transfer.ack(9).empty());
  CHECK(transfer.count(CounterIndex::tail_loss_probes) == 0);
}

TEST_CASE("a loss that a probe repaired reduces the window (RFC 8985 7.4.2)") {
  for (const bool more_is_out : {true, false}) {
    CAPTURE(more_is_out);
    Transfer transfer(10);
    transfer.after(100ms);
    transfer.ack(9);
    REQUIRE(transfer.after(260ms) == Numbers{9});
    transfer.write(3);
    REQUIRE(transfer.flush() == Numbers{10, 11, 12});
    const double before = transfer.window();
    transfer.after(100ms);
    transfer.ack(more_is_out ? 12 : 13);
    CHECK(transfer.count(CounterIndex::probe_repairs) == 1);
    CHECK(transfer.window() < before);
  }
}

TEST_CASE("a loss that a probe repaired at the end of a flight reduces the window in the next one") {
  Transfer transfer(10);
  transfer.after(100ms);
  transfer.ack(9);
  REQUIRE(transfer.after(260ms) == Numbers{9});
  transfer.after(100ms);
  transfer.ack(10);
  REQUIRE(transfer.window() >= 10);
  transfer.write(10);
  REQUIRE(transfer.flush().size() == 10);
  transfer.after(100ms);
  transfer.ack(20);
  CHECK(transfer.count(CounterIndex::probe_repairs) == 1);
  CHECK(transfer.window() == Catch::Approx(7).margin(1));
}

TEST_CASE("a probe that was needless reduces nothing: a DSACK or an ACK without news tells") {
  for (const int how : {0, 1}) {
    CAPTURE(how);
    Transfer transfer(10);
    transfer.after(100ms);
    transfer.ack(9);
    REQUIRE(transfer.after(260ms) == Numbers{9});
    transfer.write(3);
    REQUIRE(transfer.flush().size() == 3);
    transfer.ack(10);
    if (how == 0) {
      transfer.ack(10, {{9, 10}});
    } else {
      transfer.ack(10);
    }
    const double before = transfer.window();
    transfer.after(100ms);
    transfer.ack(12);
    CHECK(transfer.count(CounterIndex::probe_repairs) == 0);
    CHECK(transfer.window() >= before);
  }
}

TEST_CASE("data of the peer is no sign that a probe was needless") {
  Transfer transfer(10);
  transfer.after(100ms);
  transfer.ack(9);
  REQUIRE(transfer.after(260ms) == Numbers{9});
  transfer.write(3);
  REQUIRE(transfer.flush().size() == 3);
  transfer.ack(10);
  transfer.peer->send(std::vector<std::uint8_t>(100, 1));
  transfer.flush();
  transfer.after(100ms);
  transfer.ack(12);
  CHECK(transfer.count(CounterIndex::probe_repairs) == 1);
}

// ---- Time-outs -------------------------------------------------------------------------------------------

TEST_CASE("after a time-out all that was out is sent again in slow start") {
  Transfer transfer(10);
  REQUIRE(transfer.after(203ms) == Numbers{9});  // the probe
  REQUIRE(transfer.after(305ms) == Numbers{0});
  CHECK(transfer.info().phase == Phase::timeout);
  CHECK(transfer.info().cwnd == transfer.mss);
  CHECK(transfer.info().ssthresh == Catch::Approx(7 * transfer.mss).margin(1));
  transfer.after(100ms);
  CHECK(transfer.ack(1) == Numbers{1, 2});
  transfer.after(100ms);
  CHECK(transfer.ack(3) == Numbers{3, 4, 5, 6});
  transfer.after(100ms);
  CHECK(transfer.ack(7) == Numbers{7, 8, 9});
  CHECK(transfer.info().phase == Phase::timeout);
  transfer.after(100ms);
  CHECK(transfer.ack(10).empty());
  CHECK(transfer.info().phase == Phase::open);
}

TEST_CASE("a time-out sends the first segment again, and leaves alone what has just been sent") {
  Transfer transfer(2);
  REQUIRE(transfer.after(203ms) == Numbers{1});  // the probe, and the time-out 300 ms later
  transfer.bench.advance(250ms);
  transfer.write(1);
  REQUIRE(transfer.flush() == Numbers{2});
  REQUIRE(transfer.after(55ms) == Numbers{0});
  CHECK(transfer.info().lost == transfer.mss);  // the second: the third left 55 ms ago
}

TEST_CASE("a peer that lets go of what it has SACKed gets it again (RFC 2018 8)") {
  Transfer transfer(10);
  transfer.after(100ms);
  REQUIRE(transfer.ack(0, {{1, 10}}) == Numbers{0});
  transfer.after(100ms);
  CHECK(transfer.ack(1).empty());  // and nothing of segments 1 to 9
  REQUIRE(transfer.info().sacked == 9 * transfer.mss);
  CHECK(transfer.after(1s).at(0) == 1);
  CHECK(transfer.info().sacked == 0);
  transfer.after(100ms);
  CHECK(transfer.ack(2) == Numbers{2, 3});
}

// ---- Taking back -----------------------------------------------------------------------------------------

TEST_CASE("DSACKs for all that was sent again show that nothing was lost, and the window is back") {
  Transfer transfer;
  transfer.after(100ms);
  const double before = transfer.window();
  REQUIRE(transfer.ack(0, {{2, 10}}).at(0) == 0);
  REQUIRE(transfer.count(CounterIndex::retransmitted_segments) == 2);
  REQUIRE(transfer.window() < before);
  transfer.after(30ms);
  transfer.ack(10);  // 0 and 1 had only been late
  transfer.after(70ms);
  transfer.ack(10, {{0, 1}});
  CHECK(transfer.count(CounterIndex::spurious_recoveries) == 0);  // the other one may have been lost
  transfer.ack(10, {{1, 2}});
  CHECK(transfer.count(CounterIndex::spurious_recoveries) == 1);
  CHECK(transfer.count(CounterIndex::dsacks_in) == 2);
  CHECK(transfer.window() >= before);
}

TEST_CASE("the DSACK of a probe does not take back a recovery that was needed") {
  Transfer transfer(10);
  transfer.after(100ms);
  REQUIRE(transfer.ack(0, {{1, 10}}) == Numbers{0});
  transfer.write(2);
  REQUIRE(transfer.flush() == Numbers{10, 11});
  transfer.after(100ms);
  transfer.ack(11);  // the recovery is over; 11 is late
  REQUIRE(transfer.info().phase == Phase::open);
  REQUIRE(transfer.after(400ms) == Numbers{11});
  transfer.write(3);
  REQUIRE_FALSE(transfer.flush().empty());
  transfer.ack(12, {{11, 12}});
  CHECK(transfer.count(CounterIndex::dsacks_in) == 1);
  CHECK(transfer.count(CounterIndex::spurious_recoveries) == 0);
}

TEST_CASE("an ACK whose timestamp is older than the retransmission takes the recovery back (RFC 3522)") {
  for (const bool is_older : {true, false}) {
    CAPTURE(is_older);
    Transfer transfer(150, Transfer::with_sack(true));
    const std::uint32_t original = transfer.peer->echo;
    const double before = transfer.window();
    transfer.after(100ms);
    REQUIRE(transfer.ack(0, {{1, 10}}).at(0) == 0);
    const std::uint32_t again = transfer.timestamp();
    transfer.after(100ms);
    transfer.peer->echo = is_older ? original : again;
    transfer.ack(10);
    CHECK(transfer.count(CounterIndex::spurious_recoveries) == (is_older ? 1 : 0));
    CHECK((transfer.window() >= before) == is_older);
    CHECK(transfer.info().phase == Phase::open);
  }
}

TEST_CASE("a time-out whose retransmission overtakes nothing is taken back by its timestamp") {
  Transfer transfer(10, Transfer::with_sack(true));
  REQUIRE(transfer.after(203ms) == Numbers{9});
  REQUIRE(transfer.after(305ms) == Numbers{0});
  transfer.after(10ms);
  CHECK(transfer.ack(5).empty());
  CHECK(transfer.count(CounterIndex::spurious_recoveries) == 1);
  CHECK(transfer.info().phase == Phase::open);
  CHECK(transfer.info().lost == 0);
  CHECK(transfer.window() >= 10);
}

TEST_CASE("without timestamps F-RTO sends new data first, and an ACK of what was out takes back (RFC 5682)") {
  Transfer transfer;
  REQUIRE(transfer.after(203ms) == Numbers{10});
  REQUIRE(transfer.after(305ms) == Numbers{0});
  CHECK(transfer.ack(1) == Numbers{11, 12});
  CHECK(transfer.info().phase == Phase::timeout);
  transfer.ack(2);
  CHECK(transfer.count(CounterIndex::spurious_recoveries) == 1);
  CHECK(transfer.info().phase == Phase::open);
  CHECK(transfer.window() >= 10);
  CHECK(transfer.count(CounterIndex::retransmitted_segments) == 1);
}

TEST_CASE("that F-RTO's new data arrives says nothing: the time-out was right, and slow start goes on") {
  Transfer transfer;
  REQUIRE(transfer.after(203ms) == Numbers{10});
  REQUIRE(transfer.after(305ms) == Numbers{0});
  REQUIRE(transfer.ack(1) == Numbers{11, 12});
  transfer.after(100ms);
  CHECK(transfer.ack(1, {{11, 12}}).at(0) == 1);
  CHECK(transfer.count(CounterIndex::spurious_recoveries) == 0);
  CHECK(transfer.info().phase == Phase::timeout);
  CHECK(transfer.window() < 7);
}

TEST_CASE("F-RTO does not wait for new data that the peer's window does not take") {
  Transfer transfer;
  transfer.peer->set_window(static_cast<std::uint16_t>((10 * transfer.mss + 127) / 128));
  transfer.ack(0);
  CHECK(transfer.after(203ms) == Numbers{9});
  REQUIRE(transfer.after(305ms) == Numbers{0});
  transfer.after(100ms);
  transfer.peer->set_window(static_cast<std::uint16_t>(9 * transfer.mss / 128));
  CHECK(transfer.ack(1) == Numbers{1, 2});
}
