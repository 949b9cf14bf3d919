#include "control/resources/addresses.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

#include "control/resources/text_rules.h"

namespace byway::control::resources {
namespace {

constexpr unsigned address_bits = 128;
constexpr unsigned ipv4_offset_bits = 96;
constexpr AddressBytes mapped_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::size_t mapped_prefix_bytes = 12;

bool has_bits_beyond(const AddressBytes& address, unsigned prefix_bits) {
  for (unsigned bit = prefix_bits; bit < address_bits; ++bit)
    if ((address[bit / 8] >> (7 - bit % 8) & 1) != 0) return true;
  return false;
}

}  // namespace

std::optional<AddressBytes> parse_address(std::string_view text) {
  AddressBytes address = mapped_prefix;
  if (const auto v4 = parse_ipv4(text)) {
    const std::uint32_t wire = htonl(*v4);
    std::memcpy(&address[mapped_prefix_bytes], &wire, sizeof wire);
    return address;
  }
  // inet_pton reads to the first zero byte, which no text of an address has.
  if (text.find('\0') != text.npos) return std::nullopt;
  if (inet_pton(AF_INET6, std::string(text).c_str(), address.data()) != 1 || is_ipv4(address))
    return std::nullopt;
  return address;
}

bool is_ipv4(const AddressBytes& address) {
  return std::equal(address.begin(), address.begin() + mapped_prefix_bytes, mapped_prefix.begin());
}

bool is_of_a_host(const AddressBytes& address) {
  if (is_ipv4(address)) {
    const std::uint8_t first = address[mapped_prefix_bytes];
    const bool is_link_local = first == 169 && address[mapped_prefix_bytes + 1] == 254;
    return has_bits_beyond(address, ipv4_offset_bits) && first != 127 && !is_link_local && first < 224;
  }
  const bool is_link_local = address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
  const bool is_multicast = address[0] == 0xff;
  const AddressBytes loopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return address != AddressBytes{} && address != loopback && !is_link_local && !is_multicast;
}

std::optional<AddressBlock> parse_block(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == text.npos) return AddressBlock{*address, address_bits};
  text.remove_prefix(slash + 1);
  const unsigned offset = is_ipv4(*address) ? ipv4_offset_bits : 0;
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
  if (error != std::errc() || end != text.data() + text.size() || bits > address_bits - offset)
    return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  if (has_bits_beyond(*address, offset + bits)) return std::nullopt;
  return AddressBlock{*address, offset + bits};
}

}  // namespace byway::control::resources
