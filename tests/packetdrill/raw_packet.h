// Packets without a link layer, as a tunnel device carries them: an IPv4 or IPv6 header and a TCP segment, or
// an ICMP error about one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/net/address.h"
#include "dataplane/tcp/stack.h"

namespace byway::packetdrill {

/// A segment and what its IP header says of it.
struct RawSegment {
  net::IpAddress source;
  net::IpAddress target;
  std::uint8_t ecn = 0;
  std::span<const std::uint8_t> tcp;  ///< Header and payload, inside the packet.
};

/// Reads a packet. Nothing: no TCP, a header that says what cannot be, or a wrong checksum.
[[nodiscard]] std::optional<RawSegment> read_packet(std::span<const std::uint8_t> packet);

/// Reads an ICMP error about a TCP segment. Nothing: no such one, or a wrong checksum.
[[nodiscard]] std::optional<tcp::DeliveryError> read_error(std::span<const std::uint8_t> packet);

/// A packet around `tcp`, whose checksum it fills in. Asserted: both addresses are of one family.
[[nodiscard]] std::vector<std::uint8_t> make_packet(const net::IpAddress& source,
                                                    const net::IpAddress& target, std::uint8_t ecn,
                                                    std::span<const std::uint8_t> tcp);

}  // namespace byway::packetdrill
