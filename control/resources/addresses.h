// IP addresses and blocks of both versions in the texts of resources.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace byway::control::resources {

/// In network order; IPv4 in its mapped form ::ffff:a.b.c.d (RFC 4291 2.5.5.2), as in snapshots.
using AddressBytes = std::array<std::uint8_t, 16>;

/// "10.0.0.1", or an IPv6 address in any form of RFC 4291 2.2, without zone. A mapped IPv4 address in IPv6's
/// form is refused: it would be the IPv4 address under a second name.
std::optional<AddressBytes> parse_address(std::string_view text);
bool is_ipv4(const AddressBytes& address);
/// Neither unspecified, loopback, link-local nor multicast: it can be another host's (Kubernetes demands this
/// of endpoints).
bool is_of_a_host(const AddressBytes& address);

struct AddressBlock {
  AddressBytes address{};    ///< bits beyond the prefix are zero
  unsigned prefix_bits = 0;  ///< of the 16 bytes: 96 + n for IPv4
  bool operator==(const AddressBlock&) const = default;
};
/// "10.0.0.0/8", "2001:db8::/32", or an address alone; bits beyond the prefix must be zero.
std::optional<AddressBlock> parse_block(std::string_view text);

}  // namespace byway::control::resources
