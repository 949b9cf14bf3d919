// RACK by the steps of RFC 8985 6.2: segments of 1,000 octets, one a millisecond, times and sequence numbers
// near their wrap.
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "dataplane/tcp/rack.h"

using namespace byway;
using namespace byway::tcp;
using State = SentSegment::State;

namespace {

constexpr std::uint16_t bytes = 1000;
constexpr Micros rtt = 100'000;

struct Path {
  explicit Path(int count, Seq first = Seq{0xffff'f000}, Micros begin = 0xffff'ff00 - 2'000)
      : una(first), start(begin) {
    path.add_rtt(rtt, start);
    rack.start(first);
    for (int i = 0; i < count; ++i) {
      REQUIRE(sent.make_room(blocks));
      sent.push({first + static_cast<std::uint32_t>(i) * bytes, at_ms(i), bytes});
    }
  }
  ~Path() { sent.clear(blocks); }
  [[nodiscard]] Micros at_ms(int ms) const { return start + static_cast<Micros>(ms) * 1000; }
  SentSegments::Place place(int index) {
    return sent.find(sent.begin(), una + static_cast<std::uint32_t>(index) * bytes);
  }
  /// SACK of one segment, a round trip after it was sent, or at `now`.
  void sack(int index, Micros now, bool echoed_before = false) {
    const SentSegments::Place at = place(index);
    rack.on_delivered(*at, echoed_before, now, path);
    sent.set_state(at, State::sacked);
  }
  void sack(int index) { sack(index, place(index)->sent_at + rtt); }
  std::vector<int> lost() {
    std::vector<int> all;
    int i = 0;
    for (auto at = sent.begin(); at; ++at, ++i) {
      if (at->state == State::lost) all.push_back(i);
    }
    return all;
  }

  SentBlockSlab blocks{8};
  SentSegments sent;
  RackPath path;
  RackState rack;
  Seq una;
  Micros start;
};

using Lost = std::vector<int>;

}  // namespace

TEST_CASE("a segment is lost when one sent later by the reordering window has arrived") {
  Path path(10);
  path.sack(5);
  // Segment 0 left 5 ms before the one that arrived, segment 4 1 ms before.
  CHECK(path.rack.detect(path.sent, 5'001, path.start, path.at_ms(105)).wait == 4'001);
  CHECK(path.lost().empty());
  static_cast<void>(path.rack.detect(path.sent, 5'000, path.start, path.at_ms(105)).wait);
  CHECK(path.lost() == Lost{0});
  static_cast<void>(path.rack.detect(path.sent, 0, path.start, path.at_ms(105)).wait);
  CHECK(path.lost() == Lost{0, 1, 2, 3, 4});
}

TEST_CASE("what was sent after the newest that arrived is not lost, however long it takes") {
  Path path(10);
  path.sack(5);
  CHECK(path.rack.detect(path.sent, 0, path.start, path.at_ms(900)).wait == 0);
  CHECK(path.lost() == Lost{0, 1, 2, 3, 4});
}

TEST_CASE("of those sent at once the later in sequence left later") {
  Path path(0);
  for (std::uint32_t i = 0; i < 4; ++i) {
    REQUIRE(path.sent.make_room(path.blocks));
    path.sent.push({path.una + i * bytes, path.start, bytes});
  }
  path.sack(2);
  static_cast<void>(path.rack.detect(path.sent, 0, path.start, path.start + rtt).wait);
  CHECK(path.lost() == Lost{0, 1});
}

TEST_CASE("times and sequence numbers compare across their wrap") {
  CHECK(sent_after(0x10, Seq{1}, 0xffff'fff0, Seq{2}));
  CHECK_FALSE(sent_after(0xffff'fff0, Seq{2}, 0x10, Seq{1}));
  CHECK(sent_after(5, Seq{0x10}, 5, Seq{0xffff'fff0}));
  CHECK_FALSE(sent_after(5, Seq{0xffff'fff0}, 5, Seq{0x10}));
  CHECK_FALSE(sent_after(5, Seq{7}, 5, Seq{7}));
}

TEST_CASE("the timer runs until the last of those that were overtaken would be lost") {
  Path path(10);
  path.sack(5);
  const Micros now = path.at_ms(105);
  CHECK(path.rack.detect(path.sent, 25'000, path.start, now).wait ==
        24'000);  // segment 4 left 1 ms before segment 5
  CHECK(path.rack.detect(path.sent, 25'000, path.start, now + 23'999).wait == 1);
  CHECK(path.lost() == Lost{0, 1, 2, 3});
  CHECK(path.rack.detect(path.sent, 25'000, path.start, now + 24'000).wait == 0);
  CHECK(path.lost() == Lost{0, 1, 2, 3, 4});
}

TEST_CASE("before anything has arrived nothing is lost by time") {
  Path path(10);
  CHECK(path.rack.detect(path.sent, 0, path.start, path.at_ms(5000)).wait == 0);
  CHECK(path.lost().empty());
}

TEST_CASE("a lost retransmission is found by what was sent after it") {
  Path path(10);
  path.sack(5);
  static_cast<void>(path.rack.detect(path.sent, 0, path.start, path.at_ms(105)).wait);
  path.sent.set_sent_again(path.place(0), path.at_ms(106));
  REQUIRE(path.sent.make_room(path.blocks));
  path.sent.push({path.una + 10 * bytes, path.at_ms(107), bytes});
  path.sack(9, path.at_ms(109));
  static_cast<void>(path.rack.detect(path.sent, 0, path.start, path.at_ms(109)).wait);
  CHECK(path.place(0)->state == State::out);  // it left after segment 9
  path.sack(10, path.at_ms(207));
  static_cast<void>(path.rack.detect(path.sent, 0, path.start, path.at_ms(207)).wait);
  CHECK(path.place(0)->state == State::lost);
}

// ---- Step 2 ----------------------------------------------------------------------------------------------

TEST_CASE("an ACK that comes sooner than the shortest round trip is not for the retransmission") {
  for (const bool is_too_soon : {true, false}) {
    CAPTURE(is_too_soon);
    Path path(10);
    path.sent.set_sent_again(path.place(0), path.at_ms(50));
    path.sack(0, path.at_ms(50) + (is_too_soon ? rtt - 1 : rtt));
    static_cast<void>(path.rack.detect(path.sent, 0, path.start, path.at_ms(150)).wait);
    CHECK(path.lost().empty() == is_too_soon);
  }
}

TEST_CASE("an ACK whose timestamp is older than the retransmission is not for it") {
  for (const bool echoed_before : {true, false}) {
    CAPTURE(echoed_before);
    Path path(10);
    path.sent.set_sent_again(path.place(0), path.at_ms(50));
    path.sack(0, path.at_ms(200), echoed_before);
    static_cast<void>(path.rack.detect(path.sent, 0, path.start, path.at_ms(200)).wait);
    CHECK(path.lost().empty() == echoed_before);
  }
}

TEST_CASE("neither rule is for what was sent once") {
  Path path(10);
  path.sack(5, path.at_ms(5) + 10, true);
  CHECK(path.rack.rtt() == 10);
  static_cast<void>(path.rack.detect(path.sent, 0, path.start, path.at_ms(106)).wait);
  CHECK(path.lost() == Lost{0, 1, 2, 3, 4});
}

TEST_CASE("the newest that has arrived stays so when an older one arrives after it") {
  Path path(10);
  path.sack(5);
  path.sack(2, path.at_ms(106));
  static_cast<void>(path.rack.detect(path.sent, 0, path.start, path.at_ms(500)).wait);
  CHECK(path.lost() == Lost{0, 1, 3, 4});
}

// ---- Step 3 ----------------------------------------------------------------------------------------------

TEST_CASE("what was sent once and arrives behind its successors shows reordering") {
  Path path(10);
  path.sack(5);
  CHECK_FALSE(path.path.has_reordering());
  path.sack(6);
  CHECK_FALSE(path.path.has_reordering());
  path.sack(3, path.at_ms(107));
  CHECK(path.path.has_reordering());
}

TEST_CASE("a retransmission that fills a hole shows no reordering") {
  Path path(10);
  path.sack(5);
  path.sent.set_sent_again(path.place(3), path.at_ms(106));
  path.sack(3, path.at_ms(206));
  CHECK_FALSE(path.path.has_reordering());
}

// ---- Step 4 ----------------------------------------------------------------------------------------------

TEST_CASE("without reordering a loss that is certain waits for nothing, with it for a quarter round trip") {
  RackPath path;
  path.add_rtt(rtt, 1);
  CHECK(path.reordering_window(rtt, true) == 0);
  CHECK(path.reordering_window(rtt, false) == rtt / 4);
  path.on_reordering();
  CHECK(path.reordering_window(rtt, true) == rtt / 4);
  CHECK(path.reordering_window(rtt, false) == rtt / 4);
}

TEST_CASE("the reordering window is at most the smoothed round trip") {
  RackPath path;
  path.add_rtt(rtt, 1);
  path.on_reordering();
  CHECK(path.reordering_window(1'000, false) == 1'000);
  for (std::uint32_t i = 0; i < 300; ++i) path.on_dsack(Seq{i * 1000}, Seq{i * 1000});
  CHECK(path.reordering_window(rtt, false) == rtt);
  CHECK(path.reordering_window(100 * rtt, false) == 255 * (rtt / 4));  // the multiplier does not wrap
}

TEST_CASE("a DSACK widens the reordering window by a quarter round trip, once a round trip") {
  RackPath path;
  path.add_rtt(rtt, 1);
  path.on_reordering();
  path.on_dsack(Seq{1000}, Seq{5000});
  CHECK(path.reordering_window(10 * rtt, false) == 2 * (rtt / 4));
  path.on_dsack(Seq{2000}, Seq{6000});
  path.on_dsack(Seq{4999}, Seq{9000});
  CHECK(path.reordering_window(10 * rtt, false) == 2 * (rtt / 4));
  path.on_dsack(Seq{5000}, Seq{9000});
  CHECK(path.reordering_window(10 * rtt, false) == 3 * (rtt / 4));
}

TEST_CASE("a wide reordering window lasts for sixteen recoveries without a DSACK") {
  RackPath path;
  path.add_rtt(rtt, 1);
  path.on_reordering();
  path.on_dsack(Seq{1000}, Seq{5000});
  for (int i = 0; i < 10; ++i) path.on_recovery_end();
  path.on_dsack(Seq{5000}, Seq{9000});  // sixteen from here on
  for (int i = 0; i < 15; ++i) path.on_recovery_end();
  CHECK(path.reordering_window(10 * rtt, false) == 3 * (rtt / 4));
  path.on_recovery_end();
  CHECK(path.reordering_window(10 * rtt, false) == rtt / 4);
  for (int i = 0; i < 300; ++i) path.on_recovery_end();
  path.on_dsack(Seq{9000}, Seq{12'000});
  CHECK(path.reordering_window(10 * rtt, false) == 2 * (rtt / 4));
}

TEST_CASE("a DSACK counts as well when 3 GiB have gone by since the last one") {
  RackPath path;
  path.add_rtt(rtt, 1);
  path.on_reordering();
  path.on_dsack(Seq{1000}, Seq{5000});
  path.on_dsack(Seq{3u << 30}, Seq{(3u << 30) + 5000});
  CHECK(path.reordering_window(10 * rtt, false) == 3 * (rtt / 4));
}

// ---- The shortest round trip -----------------------------------------------------------------------------

TEST_CASE("the shortest round trip is remembered for minutes, not for ever") {
  constexpr Micros second = 1'000'000;
  MinimumRtt minimum;
  CHECK(minimum.value() == 0);
  const Micros begin = 0xffff'ff00;  // the clock wraps on the way
  minimum.add(100, begin);
  minimum.add(300, begin + 100 * second);
  CHECK(minimum.value() == 100);
  minimum.add(300, begin + 151 * second);
  CHECK(minimum.value() == 100);
  minimum.add(300, begin + 302 * second);
  CHECK(minimum.value() == 300);
  minimum.add(50, begin + 303 * second);
  CHECK(minimum.value() == 50);
}

// ---- 6.3 -------------------------------------------------------------------------------------------------

TEST_CASE("a time-out shows the first segment as lost, and those that have been out for a round trip") {
  Path path(10);
  path.sack(2);
  path.rack.mark_on_timeout(path.sent, 0, path.at_ms(105));
  CHECK(path.lost() == Lost{0, 1, 3, 4, 5});
  Path early(10);
  early.sack(2);
  early.rack.mark_on_timeout(early.sent, 50'000, early.at_ms(105));
  CHECK(early.lost() == Lost{0});
}

TEST_CASE("a time-out leaves alone what has arrived") {
  Path path(10);
  path.sack(2);
  path.rack.mark_on_timeout(path.sent, 0, path.at_ms(900));
  CHECK(path.lost() == Lost{0, 1, 3, 4, 5, 6, 7, 8, 9});
  CHECK(path.sent.sacked() == bytes);
}
