#include "dataplane/steering.h"

#include "dataplane/mix.h"
#include "dataplane/net/cursor.h"
#include "dataplane/net/ethernet.h"
#include "dataplane/net/icmpv6.h"
#include "dataplane/net/ipv4.h"
#include "dataplane/net/ipv6.h"

namespace byway {

namespace {

constexpr std::uint8_t icmp_destination_unreachable = 3;
constexpr std::uint8_t icmp_time_exceeded = 11;
constexpr std::uint8_t icmpv6_first_that_is_no_error = 128;

/// An IP packet's start, as far as steering needs it.
struct Start {
  std::uint8_t protocol;
  net::IpAddress source;
  net::IpAddress destination;
  std::span<const std::uint8_t> payload;
};

std::optional<Start> start_of_ipv4(std::span<const std::uint8_t> packet) {
  if (packet.size() < net::ipv4_header_bytes) return std::nullopt;
  const std::size_t header = std::size_t{packet[0] & 15u} * 4;
  if (header < net::ipv4_header_bytes || header > packet.size()) return std::nullopt;
  return Start{packet[9], net::IpAddress::from_v4({net::load_be32(&packet[12])}),
               net::IpAddress::from_v4({net::load_be32(&packet[16])}), packet.subspan(header)};
}

std::optional<Start> start_of_ipv6(std::span<const std::uint8_t> packet) {
  const auto transport = net::find_ipv6_transport(packet);
  if (!transport) return std::nullopt;
  Start start{transport->protocol, {}, {}, packet.subspan(transport->at)};
  std::memcpy(start.source.bytes.data(), &packet[8], sizeof start.source.bytes);
  std::memcpy(start.destination.bytes.data(), &packet[24], sizeof start.destination.bytes);
  return start;
}

/// Whether an ICMP message of this type quotes a packet of ours.
bool is_error(net::EtherType family, std::uint8_t type) {
  if (family == net::EtherType::ipv6) return type < icmpv6_first_that_is_no_error;
  return type == icmp_destination_unreachable || type == icmp_time_exceeded;
}

std::optional<Start> start_of(net::EtherType family, std::span<const std::uint8_t> packet) {
  switch (family) {
    case net::EtherType::ipv4:
      return start_of_ipv4(packet);
    case net::EtherType::ipv6:
      return start_of_ipv6(packet);
    case net::EtherType::arp:
      break;
  }
  return std::nullopt;
}

}  // namespace

std::uint64_t Steering::hash_of_end(const net::IpAddress& ip, std::uint16_t port) const {
  if (ip.is_v4()) return mix((std::uint64_t{ip.v4().value} << 16 | port) ^ key_);
  // Each half goes through the key's mixer, so that no choice of one cancels the other.
  return mix((mix(ip.half(0) ^ key_) ^ ip.half(1)) + port);
}

std::uint32_t Steering::owner(net::LinkIndex link, const net::IpAddress& remote, std::uint16_t remote_port,
                              const net::IpAddress& local, std::uint16_t local_port) const {
  const RssPlan* rss = rss_of(link);
  if (rss != nullptr) return rss->queue_of(remote, remote_port, local, local_port);
  return spread(remote, remote_port, local, local_port);
}

std::uint32_t Steering::spread(const net::IpAddress& ip_a, std::uint16_t port_a, const net::IpAddress& ip_b,
                               std::uint16_t port_b) const {
  // A sum does not know which end is which. The upper bits scaled: as good as a remainder, and no division.
  const std::uint64_t both = hash_of_end(ip_a, port_a) + hash_of_end(ip_b, port_b);
  return static_cast<std::uint32_t>((mix(both) >> 32) * worker_count_ >> 32);
}

std::optional<std::uint32_t> Steering::owner_of_piece(net::EtherType family,
                                                      std::span<const std::uint8_t> packet) const {
  net::IpAddress source;
  net::IpAddress destination;
  std::uint32_t identification = 0;
  if (family == net::EtherType::ipv4) {
    constexpr std::uint16_t offset_or_more = 0x3fff;  // RFC 791 3.1
    if (packet.size() < net::ipv4_header_bytes) return std::nullopt;
    if ((net::load_be16(&packet[6]) & offset_or_more) == 0) return std::nullopt;
    source = net::IpAddress::from_v4({net::load_be32(&packet[12])});
    destination = net::IpAddress::from_v4({net::load_be32(&packet[16])});
    identification = net::load_be16(&packet[4]);
  } else {
    const auto found = net::find_ipv6_fragment(packet);
    if (!found) return std::nullopt;
    std::memcpy(source.bytes.data(), &packet[8], sizeof source.bytes);
    std::memcpy(destination.bytes.data(), &packet[24], sizeof destination.bytes);
    identification = *found;
  }
  return spread(source, static_cast<std::uint16_t>(identification), destination,
                static_cast<std::uint16_t>(identification >> 16));
}

std::optional<std::uint32_t> Steering::find_owner(std::span<const std::uint8_t> frame, net::LinkIndex link,
                                                  bool is_placed) const {
  if (frame.size() < net::ethernet_header_bytes) return std::nullopt;
  const auto family = static_cast<net::EtherType>(net::load_be16(&frame[12]));
  if (family != net::EtherType::ipv4 && family != net::EtherType::ipv6) return std::nullopt;
  if (const auto piece = owner_of_piece(family, frame.subspan(net::ethernet_header_bytes))) return piece;
  auto packet = start_of(family, frame.subspan(net::ethernet_header_bytes));
  if (!packet) return std::nullopt;
  bool is_ours = false;  // we sent it: its source is the local end
  const net::Protocol icmp = family == net::EtherType::ipv4 ? net::Protocol::icmp : net::Protocol::icmpv6;
  if (packet->protocol == static_cast<std::uint8_t>(icmp)) {
    if (packet->payload.size() < net::icmp_header_bytes || !is_error(family, packet->payload[0])) {
      return std::nullopt;
    }
    packet = start_of(family, packet->payload.subspan(net::icmp_header_bytes));  // what the error is about
    if (!packet) return std::nullopt;
    is_ours = true;
  }
  if (is_placed && !is_ours) return std::nullopt;
  if (packet->protocol != static_cast<std::uint8_t>(net::Protocol::tcp) || packet->payload.size() < 4) {
    return std::nullopt;
  }
  const std::uint16_t source_port = net::load_be16(&packet->payload[0]);
  const std::uint16_t destination_port = net::load_be16(&packet->payload[2]);
  return is_ours ? owner(link, packet->destination, destination_port, packet->source, source_port)
                 : owner(link, packet->source, source_port, packet->destination, destination_port);
}

bool is_about_neighbors(std::span<const std::uint8_t> frame) {
  if (frame.size() < net::ethernet_header_bytes) return false;
  const auto type = static_cast<net::EtherType>(net::load_be16(&frame[12]));
  if (type == net::EtherType::arp) return true;
  if (type != net::EtherType::ipv6) return false;
  const auto packet = start_of_ipv6(frame.subspan(net::ethernet_header_bytes));
  if (!packet || packet->protocol != static_cast<std::uint8_t>(net::Protocol::icmpv6)) return false;
  if (packet->payload.empty()) return false;
  const auto message = static_cast<net::Icmpv6Type>(packet->payload[0]);
  return message == net::Icmpv6Type::neighbor_solicitation ||
         message == net::Icmpv6Type::neighbor_advertisement || message == net::Icmpv6Type::listener_query;
}

}  // namespace byway
