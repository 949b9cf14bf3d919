// Reassembly: what is put together, what is not, and how much it may hold meanwhile (RFC 791, RFC 815,
// RFC 1858, RFC 3168 5.3, RFC 5722, RFC 6946, RFC 7112, RFC 8200 4.5).
#include "dataplane/net/fragments.h"

#include <catch2/catch_test_macros.hpp>
#include <numeric>
#include <random>

#include "dataplane/net/parse.h"
#include "tests/unit/dataplane/net/fragment_bench.h"

using namespace byway;
using namespace byway::net;
using namespace byway::net::test;

namespace {

struct Bench {
  HeapProvider heap;
  Instant now{1'000'000'000'000};
  TimerWheel wheel{now};
  OwnCounters<Counter> counters;
  Fragments fragments{heap, wheel, counters.block, 0x5eed'5eed'5eed'5eedULL};
  Slice whole;

  ~Bench() {
    whole = Slice();
    CHECK(heap.live() <= fragments.datagram_count());
  }
  DropReason add(const Piece& piece) {
    // Exactly as long as the frame, so that the sanitizer sees a byte too far.
    const std::unique_ptr<std::uint8_t[]> exact(new std::uint8_t[piece.frame.size()]);
    std::memcpy(exact.get(), piece.frame.data(), piece.frame.size());
    whole = Slice();
    return fragments.add(piece.fragment, {exact.get(), piece.frame.size()}, now, whole);
  }
  /// Whether the piece was the last one that was missing of `original`.
  bool completes(const Piece& piece, const Original& original) {
    REQUIRE(add(piece) == DropReason::none);
    if (whole.empty()) return false;
    REQUIRE(Octets(whole.bytes().begin(), whole.bytes().end()) == whole_of(original));
    return true;
  }
  void advance(Nanoseconds time) {
    now = now + time;
    while (wheel.advance(now, 1024) == 1024) {
    }
  }
  [[nodiscard]] std::uint64_t count(Counter counter) const { return counters.block.value(counter); }
};

Original v4_packet(std::uint32_t bytes = 1480) {
  Original original;
  original.payload = payload_of(bytes);
  return original;
}
Original v6_packet(std::uint32_t bytes = 1440) {
  Original original = v4_packet(bytes);
  original.source = v6_host(1, 2);
  original.destination = v6_host(1, 1);
  original.identification = 0xdeadbeef;
  return original;
}
const auto both = [] { return std::array{v4_packet(), v6_packet()}; };

}  // namespace

TEST_CASE("pieces make the packet that was cut, in whatever order they come") {
  for (const Original& original : both()) {
    const std::vector<Piece> pieces = cut(original, 296);
    REQUIRE(pieces.size() == 5);
    std::vector<std::size_t> order(pieces.size());
    std::iota(order.begin(), order.end(), 0u);
    do {
      Bench bench;
      for (std::size_t i = 0; i < order.size(); ++i) {
        CHECK(bench.completes(pieces[order[i]], original) == (i + 1 == order.size()));
      }
      CHECK(bench.fragments.datagram_count() == 0);
      CHECK(bench.wheel.armed_count() == 0);
      CHECK(bench.heap.live() == 1);
    } while (std::ranges::next_permutation(order).found);
  }
}

TEST_CASE("what is put together is a frame that is understood like any other") {
  Bench bench;
  const Original original = v4_packet();
  for (const Piece& piece : cut(original, 800)) REQUIRE(bench.add(piece) == DropReason::none);
  RxFrame frame;
  frame.bytes = bench.whole.share();
  store_be16(const_cast<std::uint8_t*>(frame.bytes.data()) + 12, static_cast<std::uint16_t>(EtherType::ipv4));
  std::memset(const_cast<std::uint8_t*>(frame.bytes.data()), 2, 12);
  FrameView view;
  CHECK(parse_frame(frame, view) == DropReason::none);
  CHECK(view.ipv4.total_bytes == 1500);
}

TEST_CASE("pieces of any cut, with duplicates among them, make the packet") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const auto bytes = static_cast<std::uint32_t>(40 + random() % (fragment_payload_bytes_max - 39));
    const Original original = round % 2 == 0 ? v4_packet(bytes) : v6_packet(bytes);
    std::vector<Piece> pieces;
    for (std::uint32_t first = 0; first < bytes;) {
      const std::uint32_t end =
          std::min<std::uint32_t>(bytes, first + 24 + static_cast<std::uint32_t>(random() % 40) * 8);
      pieces.push_back(piece_of(original, first, end, end < bytes));
      first = end;
    }
    if (pieces.size() < 2) continue;
    std::ranges::shuffle(pieces, random);
    const Piece last = pieces.back();
    pieces.pop_back();
    Bench bench;
    for (const Piece& piece : pieces) {
      CHECK_FALSE(bench.completes(piece, original));
      CHECK(bench.add(piece) == DropReason::fragment_duplicate);
    }
    CHECK(bench.completes(last, original));
  }
}

