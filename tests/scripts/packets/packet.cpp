#include "tests/scripts/packets/packet.h"

#include <algorithm>
#include <array>

namespace byway::scripts {

namespace {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

constexpr std::uint8_t protocol_icmp = 1;
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t protocol_icmpv6 = 58;
constexpr std::size_t v4_bytes = 20;
constexpr std::size_t v6_bytes = 40;
constexpr std::size_t tcp_bytes = 20;
/// What every ICMP error brings back of a transport header (RFC 792).
constexpr std::size_t quoted_bytes = 8;

/// Documentation and private addresses (RFC 5737, RFC 1918, RFC 3849, RFC 4193): peer, side under test.
constexpr std::array<std::uint8_t, 4> peer_v4{192, 0, 2, 1};
constexpr std::array<std::uint8_t, 4> own_v4{192, 168, 0, 1};
constexpr std::array<std::uint8_t, 16> peer_v6{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
/// A router between them (RFC 5737, RFC 3849).
constexpr std::array<std::uint8_t, 4> router_v4{198, 51, 100, 1};
constexpr std::array<std::uint8_t, 16> router_v6{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0,
                                                 0,    0,    0,    0,    0, 0, 0, 0xfe};
constexpr std::array<std::uint8_t, 16> own_v6{0xfd, 0x3d, 0xfa, 0x7b, 0xd1, 0x7d, 0, 0,
                                              0,    0,    0,    0,    0,    0,    0, 1};

void put16(Bytes& out, std::uint32_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}
void put32(Bytes& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}
std::uint32_t get16(View at) {
  return std::uint32_t{at[0]} << 8 | at[1];
}
std::uint32_t get32(View at) {
  return get16(at) << 16 | get16(at.subspan(2));
}

/// The one's complement sum (RFC 1071), word by word as the RFC says it.
std::uint32_t sum_of(View bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += std::uint32_t{bytes[i]} << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0u);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum;
}

/// With the pseudo-header (RFC 9293 3.1, RFC 8200 8.1).
std::uint32_t sum_with_addresses(View source, View target, std::uint8_t protocol, View bytes) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  return sum_of(bytes, sum_of(target, sum_of(source, protocol + (size >> 16) + (size & 0xffff))));
}
std::uint32_t tcp_sum(View source, View target, View tcp) {
  return sum_with_addresses(source, target, protocol_tcp, tcp);
}
/// Writes the checksum to the two octets at `at`, which were 0 in `sum`.
void put_sum(Bytes& out, std::size_t at, std::uint32_t sum) {
  out[at] = static_cast<std::uint8_t>(~sum >> 8);
  out[at + 1] = static_cast<std::uint8_t>(~sum);
}

void put_option(Bytes& out, const Option& option) {
  switch (option.kind) {
    case OptionKind::end:
      out.push_back(0);
      break;
    case OptionKind::no_operation:
      out.push_back(1);
      break;
    case OptionKind::mss:
      out.insert(out.end(), {2, 4});
      put16(out, option.numbers[0]);
      break;
    case OptionKind::window_scale:
      out.insert(out.end(), {3, 3, static_cast<std::uint8_t>(option.numbers[0])});
      break;
    case OptionKind::sack_permitted:
      out.insert(out.end(), {4, 2});
      break;
    case OptionKind::sack:
    case OptionKind::timestamps:
      out.push_back(option.kind == OptionKind::sack ? 5 : 8);
      out.push_back(static_cast<std::uint8_t>(2 + 4 * option.numbers.size()));
      for (const std::uint32_t number : option.numbers) put32(out, number);
      break;
    case OptionKind::raw:
      out.insert(out.end(), option.bytes.begin(), option.bytes.end());
      break;
  }
}

Bytes tcp_of(const Packet& packet) {
  Bytes options;
  for (const Option& option : packet.options) put_option(options, option);
  while (options.size() % 4 != 0) options.push_back(0);
  Bytes out;
  put16(out, packet.source_port);
  put16(out, packet.target_port);
  put32(out, packet.seq);
  put32(out, packet.ack);
  out.push_back(static_cast<std::uint8_t>((tcp_bytes + options.size()) / 4 << 4));
  out.push_back(packet.flags);
  put16(out, packet.window);
  put32(out, 0);
  out.insert(out.end(), options.begin(), options.end());
  out.insert(out.end(), packet.payload.begin(), packet.payload.end());
  return out;
}

Bytes header_of(View source, View target, std::uint8_t protocol, std::uint8_t ecn,
                std::size_t payload_bytes) {
  Bytes out;
  if (source.size() == 4) {
    out.insert(out.end(), {0x45, ecn});
    put16(out, static_cast<std::uint32_t>(v4_bytes + payload_bytes));
    put32(out, 0x4000);  // no fragment
    out.insert(out.end(), {64, protocol, 0, 0});
  } else {
    put32(out, 6u << 28 | std::uint32_t{ecn} << 20);
    put16(out, static_cast<std::uint32_t>(payload_bytes));
    out.insert(out.end(), {protocol, 64});
  }
  out.insert(out.end(), source.begin(), source.end());
  out.insert(out.end(), target.begin(), target.end());
  if (source.size() == 4) put_sum(out, 10, sum_of(out));
  return out;
}

bool read_option(View bytes, Option& out) {
  switch (bytes[0]) {
    case 2:
      out = {OptionKind::mss, {get16(bytes.subspan(2))}, {}};
      return bytes.size() == 4;
    case 3:
      out = {OptionKind::window_scale, {bytes[2]}, {}};
      return bytes.size() == 3;
    case 4:
      out = {OptionKind::sack_permitted, {}, {}};
      return bytes.size() == 2;
    case 5:
    case 8:
      out = {bytes[0] == 5 ? OptionKind::sack : OptionKind::timestamps, {}, {}};
      if (bytes.size() % 4 != 2) return false;
      for (std::size_t i = 2; i < bytes.size(); i += 4) out.numbers.push_back(get32(bytes.subspan(i)));
      return bytes[0] == 5 ? out.numbers.size() % 2 == 0 : out.numbers.size() == 2;
    default:
      out = {OptionKind::raw, {}, {bytes.begin(), bytes.end()}};
      return true;
  }
}

bool read_options(View bytes, std::vector<Option>& out) {
  while (!bytes.empty() && bytes[0] != 0) {
    if (bytes[0] == 1) {
      bytes = bytes.subspan(1);
      continue;
    }
    Option option;
    if (bytes.size() < 2 || bytes[1] < 2 || bytes[1] > bytes.size()) return false;
    if (!read_option(bytes.first(bytes[1]), option)) return false;
    out.push_back(option);
    bytes = bytes.subspan(bytes[1]);
  }
  return true;
}

}  // namespace

