#include "dataplane/steering.h"

#include "dataplane/net/cursor.h"
#include "dataplane/net/ethernet.h"
#include "dataplane/net/ipv4.h"

namespace byway {

namespace {

constexpr std::size_t icmp_error_header_bytes = 8;
constexpr std::uint8_t icmp_destination_unreachable = 3;
constexpr std::uint8_t icmp_time_exceeded = 11;

std::uint64_t mix(std::uint64_t value) {
  value ^= value >> 32;
  value *= 0xd6e8feb86659fd93ULL;
  value ^= value >> 32;
  value *= 0xd6e8feb86659fd93ULL;
  return value ^ value >> 32;
}

/// An IPv4 packet's start, as far as steering needs it.
struct Start {
  std::uint8_t protocol;
  std::uint32_t source;
  std::uint32_t destination;
  std::span<const std::uint8_t> payload;
};

std::optional<Start> start_of(std::span<const std::uint8_t> packet) {
  if (packet.size() < net::ipv4_header_bytes) return std::nullopt;
  const std::size_t header = std::size_t{packet[0] & 15u} * 4;
  if (header < net::ipv4_header_bytes || header > packet.size()) return std::nullopt;
  return Start{packet[9], net::load_be32(&packet[12]), net::load_be32(&packet[16]), packet.subspan(header)};
}

}  // namespace

std::uint32_t Steering::owner(std::uint32_t ip_a, std::uint16_t port_a, std::uint32_t ip_b,
                              std::uint16_t port_b) const {
  const std::uint64_t a = mix((std::uint64_t{ip_a} << 16 | port_a) ^ key_);
  const std::uint64_t b = mix((std::uint64_t{ip_b} << 16 | port_b) ^ key_);
  // A sum does not know which end is which. The upper bits scaled: as good as a remainder, and no division.
  return static_cast<std::uint32_t>((mix(a + b) >> 32) * worker_count_ >> 32);
}

std::optional<std::uint32_t> Steering::owner_of(std::span<const std::uint8_t> frame) const {
  if (frame.size() < net::ethernet_header_bytes ||
      net::load_be16(&frame[12]) != static_cast<std::uint16_t>(net::EtherType::ipv4)) {
    return std::nullopt;
  }
  auto packet = start_of(frame.subspan(net::ethernet_header_bytes));
  if (!packet) return std::nullopt;
  if (packet->protocol == static_cast<std::uint8_t>(net::Protocol::icmp)) {
    if (packet->payload.size() < icmp_error_header_bytes) return std::nullopt;
    const std::uint8_t type = packet->payload[0];
    if (type != icmp_destination_unreachable && type != icmp_time_exceeded) return std::nullopt;
    packet = start_of(packet->payload.subspan(icmp_error_header_bytes));  // what the error is about
    if (!packet) return std::nullopt;
  }
  if (packet->protocol != static_cast<std::uint8_t>(net::Protocol::tcp) || packet->payload.size() < 4) {
    return std::nullopt;
  }
  return owner(packet->source, net::load_be16(&packet->payload[0]), packet->destination,
               net::load_be16(&packet->payload[2]));
}

bool is_arp(std::span<const std::uint8_t> frame) {
  return frame.size() >= net::ethernet_header_bytes &&
         net::load_be16(&frame[12]) == static_cast<std::uint16_t>(net::EtherType::arp);
}

}  // namespace byway
