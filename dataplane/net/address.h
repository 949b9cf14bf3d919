// IP addresses as 16 bytes (IPv4 as ::ffff:a.b.c.d, RFC 4291 2.5.5.2), so that tables, flows and
// shared-memory layouts have one shape for both versions. As text: address_text.h.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>

namespace byway::net {

/// An IPv4 address in host byte order.
struct Ipv4Address {
  std::uint32_t value = 0;
  friend constexpr auto operator<=>(Ipv4Address, Ipv4Address) = default;
};

/// An IPv4 or IPv6 address; IPv4 is kept mapped.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  static constexpr IpAddress from_v4(Ipv4Address v4) {
    IpAddress a;
    a.bytes[10] = a.bytes[11] = 0xff;
    for (std::size_t i = 0; i < 4; ++i) a.bytes[12 + i] = static_cast<std::uint8_t>(v4.value >> (24 - 8 * i));
    return a;
  }
  /// Half 0 or 1 as a number, whose order is that of its bytes. Comparing halves, not bytes, is felt: it
  /// happens several times for each packet.
  [[nodiscard]] constexpr std::uint64_t half(std::size_t index) const {
    return std::byteswap(std::bit_cast<std::array<std::uint64_t, 2>>(bytes)[index]);
  }
  [[nodiscard]] constexpr bool is_v4() const { return half(0) == 0 && half(1) >> 32 == 0xffff; }
  /// Only if is_v4().
  [[nodiscard]] constexpr Ipv4Address v4() const {
    return {std::uint32_t{bytes[12]} << 24 | std::uint32_t{bytes[13]} << 16 | std::uint32_t{bytes[14]} << 8 |
            std::uint32_t{bytes[15]}};
  }
  friend constexpr bool operator==(const IpAddress& a, const IpAddress& b) {
    return a.half(0) == b.half(0) && a.half(1) == b.half(1);
  }
  friend constexpr std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b) {
    return a.half(0) != b.half(0) ? a.half(0) <=> b.half(0) : a.half(1) <=> b.half(1);
  }
};
static_assert(std::endian::native == std::endian::little, "half() turns what it loads");

struct SocketAddress {
  IpAddress ip;
  std::uint16_t tcp_port = 0;
  friend constexpr auto operator<=>(const SocketAddress&, const SocketAddress&) = default;
};

struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};
  static constexpr MacAddress broadcast() { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }
  [[nodiscard]] constexpr bool is_multicast() const { return (bytes[0] & 1) != 0; }
  /// No station has it.
  [[nodiscard]] constexpr bool is_zero() const {
    return (bytes[0] | bytes[1] | bytes[2] | bytes[3] | bytes[4] | bytes[5]) == 0;
  }
  friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) = default;
};

}  // namespace byway::net
