// IP addresses as 16 bytes (IPv4 as ::ffff:a.b.c.d, RFC 4291 2.5.5.2), so that tables, flows and
// shared-memory layouts have one shape for both versions.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

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
  friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) = default;
};

/// "10.0.0.1" and nothing else (no leading zeros, no short forms).
[[nodiscard]] constexpr std::optional<Ipv4Address> parse_ipv4(std::string_view text) {
  std::uint32_t value = 0;
  for (int part = 0; part < 4; ++part) {
    std::uint32_t octet = 0;
    std::size_t digits = 0;
    while (digits < text.size() && digits < 3 && text[digits] >= '0' && text[digits] <= '9') {
      octet = octet * 10 + static_cast<std::uint32_t>(text[digits] - '0');
      ++digits;
    }
    if (digits == 0 || octet > 255 || (digits > 1 && text[0] == '0')) return std::nullopt;
    text.remove_prefix(digits);
    value = value << 8 | octet;
    if (part < 3) {
      if (text.empty() || text[0] != '.') return std::nullopt;
      text.remove_prefix(1);
    }
  }
  return text.empty() ? std::optional(Ipv4Address{value}) : std::nullopt;
}

/// Most characters that write_address writes (eight groups of four digits and seven colons).
inline constexpr std::size_t address_text_max = 39;

/// Writes an address as text ("10.0.0.1"; IPv6 as eight groups, RFC 4291 2.2 form 1) into `out`, which must
/// have room for address_text_max characters; returns the length, with no terminating zero.
constexpr std::size_t write_address(const IpAddress& address, char* out) {
  constexpr char hex[] = "0123456789abcdef";
  char* at = out;
  if (address.is_v4()) {
    for (std::size_t i = 12; i < 16; ++i) {
      if (i > 12) *at++ = '.';
      const unsigned octet = address.bytes[i];
      if (octet >= 100) *at++ = static_cast<char>('0' + octet / 100);
      if (octet >= 10) *at++ = static_cast<char>('0' + octet / 10 % 10);
      *at++ = static_cast<char>('0' + octet % 10);
    }
    return static_cast<std::size_t>(at - out);
  }
  for (std::size_t i = 0; i < 16; i += 2) {
    if (i > 0) *at++ = ':';
    const unsigned group = static_cast<unsigned>(address.bytes[i]) << 8 | address.bytes[i + 1];
    bool started = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
      const unsigned digit = group >> shift & 15u;
      if (digit == 0 && !started && shift != 0) continue;
      *at++ = hex[digit];
      started = true;
    }
  }
  return static_cast<std::size_t>(at - out);
}

}  // namespace byway::net
