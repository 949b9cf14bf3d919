// Any errors about packets that were too big: what is known of a path is never more than its link's MTU,
// never less than the floor, never grows but by the end of its time, and is never kept beyond that.
//
// Input: records of record_bytes:
//
//   0    bits 0-5 the destination, 6 IPv4 or IPv6, 7 time passes
//   1-4  the MTU that the error tells     5-6 size of the packet
#include <cstdlib>
#include <map>

#include "dataplane/net/cursor.h"
#include "dataplane/net/path_mtu.h"

namespace {

using namespace byway;
using namespace byway::net;

constexpr std::size_t record_bytes = 7;
constexpr std::uint16_t link_mtu = 9000;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Known {
  std::uint16_t mtu;
  Instant at;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  OwnCounters<Counter> counters;
  PathMtus mtus(counters.block, 1);
  Instant now{};
  std::map<IpAddress, Known> known;
  std::span<const std::uint8_t> input(data, size);
  while (input.size() >= record_bytes) {
    const auto record = input.first(record_bytes);
    input = input.subspan(record_bytes);
    const bool v4 = (record[0] & 64) == 0;
    IpAddress destination = IpAddress::from_v4({0x0a000000u | (record[0] & 63u)});
    if (!v4) destination.bytes[0] = 0x20;
    if ((record[0] & 128) != 0) now = now + Nanoseconds(1min) * record[1];

    const std::uint16_t before = mtus.find(destination, link_mtu, now);
    if (const auto found = known.find(destination); found != known.end()) {
      const bool is_old = now - found->second.at >= path_mtu_life;
      // With this key no five of the 128 destinations share a set of four, so that none is pushed out.
      require(before == (is_old ? link_mtu : found->second.mtu));
    } else {
      require(before == link_mtu);
    }
    const std::uint32_t told = load_be32(record.data() + 1);
    const std::uint16_t sent = load_be16(record.data() + 5);
    const auto learned = mtus.on_too_big(destination, told, sent, link_mtu, now);
    const std::uint16_t after = mtus.find(destination, link_mtu, now);
    require(after == learned.value_or(before));
    if (!learned) continue;
    require(after < before && after < sent && after >= (v4 ? path_mtu_min_v4 : path_mtu_min_v6));
    known[destination] = {after, now};
  }
  return 0;
}