TEST_CASE("a piece that overlaps another by a byte ends its datagram, which the rest cannot complete") {
  for (const Original& original : both()) {
    const std::vector<Piece> pieces = cut(original, 400);
    const auto total = static_cast<std::uint32_t>(original.payload.size());
    struct Extent {
      std::uint32_t first;
      std::uint32_t end;
      bool more;
    };
    // Into the second piece from the left, from the right, around it; beyond the end; a second end.
    for (const Extent bad :
         {Extent{392, 408, true}, Extent{792, 808, true}, Extent{392, 808, true}, Extent{1200, total, true},
          Extent{1200, total - 8, false}, Extent{800, 1200, false}}) {
      Bench bench;
      REQUIRE(bench.add(pieces[1]) == DropReason::none);
      REQUIRE(bench.add(pieces.back()) == DropReason::none);
      CHECK(bench.add(piece_of(original, bad.first, bad.end, bad.more)) == DropReason::fragment_overlap);
      CHECK(bench.heap.live() == 0);
      for (const Piece& piece : pieces) {
        CHECK(bench.add(piece) == DropReason::fragment_given_up);
        CHECK(bench.whole.empty());
      }
      CHECK(bench.fragments.datagram_count() == 1);
    }
  }
}

TEST_CASE("an end before what has come ends the datagram too") {
  for (const Original& original : both()) {
    Bench bench;
    REQUIRE(bench.add(piece_of(original, 800, 1200, true)) == DropReason::none);
    CHECK(bench.add(piece_of(original, 400, 700, false)) == DropReason::fragment_overlap);
  }
}

TEST_CASE("a piece that comes again with another byte ends its datagram") {
  for (const Original& original : both()) {
    Original forged = original;
    forged.payload[450] ^= 1;
    Bench bench;
    REQUIRE(bench.add(piece_of(original, 400, 800, true)) == DropReason::none);
    REQUIRE(bench.add(piece_of(original, 448, 456, true)) == DropReason::fragment_duplicate);
    CHECK(bench.add(piece_of(forged, 400, 800, true)) == DropReason::fragment_overlap);
  }
}

TEST_CASE("a datagram that was given up may come again when its time is over") {
  for (const Original& original : both()) {
    Bench bench;
    REQUIRE(bench.add(piece_of(original, 0, 400, true)) == DropReason::none);
    REQUIRE(bench.add(piece_of(original, 392, 800, true)) == DropReason::fragment_overlap);
    bench.advance(original.source.is_v4() ? fragment_time_v4 + 1s : fragment_time_v6 + 1s);
    CHECK(bench.fragments.datagram_count() == 0);
    const std::vector<Piece> pieces = cut(original, 800);
    CHECK_FALSE(bench.completes(pieces[0], original));
    CHECK(bench.completes(pieces[1], original));
  }
}

