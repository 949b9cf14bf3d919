#include "tests/sim/wire.h"

#include <algorithm>

#include "dataplane/assert.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/cursor.h"
#include "dataplane/net/ipv4.h"

namespace byway::sim {

namespace {

constexpr auto protocol_tcp = static_cast<std::uint8_t>(net::Protocol::tcp);
constexpr std::size_t tcp_checksum_offset = 16;
constexpr std::size_t ip_checksum_offset = 10;
constexpr std::uint8_t ecn_mask = 3;

std::uint16_t tcp_checksum(const net::IpAddress& source, const net::IpAddress& target,
                           std::span<const std::uint8_t> tcp) {
  net::Checksum sum;
  sum.add_pseudo_header(source, target, protocol_tcp, static_cast<std::uint32_t>(tcp.size()));
  sum.add(tcp);
  return sum.value();
}

Packet begin_packet(const net::IpAddress& source, const net::IpAddress& target, std::uint8_t ecn,
                    std::span<const std::uint8_t> header, std::size_t payload_bytes) {
  BYWAY_ASSERT(header.size() >= tcp::header_bytes_min && header[tcp_checksum_offset] == 0 &&
               header[tcp_checksum_offset + 1] == 0);
  Packet packet(net::ipv4_header_bytes + header.size() + payload_bytes);
  const net::Ipv4Header ip{source.v4(), target.v4(), net::Protocol::tcp, ecn,
                           static_cast<std::uint16_t>(header.size() + payload_bytes)};
  ip.write(packet.data());
  std::copy(header.begin(), header.end(), packet.begin() + net::ipv4_header_bytes);
  return packet;
}

void end_packet(const net::IpAddress& source, const net::IpAddress& target, Packet& packet) {
  const auto tcp = std::span(packet).subspan(net::ipv4_header_bytes);
  net::store_be16(tcp.data() + tcp_checksum_offset, tcp_checksum(source, target, tcp));
}

}  // namespace

Packet make_packet(const net::IpAddress& source, const net::IpAddress& target, std::uint8_t ecn,
                   std::span<const std::uint8_t> header, const Rope& payload) {
  Packet packet = begin_packet(source, target, ecn, header, payload.size());
  payload.copy_to(0, std::span(packet).subspan(net::ipv4_header_bytes + header.size()));
  end_packet(source, target, packet);
  return packet;
}

Packet make_packet(const net::IpAddress& source, const net::IpAddress& target, std::uint8_t ecn,
                   std::span<const std::uint8_t> header, std::span<const std::uint8_t> payload) {
  Packet packet = begin_packet(source, target, ecn, header, payload.size());
  std::copy(payload.begin(), payload.end(), packet.end() - static_cast<std::ptrdiff_t>(payload.size()));
  end_packet(source, target, packet);
  return packet;
}

bool parse_packet(const Packet& packet, PacketView& out) {
  net::Ipv4View ip;
  if (net::parse_ipv4(packet, false, ip) != net::DropReason::none || ip.protocol != protocol_tcp)
    return false;
  out.source = net::IpAddress::from_v4(ip.source);
  out.target = net::IpAddress::from_v4(ip.destination);
  out.ecn = ip.traffic_class & ecn_mask;
  out.tcp = std::span(packet).subspan(ip.header_bytes, ip.total_bytes - ip.header_bytes);
  return tcp_checksum(out.source, out.target, out.tcp) == 0;
}

bool mark_congestion(Packet& packet) {
  if ((packet[1] & ecn_mask) == tcp::ecn::not_capable) return false;
  packet[1] |= tcp::ecn::congested;
  net::store_be16(packet.data() + ip_checksum_offset, 0);
  net::store_be16(packet.data() + ip_checksum_offset,
                  net::checksum(std::span(packet).first(net::ipv4_header_bytes)));
  return true;
}

void flip_bit(Packet& packet, std::uint64_t bit) {
  packet[bit / 8] = static_cast<std::uint8_t>(packet[bit / 8] ^ 1u << bit % 8);
}

}  // namespace byway::sim
