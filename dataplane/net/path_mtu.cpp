#include "dataplane/net/path_mtu.h"

#include <algorithm>

#include "dataplane/mix.h"

namespace byway::net {

namespace {

constexpr std::uint32_t sets = path_mtus_max / path_mtu_ways;

/// RFC 1191 7.1: the MTUs of links that there are, for routers that do not say theirs. Those of less than
/// path_mtu_min_v4 are left out.
constexpr std::array<std::uint16_t, 8> plateaus = {32'000, 17'914, 8166, 4352,
                                                   2002,   1492,   1006, path_mtu_min_v4};

/// The largest plateau below `bytes`.
std::uint16_t plateau_below(std::uint32_t bytes) {
  const auto* const found =
      std::ranges::find_if(plateaus, [bytes](std::uint16_t mtu) { return mtu < bytes; });
  return found != plateaus.end() ? *found : path_mtu_min_v4;
}

}  // namespace

PathMtus::PathMtus(Counters counters, std::uint64_t key)
    : counters_(counters), key_(key), sets_(std::make_unique<Set[]>(sets)) {}

PathMtus::Set& PathMtus::set_of(const IpAddress& destination) const {
  return sets_[mix(mix(destination.half(0) ^ key_) + destination.half(1)) % sets];
}

std::uint16_t PathMtus::find(const IpAddress& destination, std::uint16_t link_mtu, Instant now) const {
  for (const Entry& entry : set_of(destination)) {
    if (entry.until > now && entry.destination == destination) return std::min(entry.mtu, link_mtu);
  }
  return link_mtu;
}

std::optional<std::uint16_t> PathMtus::on_too_big(const IpAddress& destination, std::uint32_t mtu,
                                                  std::uint32_t packet_bytes, std::uint16_t link_mtu,
                                                  Instant now) {
  const std::uint16_t known = find(destination, link_mtu, now);
  const bool v4 = destination.is_v4();
  if (v4) {
    if (mtu == 0) mtu = plateau_below(packet_bytes);
    mtu = std::max<std::uint32_t>(mtu, path_mtu_min_v4);
  }
  // A router that could have passed the packet on has no reason to say that it was too big.
  if (mtu >= known || mtu >= packet_bytes || (!v4 && mtu < path_mtu_min_v6)) {
    counters_.add(Counter::path_mtus_ignored);
    return std::nullopt;
  }
  Set& set = set_of(destination);
  Entry* place = &set[0];
  for (Entry& entry : set) {
    if (entry.destination == destination) {
      place = &entry;
      break;
    }
    if (entry.until < place->until) place = &entry;
  }
  if (place->until > now && place->destination != destination) counters_.add(Counter::path_mtus_evicted);
  counters_.add(Counter::path_mtus_learned);
  *place = {destination, now + path_mtu_life, static_cast<std::uint16_t>(mtu)};
  return place->mtu;
}

}  // namespace byway::net