std::vector<std::uint8_t> bytes_of(const Packet& packet, Family family) {
  const View source = family == Family::v4 ? View(peer_v4) : View(peer_v6);
  const View target = family == Family::v4 ? View(own_v4) : View(own_v6);
  Bytes tcp = tcp_of(packet);
  put_sum(tcp, 16, tcp_sum(source, target, tcp));
  Bytes out = header_of(source, target, protocol_tcp, packet.ecn, tcp.size());
  out.insert(out.end(), tcp.begin(), tcp.end());
  return out;
}

std::vector<std::uint8_t> error_bytes_of(RouterError error, std::uint16_t mtu, const Packet& segment,
                                         Family family) {
  const bool v4 = family == Family::v4;
  const View own = v4 ? View(own_v4) : View(own_v6);
  const View peer = v4 ? View(peer_v4) : View(peer_v6);
  const View router = v4 ? View(router_v4) : View(router_v6);
  Bytes message;
  switch (error) {
    case RouterError::too_big:
      message = v4 ? Bytes{3, 4} : Bytes{2, 0};
      break;
    case RouterError::net_unreachable:
      message = v4 ? Bytes{3, 0} : Bytes{1, 0};
      break;
    case RouterError::host_unreachable:
      message = v4 ? Bytes{3, 1} : Bytes{1, 3};
      break;
    case RouterError::port_unreachable:
      message = v4 ? Bytes{3, 3} : Bytes{1, 4};
      break;
  }
  put16(message, 0);
  put32(message, mtu);
  const Bytes tcp = tcp_of(segment);
  const Bytes quoted = header_of(own, peer, protocol_tcp, segment.ecn, tcp.size());
  message.insert(message.end(), quoted.begin(), quoted.end());
  message.insert(message.end(), tcp.begin(), tcp.begin() + quoted_bytes);
  put_sum(message, 2, v4 ? sum_of(message) : sum_with_addresses(router, own, protocol_icmpv6, message));
  Bytes out = header_of(router, own, v4 ? protocol_icmp : protocol_icmpv6, 0, message.size());
  out.insert(out.end(), message.begin(), message.end());
  return out;
}

