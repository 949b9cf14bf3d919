#include <catch2/catch_test_macros.hpp>

#include "dataplane/tcp/prr.h"

using namespace byway;
using namespace byway::tcp;

namespace {

constexpr Bytes mss = 1000;

/// What may be sent after an ACK, beside what is in the network.
Bytes send_of(Prr& prr, Bytes delivered, Bytes pipe, Bytes threshold, bool progress = false) {
  return prr.on_ack(delivered, pipe, threshold, mss, progress) - pipe;
}

}  // namespace

TEST_CASE("one of 20 segments lost, window to 10: one segment is sent for two that arrive (RFC 6937 3)") {
  Prr prr;
  prr.start(20 * mss);
  // The duplicate ACKs of segments 1 to 19. The ACK that shows the loss lets the retransmission go at once.
  Bytes pipe = 18 * mss;  // 20 without the lost one and the one that arrived
  Bytes sent = 0;
  for (int arrived = 1; arrived <= 19; ++arrived) {
    const Bytes send = send_of(prr, mss, pipe, 10 * mss);
    if (pipe > 10 * mss) {
      CHECK(sent + send == std::max<Bytes>((static_cast<Bytes>(arrived) * mss + 1) / 2, mss));
    }
    for (Bytes left = send; left >= mss; left -= mss) {  // whole segments only
      prr.on_sent(mss);
      sent += mss;
      pipe += mss;
    }
    pipe -= mss;
    CHECK(sent <= (static_cast<Bytes>(arrived) + 1) / 2 * mss + mss);
  }
  CHECK(sent >= 9 * mss);
  CHECK(sent <= 10 * mss);
}

TEST_CASE("the proportional part is rounded up, so that what is owed goes out in time") {
  Prr prr;
  prr.start(3 * mss);
  prr.on_sent(mss);
  // 2000 x 2000 / 3000 = 1333.3 -> 1334, and 1000 have gone.
  CHECK(send_of(prr, 2 * mss, 2 * mss + 1, 2 * mss) == 334);
}

TEST_CASE("below the threshold no more is sent than has arrived, while further losses show") {
  Prr prr;
  prr.start(20 * mss);
  prr.on_sent(4 * mss);
  // Many were lost at once: 4 arrived, 4 went, 2 arrive now, and there is room for 7.
  CHECK(send_of(prr, 4 * mss, 12 * mss, 10 * mss) == 0);  // above: 4 x 10 / 20 - 4 < 0
  CHECK(send_of(prr, 2 * mss, 3 * mss, 10 * mss) == 2 * mss);
}

TEST_CASE("below the threshold an ACK that shows progress and no loss adds one segment (slow start)") {
  Prr prr;
  prr.start(20 * mss);
  prr.on_sent(10 * mss);
  CHECK(send_of(prr, 2 * mss, 3 * mss, 10 * mss, true) == 3 * mss);
}

TEST_CASE("what arrived and was not answered may be sent later") {
  Prr prr;
  prr.start(20 * mss);
  prr.on_sent(mss);
  CHECK(send_of(prr, 4 * mss, 9 * mss, 10 * mss) == mss);  // up to the threshold
  CHECK(send_of(prr, 0, 2 * mss, 10 * mss) == 3 * mss);    // 4 arrived, 1 went
}

TEST_CASE("the window never rises above the threshold by more than a first retransmission") {
  Prr prr;
  prr.start(20 * mss);
  CHECK(send_of(prr, mss, 10 * mss, 10 * mss) == mss);  // nothing has gone: the fast retransmit
  prr.on_sent(mss);
  CHECK(send_of(prr, 9 * mss, 10 * mss, 10 * mss, true) == 0);
  CHECK(send_of(prr, 9 * mss, 9 * mss, 10 * mss, true) == mss);
}

TEST_CASE("lost ACKs do not stop it: what a later one says of many counts at once") {
  Prr prr;
  prr.start(20 * mss);
  prr.on_sent(mss);
  CHECK(send_of(prr, 12 * mss, 11 * mss, 10 * mss) == 5 * mss);  // 12 x 10 / 20 - 1
}

TEST_CASE("a new recovery begins at nothing") {
  Prr prr;
  prr.start(20 * mss);
  static_cast<void>(prr.on_ack(15 * mss, 15 * mss, 10 * mss, mss, false));
  prr.on_sent(7 * mss);
  prr.start(10 * mss);
  CHECK(send_of(prr, 0, 8 * mss, 5 * mss) == mss);
  prr.on_sent(mss);
  CHECK(send_of(prr, 4 * mss, 7 * mss, 5 * mss) == mss);  // 4 x 5 / 10 - 1
}

TEST_CASE("octets beyond 4 GiB divided by the flight do not overflow") {
  Prr prr;
  prr.start(1u << 30);
  prr.on_sent(mss);
  CHECK(send_of(prr, 1u << 29, (1u << 29) + mss, 1u << 29) == (1u << 28) - mss);
}
