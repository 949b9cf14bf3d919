#include "control/shm/node_address.h"

#include <algorithm>

namespace byway::shm {
namespace {

constexpr std::uint32_t ipv4_offset_bits = 96;

/// The first address of a network that is larger than two, which names it (IPv4) or all of its routers (IPv6,
/// RFC 4291 2.6.1); of an IPv4 network also the last.
bool is_network_or_broadcast(const IpAddress& address, const NodeAddress& own) {
  constexpr std::uint32_t small_network_bits = 127;  // RFC 3021, RFC 6164
  if (own.prefix_bits >= small_network_bits) return false;
  if (!own.address.is_ipv4()) return Cidr{address, own.prefix_bits}.is_canonical();
  const std::uint32_t host_bits = ~std::uint32_t{0} >> (own.prefix_bits - ipv4_offset_bits);
  const std::uint32_t host = address.ipv4() & host_bits;
  return host == 0 || host == host_bits;
}

}  // namespace

bool is_sound(const NodeAddress& own) {
  return !own.address.is_none() && own.prefix_bits >= 1 && own.prefix_bits <= 128 &&
         (!own.address.is_ipv4() || own.prefix_bits >= ipv4_offset_bits);
}

bool can_answer_on(const IpAddress& address, std::span<const NodeAddress> node) {
  return std::ranges::any_of(node, [&](const NodeAddress& own) {
    if (own.address == address) return true;
    return Cidr{own.address, own.prefix_bits}.contains(address) && !is_network_or_broadcast(address, own);
  });
}

}  // namespace byway::shm
