// Address prefixes, as routes and ports have them. Lengths count bits of the 16 bytes of an IpAddress, so
// that one comparison serves both versions: an IPv4 prefix of n bits has 96 + n.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "dataplane/net/address.h"
#include "dataplane/net/address_text.h"

namespace byway::net {

inline constexpr unsigned v4_prefix_offset = 96;

/// An address and how many of its leading bits name the network.
struct Prefix {
  IpAddress address;
  std::uint8_t bits = 0;

  static constexpr Prefix from_v4(Ipv4Address address, unsigned length) {
    return {IpAddress::from_v4(address), static_cast<std::uint8_t>(v4_prefix_offset + length)};
  }

  [[nodiscard]] constexpr bool contains(const IpAddress& other) const {
    for (std::size_t word = 0; word < 2; ++word) {
      const unsigned covered = bits > 64 * word ? bits - static_cast<unsigned>(64 * word) : 0;
      if (covered == 0) return true;
      const std::uint64_t mask = covered >= 64 ? ~std::uint64_t{0} : ~(~std::uint64_t{0} >> covered);
      if (((address.half(word) ^ other.half(word)) & mask) != 0) return false;
    }
    return true;
  }
  /// One of IPv4, not a short one of IPv6 that holds the mapped addresses among others.
  [[nodiscard]] constexpr bool is_v4() const { return bits >= v4_prefix_offset && address.is_v4(); }
  /// Only if is_v4(): the bits of an address that name the network.
  [[nodiscard]] constexpr std::uint32_t v4_mask() const {
    return bits == v4_prefix_offset ? 0 : UINT32_MAX << (128 - bits);
  }
  /// All bits behind the prefix are zero (the network's own name).
  [[nodiscard]] constexpr bool is_network() const {
    for (unsigned bit = bits; bit < 128; ++bit) {
      if ((address.bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return false;
    }
    return true;
  }
  /// The directed broadcast address of an IPv4 prefix that has one (shorter than 31 bits, RFC 3021).
  [[nodiscard]] constexpr std::optional<IpAddress> v4_broadcast() const {
    if (!address.is_v4() || bits < v4_prefix_offset || bits > v4_prefix_offset + 30) return std::nullopt;
    return IpAddress::from_v4({address.v4().value | UINT32_MAX >> (bits - v4_prefix_offset)});
  }

  friend constexpr bool operator==(const Prefix&, const Prefix&) = default;
};

/// "10.0.0.1/24", "2001:db8::1/64": strict, as parse_address; the length has no leading zero and is at most
/// 32 or 128.
[[nodiscard]] constexpr std::optional<Prefix> parse_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = parse_address(text.substr(0, slash));
  const std::string_view length = text.substr(slash + 1);
  if (!address || length.empty() || length.size() > 3 || (length.size() > 1 && length[0] == '0')) {
    return std::nullopt;
  }
  unsigned value = 0;
  for (const char digit : length) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(digit - '0');
  }
  if (value > (address->is_v4() ? 32u : 128u)) return std::nullopt;
  return Prefix{*address, static_cast<std::uint8_t>(address->is_v4() ? v4_prefix_offset + value : value)};
}

}  // namespace byway::net
