// Packets as they are on the wire: IPv4 and TCP with their checksums, octet for octet, so that damage is
// damage and what notices it are the checks of the real headers.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/net/address.h"
#include "dataplane/tcp/segment.h"

namespace byway::sim {

/// From the IP header's first octet to the last of the payload.
using Packet = std::vector<std::uint8_t>;

/// What is in a packet; the spans and views point into it.
struct PacketView {
  net::IpAddress source;
  net::IpAddress target;
  std::uint8_t ecn = 0;               ///< The ECN field (RFC 3168 5).
  std::span<const std::uint8_t> tcp;  ///< TCP header and payload.
};

/// A segment without its payload's checksum (write_header leaves 0) in an IPv4 packet with both checksums.
[[nodiscard]] Packet make_packet(const net::IpAddress& source, const net::IpAddress& target, std::uint8_t ecn,
                                 std::span<const std::uint8_t> header, const Rope& payload);
/// Where one part of a packet made by hand lies: header and payload as plain octets.
[[nodiscard]] Packet make_packet(const net::IpAddress& source, const net::IpAddress& target, std::uint8_t ecn,
                                 std::span<const std::uint8_t> header, std::span<const std::uint8_t> payload);
/// False: damaged (length, IP checksum, TCP checksum), or no TCP.
[[nodiscard]] bool parse_packet(const Packet& packet, PacketView& out);

/// A router's congestion mark: CE instead of ECT, the header's checksum made right. False: not ECN-capable.
bool mark_congestion(Packet& packet);
void flip_bit(Packet& packet, std::uint64_t bit);

}  // namespace byway::sim
