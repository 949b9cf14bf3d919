// IP addresses as people write them: read strictly, written in one form only (RFC 5952).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "dataplane/net/address.h"

namespace byway::net {

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

namespace detail {

inline constexpr std::size_t ipv6_groups = 8;

/// A group of one to four hexadecimal digits, taken off the front of `text`.
constexpr std::optional<std::uint16_t> take_group(std::string_view& text) {
  unsigned value = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && digits < 4; ++digits) {
    const char c = text[digits];
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) break;
    value = value << 4 | static_cast<unsigned>(digit);
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return static_cast<std::uint16_t>(value);
}

}  // namespace detail

/// An IPv6 address in any form of RFC 4291 2.2, without brackets, zone or prefix length. Mapped IPv4
/// addresses are refused: here they would be IPv4 addresses, which have a form of their own.
[[nodiscard]] constexpr std::optional<IpAddress> parse_ipv6(std::string_view text) {
  constexpr std::size_t none = detail::ipv6_groups + 1;
  std::array<std::uint16_t, detail::ipv6_groups> groups{};
  std::size_t count = 0;
  std::size_t gap = none;  // the group that "::" stands before
  if (text.starts_with("::")) {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    if (count + 2 <= groups.size() && text.find(':') == std::string_view::npos &&
        text.find('.') != std::string_view::npos) {
      const auto v4 = parse_ipv4(text);
      if (!v4) return std::nullopt;
      groups[count++] = static_cast<std::uint16_t>(v4->value >> 16);
      groups[count++] = static_cast<std::uint16_t>(v4->value);
      break;
    }
    if (count == groups.size()) return std::nullopt;
    const auto group = detail::take_group(text);
    if (!group) return std::nullopt;
    groups[count++] = *group;
    if (text.empty()) break;
    if (text.starts_with("::")) {
      if (gap != none) return std::nullopt;
      gap = count;
      text.remove_prefix(2);
    } else if (text[0] == ':' && text.size() > 1) {
      text.remove_prefix(1);
    } else {
      return std::nullopt;
    }
  }
  // RFC 4291 2.2: "::" stands for one or more groups.
  if (gap == none ? count != groups.size() : count == groups.size()) return std::nullopt;
  IpAddress address;
  const std::size_t left_out = groups.size() - count;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = i < gap ? i : i + left_out;
    address.bytes[2 * at] = static_cast<std::uint8_t>(groups[i] >> 8);
    address.bytes[2 * at + 1] = static_cast<std::uint8_t>(groups[i]);
  }
  return address.is_v4() ? std::nullopt : std::optional(address);
}

/// An address of either kind.
[[nodiscard]] constexpr std::optional<IpAddress> parse_address(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return parse_ipv6(text);
  const auto v4 = parse_ipv4(text);
  return v4 ? std::optional(IpAddress::from_v4(*v4)) : std::nullopt;
}

/// Most characters that write_address writes (eight groups of four digits and seven colons).
inline constexpr std::size_t address_text_max = 39;

namespace detail {

constexpr char* write_ipv4(const IpAddress& address, char* at) {
  for (std::size_t i = 12; i < 16; ++i) {
    if (i > 12) *at++ = '.';
    const unsigned octet = address.bytes[i];
    if (octet >= 100) *at++ = static_cast<char>('0' + octet / 100);
    if (octet >= 10) *at++ = static_cast<char>('0' + octet / 10 % 10);
    *at++ = static_cast<char>('0' + octet % 10);
  }
  return at;
}

constexpr unsigned group_of(const IpAddress& address, std::size_t index) {
  return static_cast<unsigned>(address.bytes[2 * index]) << 8 | address.bytes[2 * index + 1];
}

struct Run {
  std::size_t begin = 0;
  std::size_t length = 0;
};

/// RFC 5952 4.2: the longest run of zero groups, the first of several; a single group is none.
constexpr Run zeros_to_shorten(const IpAddress& address) {
  Run best;
  Run run;
  for (std::size_t i = 0; i < ipv6_groups; ++i) {
    run = group_of(address, i) != 0 ? Run{i + 1, 0} : Run{run.begin, run.length + 1};
    if (run.length > best.length) best = run;
  }
  return best.length >= 2 ? best : Run{ipv6_groups, 0};
}

constexpr char* write_ipv6(const IpAddress& address, char* at) {
  constexpr char hex[] = "0123456789abcdef";
  const Run zeros = zeros_to_shorten(address);
  for (std::size_t i = 0; i < ipv6_groups; ++i) {
    if (i == zeros.begin) {
      *at++ = ':';
      *at++ = ':';
      i += zeros.length;
      if (i == ipv6_groups) break;
    } else if (i > 0) {
      *at++ = ':';
    }
    const unsigned group = group_of(address, i);
    bool started = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
      const unsigned digit = group >> shift & 15u;
      if (digit == 0 && !started && shift != 0) continue;
      *at++ = hex[digit];
      started = true;
    }
  }
  return at;
}

}  // namespace detail

/// Writes an address as text ("10.0.0.1", "2001:db8::1": the one form of RFC 5952) into `out`, which must
/// have room for address_text_max characters; returns the length, with no terminating zero.
constexpr std::size_t write_address(const IpAddress& address, char* out) {
  char* const end = address.is_v4() ? detail::write_ipv4(address, out) : detail::write_ipv6(address, out);
  return static_cast<std::size_t>(end - out);
}

}  // namespace byway::net
