// IPv6 addresses that mean something by themselves (RFC 4291 2.4 to 2.7), and the Ethernet groups that carry
// multicast (RFC 2464 7).
#pragma once

#include "dataplane/net/address.h"

namespace byway::net {

/// All nodes of a link, ff02::1 (RFC 4291 2.7.1).
inline constexpr IpAddress ipv6_all_nodes{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

[[nodiscard]] constexpr bool is_unspecified(const IpAddress& address) {
  return address == IpAddress{};
}
[[nodiscard]] constexpr bool is_ipv6_loopback(const IpAddress& address) {
  return address.half(0) == 0 && address.half(1) == 1;
}
[[nodiscard]] constexpr bool is_ipv6_multicast(const IpAddress& address) {
  return address.bytes[0] == 0xff;
}
/// fe80::/10: unicast that is valid on one link only.
[[nodiscard]] constexpr bool is_link_local(const IpAddress& address) {
  return address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
}

/// An address that stands for no host of a network, so no packet on the wire has it: loopback (RFC 4291
/// 2.5.3), or a mapped IPv4 address (2.5.5.2), which to everything above would be an IPv4 one.
[[nodiscard]] constexpr bool is_never_on_the_wire(const IpAddress& address) {
  return is_ipv6_loopback(address) || address.is_v4();
}

/// The group in which those are asked for who have `address` (RFC 4291 2.7.1): ff02::1:ff00:0/104 and its
/// last 24 bits.
[[nodiscard]] constexpr IpAddress solicited_node_group(const IpAddress& address) {
  IpAddress group{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0}};
  for (std::size_t i = 13; i < 16; ++i) group.bytes[i] = address.bytes[i];
  return group;
}

/// The Ethernet group of a multicast address: 33:33 and its last 32 bits.
[[nodiscard]] constexpr MacAddress ethernet_group(const IpAddress& multicast) {
  return {{0x33, 0x33, multicast.bytes[12], multicast.bytes[13], multicast.bytes[14], multicast.bytes[15]}};
}

/// The link-local address of a port: fe80::/64 and the MAC address as modified EUI-64 (RFC 2464 4, 5). An
/// opaque one (RFC 7217) would hide the MAC address from nobody who can see the address.
[[nodiscard]] constexpr IpAddress link_local_of(const MacAddress& mac) {
  const auto& m = mac.bytes;
  return {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(m[0] ^ 2), m[1], m[2], 0xff, 0xfe, m[3],
           m[4], m[5]}};
}
inline constexpr std::uint8_t link_local_prefix_bits = 64;

}  // namespace byway::net
