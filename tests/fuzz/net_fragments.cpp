// Any pieces of a few datagrams, in any order, contradicting each other or not: what is put together are the
// octets of pieces that were taken, nothing else; every bound holds, and every buffer and timer is given
// back.
//
// Input: records of record_bytes:
//
//   0    bits 0-1 which of four datagrams, 2 IPv4 or IPv6, 3 the last piece, 4-5 its octets are those of
//   which
//        of four contents, 6 no buffer is free, 7 time passes
//   1    bits 0-5 its offset in steps of 8 or 64 (bit 6), 7 offset and size are not rounded
//   2-3  size, modulo 2,000
//   4    traffic class
#include <cstdlib>
#include <map>

#include "tests/unit/dataplane/net/fragment_bench.h"

namespace {

using namespace byway;
using namespace byway::net;
using namespace byway::net::test;

constexpr std::size_t record_bytes = 5;

void require(bool condition) {
  if (!condition) std::abort();
}

/// What a datagram is to be.
struct Expected {
  Instant began;
  bool is_given_up = false;
  std::map<std::uint32_t, std::uint8_t> octets;  ///< By place.
};

/// No multiple of it is one of the times after which a datagram is forgotten.
constexpr Nanoseconds pause = 25s;

bool ends_datagram(DropReason reason) {
  return reason == DropReason::fragment_size || reason == DropReason::fragment_header ||
         reason == DropReason::fragment_overlap || reason == DropReason::fragment_ecn ||
         reason == DropReason::fragment_ranges;
}

struct World {
  HeapProvider heap;
  Instant now{};
  TimerWheel wheel{now};
  OwnCounters<Counter> counters;
  Fragments fragments{heap, wheel, counters.block, 1};
  std::map<std::uint8_t, Expected> expected;
  std::array<Octets, 4> contents;

  World() {
    for (std::uint8_t i = 0; i < 4; ++i) contents[i] = payload_of(4096, static_cast<std::uint8_t>(i / 2));
  }

  void step(std::span<const std::uint8_t> record) {
    const std::uint8_t which = record[0] & 7;
    Original original;
    if ((which & 4) != 0) {
      original.source = v6_host(1, 2);
      original.destination = v6_host(1, 1);
    }
    original.identification = which & 3;
    original.traffic_class = record[4];
    original.payload = contents[record[0] >> 4 & 3];
    std::uint32_t first = (record[1] & 63u) * ((record[1] & 64) != 0 ? 64 : 8);
    std::uint32_t size = static_cast<std::uint32_t>(record[2] << 8 | record[3]) % 2000;
    const bool more = (record[0] & 8) == 0;
    if ((record[1] & 128) == 0) {
      if (more) size = size / 8 * 8;
    } else {
      first += 3;
    }
    first = std::min(first, 2048u);
    if ((record[0] & 128) != 0) {
      now = now + pause;
      wheel.advance(now, UINT32_MAX);
      std::erase_if(expected, [this](const auto& each) {
        return now - each.second.began > ((each.first & 4) != 0 ? fragment_time_v6 : fragment_time_v4);
      });
      require(fragments.datagram_count() == expected.size());
    }
    heap.fail_after((record[0] & 64) != 0 ? 0 : UINT64_MAX);

    const Piece piece = piece_of(original, first, first + size, more);
    const std::unique_ptr<std::uint8_t[]> exact(new std::uint8_t[piece.frame.size()]);
    std::memcpy(exact.get(), piece.frame.data(), piece.frame.size());
    Slice whole;
    const DropReason reason = fragments.add(piece.fragment, {exact.get(), piece.frame.size()}, now, whole);
    if (piece.fragment.offset == 0 && !more) {  // atomic
      require((reason == DropReason::none) == !whole.empty());
      if (!whole.empty()) check(whole, piece.fragment, original.payload.data());
    } else {
      follow(which, original, piece.fragment, reason, whole);
    }
    require(fragments.datagram_count() == expected.size() && wheel.armed_count() == expected.size());
    require(heap.live() <= expected.size() + (whole.empty() ? 0u : 1u));
  }

  void follow(std::uint8_t which, const Original& original, const Fragment& fragment, DropReason reason,
              const Slice& whole) {
    const auto known = expected.find(which);
    if (reason != DropReason::none) {
      require(whole.empty());
      if (known != expected.end() && ends_datagram(reason)) known->second.is_given_up = true;
      return;
    }
    Expected& datagram = expected.try_emplace(which, Expected{now, false, {}}).first->second;
    require(!datagram.is_given_up);
    for (std::uint32_t i = 0; i < fragment.payload_bytes; ++i) {
      // What has come once does not come again.
      require(datagram.octets.emplace(fragment.offset + i, original.payload[fragment.offset + i]).second);
    }
    if (whole.empty()) return;
    Octets octets;
    for (const auto& [place, octet] : datagram.octets) {
      require(place == octets.size());
      octets.push_back(octet);
    }
    require(whole.size() == fragment.header_bytes + octets.size());
    check(whole, fragment, octets.data());
    expected.erase(which);
  }

  /// The headers say that it is whole; these octets are behind them.
  static void check(const Slice& whole, const Fragment& fragment, const std::uint8_t* octets) {
    const Bytes size = whole.size() - fragment.header_bytes;
    require(size >= 20);  // or its TCP header would not have been whole
    const std::uint8_t* ip = whole.data() + ethernet_header_bytes;
    if (ip[0] >> 4 == 4) {
      Ipv4View view;
      require(parse_ipv4({ip, whole.size() - ethernet_header_bytes}, false, view) == DropReason::none);
      require(view.total_bytes == whole.size() - ethernet_header_bytes);
    } else {
      require(load_be16(ip + 4) == size && ip[6] == tcp);
    }
    require(std::memcmp(whole.data() + fragment.header_bytes, octets, size) == 0);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  std::span<const std::uint8_t> input(data, size);
  while (input.size() >= record_bytes) {
    world.step(input.first(record_bytes));
    input = input.subspan(record_bytes);
  }
  return 0;
}
