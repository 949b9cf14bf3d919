#include "tests/packetdrill/raw_packet.h"

#include <algorithm>

#include "dataplane/assert.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/cursor.h"
#include "dataplane/net/icmp.h"
#include "dataplane/net/icmpv6.h"
#include "dataplane/net/ipv4.h"
#include "dataplane/net/ipv6.h"

namespace byway::packetdrill {

namespace {

constexpr auto protocol_tcp = static_cast<std::uint8_t>(net::Protocol::tcp);
constexpr std::size_t ipv6_header_bytes = 40;  // RFC 8200 3
constexpr std::uint8_t ecn_mask = 3;
constexpr std::size_t tcp_header_bytes_min = 20;
constexpr std::size_t tcp_checksum_at = 16;

std::optional<RawSegment> read_v4(std::span<const std::uint8_t> packet) {
  net::Ipv4View view;
  if (net::parse_ipv4(packet, false, view) != net::DropReason::none || view.protocol != protocol_tcp) {
    return std::nullopt;
  }
  const auto tcp = packet.subspan(view.header_bytes, view.total_bytes - view.header_bytes);
  return RawSegment{net::IpAddress::from_v4(view.source), net::IpAddress::from_v4(view.destination),
                    static_cast<std::uint8_t>(view.traffic_class & ecn_mask), tcp};
}

bool read_error_v4(std::span<const std::uint8_t> packet, net::IcmpError& error) {
  net::Ipv4View view;
  if (net::parse_ipv4(packet, false, view) != net::DropReason::none ||
      view.protocol != static_cast<std::uint8_t>(net::Protocol::icmp)) {
    return false;
  }
  const auto message = packet.subspan(view.header_bytes, view.total_bytes - view.header_bytes);
  net::IcmpKind kind{};
  return net::parse_icmp(message, kind, error) == net::DropReason::none && kind == net::IcmpKind::error;
}

bool read_error_v6(std::span<const std::uint8_t> packet, net::IcmpError& error) {
  net::Ipv6View view;
  if (net::parse_ipv6(packet, view) != net::DropReason::none ||
      view.protocol != static_cast<std::uint8_t>(net::Protocol::icmpv6)) {
    return false;
  }
  const auto message = packet.subspan(view.header_bytes, view.total_bytes - view.header_bytes);
  net::Icmpv6Kind kind{};
  return net::parse_icmpv6(view.source, view.destination, message, kind, error) == net::DropReason::none &&
         kind == net::Icmpv6Kind::error;
}

/// RFC 8200 3, without extension headers: these scripts are about TCP.
std::optional<RawSegment> read_v6(std::span<const std::uint8_t> packet) {
  if (packet.size() < ipv6_header_bytes || packet[6] != protocol_tcp) return std::nullopt;
  const std::size_t payload_bytes = packet[4] * 256u + packet[5];
  if (packet.size() - ipv6_header_bytes < payload_bytes) return std::nullopt;
  RawSegment segment;
  std::copy_n(packet.begin() + 8, 16, segment.source.bytes.begin());
  std::copy_n(packet.begin() + 24, 16, segment.target.bytes.begin());
  segment.ecn = packet[1] >> 4 & ecn_mask;
  segment.tcp = packet.subspan(ipv6_header_bytes, payload_bytes);
  return segment;
}

net::Checksum sum_of(const RawSegment& segment) {
  net::Checksum sum;
  sum.add_pseudo_header(segment.source, segment.target, protocol_tcp,
                        static_cast<std::uint32_t>(segment.tcp.size()));
  sum.add(segment.tcp);
  return sum;
}

void write_v6(std::uint8_t* out, const RawSegment& segment) {
  out[0] = 0x60;
  out[1] = static_cast<std::uint8_t>(segment.ecn << 4);
  out[4] = static_cast<std::uint8_t>(segment.tcp.size() >> 8);
  out[5] = static_cast<std::uint8_t>(segment.tcp.size());
  out[6] = protocol_tcp;
  out[7] = net::ipv4_ttl;
  std::copy(segment.source.bytes.begin(), segment.source.bytes.end(), out + 8);
  std::copy(segment.target.bytes.begin(), segment.target.bytes.end(), out + 24);
}

}  // namespace

std::optional<RawSegment> read_packet(std::span<const std::uint8_t> packet) {
  if (packet.empty()) return std::nullopt;
  const unsigned version = packet[0] >> 4;
  std::optional<RawSegment> segment;
  if (version == 4) segment = read_v4(packet);
  if (version == 6) segment = read_v6(packet);
  if (!segment || segment->tcp.size() < tcp_header_bytes_min || !sum_of(*segment).is_valid()) {
    return std::nullopt;
  }
  return segment;
}

std::optional<tcp::DeliveryError> read_error(std::span<const std::uint8_t> packet) {
  if (packet.empty()) return std::nullopt;
  net::IcmpError error;
  if (!(packet[0] >> 4 == 4 ? read_error_v4(packet, error) : read_error_v6(packet, error)) ||
      error.protocol != protocol_tcp) {
    return std::nullopt;
  }
  const std::uint8_t* tcp = error.transport.data();  // two TCP ports and the sequence number
  const bool is_too_big = error.kind == net::ErrorKind::packet_too_big;
  const bool is_hard = !is_too_big && error.kind != net::ErrorKind::net_unreachable;
  return tcp::DeliveryError{{error.source, error.destination, net::load_be16(tcp), net::load_be16(tcp + 2)},
                            tcp::Seq{net::load_be32(tcp + 4)},
                            is_hard,
                            is_too_big,
                            error.mtu};
}

std::vector<std::uint8_t> make_packet(const net::IpAddress& source, const net::IpAddress& target,
                                      std::uint8_t ecn, std::span<const std::uint8_t> tcp) {
  BYWAY_ASSERT(source.is_v4() == target.is_v4());
  const std::size_t header_bytes = source.is_v4() ? net::ipv4_header_bytes : ipv6_header_bytes;
  std::vector<std::uint8_t> packet(header_bytes + tcp.size());
  const auto body = std::span(packet).subspan(header_bytes);
  std::copy(tcp.begin(), tcp.end(), body.begin());
  const RawSegment segment{source, target, ecn, body};
  if (source.is_v4()) {
    net::Ipv4Header header;
    header.source = source.v4();
    header.destination = target.v4();
    header.traffic_class = ecn;
    header.payload_bytes = static_cast<std::uint16_t>(tcp.size());
    header.write(packet.data());
  } else {
    write_v6(packet.data(), segment);
  }
  const std::uint16_t sum = sum_of(segment).value();
  body[tcp_checksum_at] = static_cast<std::uint8_t>(sum >> 8);
  body[tcp_checksum_at + 1] = static_cast<std::uint8_t>(sum);
  return packet;
}

}  // namespace byway::packetdrill