TEST_CASE("a first piece without the whole transport header is refused, and its datagram with it") {
  for (Original original : both()) {
    const bool v4 = original.source.is_v4();
    original.payload[12] = 0x80;  // 32 bytes of TCP header
    CHECK(Bench().add(piece_of(original, 0, 8, true)) == DropReason::fragment_header);
    CHECK(Bench().add(piece_of(original, 0, 16, true)) == DropReason::fragment_header);
    CHECK(Bench().add(piece_of(original, 0, 24, true)) == DropReason::fragment_header);
    CHECK(Bench().add(piece_of(original, 0, 32, true)) == DropReason::none);
    Original echo = original;
    echo.protocol = v4 ? icmp : icmpv6;
    CHECK(Bench().add(piece_of(echo, 0, 8, true)) == DropReason::none);

    Bench bench;
    REQUIRE(bench.add(piece_of(original, 24, 400, true)) == DropReason::none);
    CHECK(bench.add(piece_of(original, 0, 24, true)) == DropReason::fragment_header);
    CHECK(bench.heap.live() == 0);
    CHECK(bench.add(piece_of(original, 0, 400, true)) == DropReason::fragment_given_up);
  }
}

TEST_CASE("a later piece cannot write over the transport header of the first") {
  for (const Original& original : both()) {
    Bench bench;
    REQUIRE(bench.add(piece_of(original, 0, 400, true)) == DropReason::none);
    Original forged = original;
    forged.payload[13] ^= 0x02;  // SYN
    CHECK(bench.add(piece_of(forged, 8, 400, true)) == DropReason::fragment_overlap);
  }
}

TEST_CASE("no memory is held for protocols that nobody here has") {
  for (Original original : both()) {
    for (const std::uint8_t protocol : {udp, std::uint8_t{60}, original.source.is_v4() ? icmpv6 : icmp}) {
      original.protocol = protocol;
      Bench bench;
      CHECK(bench.add(piece_of(original, 0, 400, true)) == DropReason::ip_protocol);
      CHECK(bench.fragments.datagram_count() == 0);
    }
  }
}

TEST_CASE("empty pieces, and pieces of a length or at a place that fits no other, are refused alone") {
  for (const Original& original : both()) {
    Bench bench;
    const std::vector<Piece> pieces = cut(original, 800);
    REQUIRE(bench.add(pieces[0]) == DropReason::none);
    CHECK(bench.add(piece_of(original, 800, 801, true)) == DropReason::fragment_malformed);
    CHECK(bench.add(piece_of(original, 800, 800, true)) == DropReason::fragment_malformed);
    CHECK(bench.add(piece_of(original, 800, 800, false)) == DropReason::fragment_malformed);
    CHECK(bench.add(piece_of(original, 801, 900, false)) == DropReason::fragment_malformed);
    CHECK(bench.completes(pieces[1], original));
  }
}