std::optional<Packet> packet_of(std::span<const std::uint8_t> bytes, Family family, std::string& wrong) {
  const auto refuse = [&wrong](const char* why) {
    wrong = why;
    return std::nullopt;
  };
  const bool v4 = family == Family::v4;
  const std::size_t header_bytes = v4 ? v4_bytes : v6_bytes;
  if (bytes.size() < header_bytes + tcp_bytes) return refuse("too short");
  const View source = v4 ? View(own_v4) : View(own_v6);
  const View target = v4 ? View(peer_v4) : View(peer_v6);
  const std::size_t addresses_at = v4 ? 12 : 8;
  Packet packet;
  if (v4) {
    if (bytes[0] != 0x45 || get16(bytes.subspan(2)) != bytes.size()) return refuse("a wrong IPv4 header");
    if (sum_of(bytes.first(v4_bytes)) != 0xffff) return refuse("a wrong checksum of the IPv4 header");
    if (bytes[9] != protocol_tcp) return refuse("no TCP");
    packet.ecn = bytes[1] & 3;
  } else {
    if (bytes[0] >> 4 != 6 || get16(bytes.subspan(4)) != bytes.size() - v6_bytes)
      return refuse("a wrong IPv6 header");
    if (bytes[6] != protocol_tcp) return refuse("no TCP");
    packet.ecn = bytes[1] >> 4 & 3;
  }
  if (!std::ranges::equal(bytes.subspan(addresses_at, source.size()), source))
    return refuse("a wrong source address");
  if (!std::ranges::equal(bytes.subspan(addresses_at + source.size(), target.size()), target)) {
    return refuse("a wrong target address");
  }
  const View tcp = bytes.subspan(header_bytes);
  if (tcp_sum(source, target, tcp) != 0xffff) return refuse("a wrong TCP checksum");
  const std::size_t tcp_header_bytes = (tcp[12] >> 4) * 4u;
  if (tcp_header_bytes < tcp_bytes || tcp_header_bytes > tcp.size()) return refuse("a wrong data offset");
  packet.source_port = static_cast<std::uint16_t>(get16(tcp));
  packet.target_port = static_cast<std::uint16_t>(get16(tcp.subspan(2)));
  packet.seq = get32(tcp.subspan(4));
  packet.ack = get32(tcp.subspan(8));
  packet.flags = tcp[13];
  packet.window = static_cast<std::uint16_t>(get16(tcp.subspan(14)));
  if (!read_options(tcp.subspan(tcp_bytes, tcp_header_bytes - tcp_bytes), packet.options)) {
    return refuse("wrong options");
  }
  packet.payload.assign(tcp.begin() + static_cast<std::ptrdiff_t>(tcp_header_bytes), tcp.end());
  return packet;
}

}  // namespace byway::scripts