TEST_CASE("a packet beyond one buffer is refused, one that just fits is not") {
  for (Original original : both()) {
    original.payload = payload_of(fragment_payload_bytes_max);
    Bench bench;
    const std::vector<Piece> fit = cut(original, 1000);
    REQUIRE(fit.size() == 2);
    CHECK_FALSE(bench.completes(fit[0], original));
    CHECK(bench.completes(fit[1], original));

    original.payload = payload_of(65'536);
    for (const std::uint32_t first : {fragment_payload_bytes_max / 8 * 8, 8000u, 65'512u}) {
      REQUIRE(bench.add(fit[0]) == DropReason::none);
      CHECK(bench.add(piece_of(original, first, first + 16, true)) == DropReason::fragment_size);
      CHECK(bench.heap.live() == 0);
      CHECK(bench.add(fit[1]) == DropReason::fragment_given_up);
      bench.advance(2 * fragment_time_v6);
    }
    CHECK(bench.add(piece_of(original, 65'528, 65'536, false)) == DropReason::fragment_size);
    CHECK(bench.fragments.datagram_count() == 0);
  }
}

TEST_CASE("an atomic fragment is a packet by itself, whatever waits under its identification") {
  Bench bench;
  const Original original = v6_packet(1000);
  REQUIRE(bench.add(piece_of(original, 0, 400, true)) == DropReason::none);
  CHECK(bench.completes(piece_of(original, 0, 1000, false), original));
  Original tiny = v6_packet(16);
  CHECK(bench.add(piece_of(tiny, 0, 16, false)) == DropReason::fragment_header);
  // What waits still does.
  CHECK(bench.completes(piece_of(original, 400, 1000, false), original));
}

TEST_CASE("pieces of different datagrams are not mixed") {
  const Original base4 = v4_packet();
  const Original base6 = v6_packet();
  std::vector<Original> others;
  for (const Original& base : {base4, base6}) {
    others.push_back(base);
    others.push_back(base);
    others.back().identification ^= 1;
    others.push_back(base);
    others.back().source.bytes[15] ^= 4;
    others.push_back(base);
    others.back().destination.bytes[15] ^= 4;
  }
  others.push_back(base4);
  others.back().protocol = icmp;
  Bench bench;
  for (std::size_t i = 0; i < others.size(); ++i) {
    others[i].payload = payload_of(1000, static_cast<std::uint8_t>(i));
    REQUIRE_FALSE(bench.completes(cut(others[i], 600)[0], others[i]));
  }
  CHECK(bench.fragments.datagram_count() == others.size());
  for (const Original& original : others) CHECK(bench.completes(cut(original, 600)[1], original));
}

TEST_CASE("IPv6 goes by what the first piece says is in it") {
  Bench bench;
  const Original original = v6_packet();
  Original other = original;
  other.protocol = udp;
  const std::vector<Piece> pieces = cut(original, 800);
  REQUIRE(bench.add(cut(other, 800)[1]) == DropReason::none);
  CHECK(bench.completes(pieces[0], original));
}

TEST_CASE("the ECN field of the packet is what RFC 3168 makes of those of its pieces") {
  constexpr std::uint8_t dscp = 0x28;
  for (Original original : both()) {
    for (std::uint8_t first = 0; first < 4; ++first) {
      for (std::uint8_t second = 0; second < 4; ++second) {
        Bench bench;
        original.traffic_class = dscp | first;
        REQUIRE(bench.add(cut(original, 800)[0]) == DropReason::none);
        Original marked = original;
        marked.traffic_class = second;
        const DropReason reason = bench.add(cut(marked, 800)[1]);
        if ((first == 0) != (second == 0)) {
          CHECK(reason == DropReason::fragment_ecn);
          CHECK(bench.heap.live() == 0);
          continue;
        }
        REQUIRE(reason == DropReason::none);
        Original expected = original;
        if (second == 3) expected.traffic_class = dscp | 3;
        CHECK(Octets(bench.whole.bytes().begin(), bench.whole.bytes().end()) == whole_of(expected));
      }
    }
  }
}

TEST_CASE("pieces are waited for 30 s with IPv4 and 60 s with IPv6, from the first on") {
  for (const Original& original : both()) {
    const Nanoseconds time = original.source.is_v4() ? fragment_time_v4 : fragment_time_v6;
    const std::vector<Piece> pieces = cut(original, 600);
    Bench bench;
    REQUIRE(bench.add(pieces[0]) == DropReason::none);
    bench.advance(time - 1s);
    REQUIRE(bench.add(pieces[1]) == DropReason::none);
    CHECK(bench.fragments.datagram_count() == 1);
    bench.advance(1s + 100ms);
    CHECK(bench.fragments.datagram_count() == 0);
    CHECK(bench.heap.live() == 0);
    CHECK(bench.count(Counter::fragment_timeouts) == 1);
    CHECK_FALSE(bench.completes(pieces[2], original));
  }
}

TEST_CASE("more gaps than are kept end the datagram") {
  for (Original original : both()) {
    original.payload = payload_of(fragment_payload_bytes_max);
    Bench bench;
    for (std::uint32_t i = 0; i < fragment_ranges_max; ++i) {
      REQUIRE(bench.add(piece_of(original, 16 + i * 16, 24 + i * 16, true)) == DropReason::none);
    }
    CHECK(bench.add(piece_of(original, 16 + 16 * 16, 24 + 16 * 16, true)) == DropReason::fragment_ranges);
    CHECK(bench.heap.live() == 0);
  }
}

TEST_CASE("without a buffer a piece is dropped, and the next one may find one") {
  for (const Original& original : both()) {
    Bench bench;
    bench.heap.fail_after(0);
    CHECK(bench.add(cut(original, 800)[0]) == DropReason::fragment_no_memory);
    CHECK(bench.fragments.datagram_count() == 0);
    CHECK(bench.wheel.armed_count() == 0);
    bench.heap.fail_after(UINT64_MAX);
    CHECK_FALSE(bench.completes(cut(original, 800)[0], original));
    CHECK(bench.completes(cut(original, 800)[1], original));
  }
}

TEST_CASE("a source holds 16 datagrams; its oldest makes room, not those of others") {
  for (const Original& base : both()) {
    Bench bench;
    Original other = base;
    other.source = base.source.is_v4() ? v4_host(99) : v6_host(99, 2);
    REQUIRE_FALSE(bench.completes(cut(other, 800)[0], other));
    Original flood = base;
    for (std::uint32_t i = 0; i < 10'000; ++i) {
      flood.identification = i;
      // A /64 is one source.
      if (!flood.source.is_v4()) flood.source = v6_host(1, i);
      REQUIRE_FALSE(bench.completes(cut(flood, 800)[0], flood));
      REQUIRE(bench.fragments.datagram_count() <= fragment_datagrams_per_source_max + 1);
    }
    CHECK(bench.heap.live() == fragment_datagrams_per_source_max + 1);
    CHECK(bench.count(Counter::fragment_evictions) == 10'000 - fragment_datagrams_per_source_max);
    CHECK(bench.completes(cut(other, 800)[1], other));
    CHECK(bench.completes(cut(flood, 800)[1], flood));
  }
}

TEST_CASE("when all places are taken, sources that hold many make room first") {
  for (const Original& base : both()) {
    const auto host = [&](std::uint32_t i) {
      return base.source.is_v4() ? v4_host(i) : v6_host(static_cast<std::uint16_t>(i), 1);
    };
    Bench bench;
    Original flood = base;
    // The first of the flood's datagrams are older than the honest one.
    for (std::uint32_t i = 0; i < 8; ++i) {
      flood.source = host(1000);
      flood.identification = i;
      REQUIRE(bench.add(cut(flood, 800)[0]) == DropReason::none);
    }
    Original honest = base;
    honest.source = host(1);
    REQUIRE(bench.add(cut(honest, 800)[0]) == DropReason::none);
    for (std::uint32_t i = 0; i < 100'000; ++i) {
      flood.source = host(1000 + i % 25);
      flood.identification = 100 + i;
      REQUIRE(bench.add(cut(flood, 800)[0]) == DropReason::none);
      REQUIRE(bench.fragments.datagram_count() <= fragment_datagrams_max);
    }
    CHECK(bench.fragments.datagram_count() == fragment_datagrams_max);
    CHECK(bench.completes(cut(honest, 800)[1], honest));
  }
}

TEST_CASE("a flood of as many sources as datagrams leaves the newest 200 to complete") {
  Bench bench;
  const auto packet_of = [](std::uint32_t i) {
    Original original = v6_packet();
    original.source = v6_host(static_cast<std::uint16_t>(i), i);
    return original;
  };
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    REQUIRE(bench.add(cut(packet_of(i), 800)[0]) == DropReason::none);
    if (i < 200 || i % 10 != 0) continue;
    const Original honest = packet_of(i - 200);
    REQUIRE(bench.completes(cut(honest, 800)[1], honest));
  }
  CHECK(bench.fragments.datagram_count() <= fragment_datagrams_max);
  bench.whole = Slice();
  CHECK(bench.heap.live() == bench.fragments.datagram_count());
}
