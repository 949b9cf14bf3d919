// Neighbour solicitations and advertisements (RFC 4861 4.3, 4.4) as values: parse with the checks of 7.1.1
// and 7.1.2, and write. Who answers and who remembers is in host_ndp.cpp and neighbors.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/net/address.h"
#include "dataplane/net/counters.h"
#include "dataplane/net/ipv6.h"

namespace byway::net {

/// Only a neighbour's packet arrives with this hop limit: no router has passed it on (RFC 4861 3.1).
inline constexpr std::uint8_t ndp_hop_limit = 255;
/// Most options looked at. The two messages have one of their own, SEND (RFC 3971) adds four.
inline constexpr std::size_t ndp_options_max = 8;
/// Longest message that we write: 24 bytes and one option of 8.
inline constexpr std::size_t ndp_message_bytes_max = 32;

struct NeighborMessage {
  bool is_solicitation = true;
  /// Of an advertisement: its sender is a router; it is an answer; what it says replaces what was known.
  bool router = false;
  bool solicited = false;
  bool override_known = false;
  IpAddress target;
  /// The sender's of a solicitation, the target's of an advertisement.
  std::optional<MacAddress> mac;

  /// Reads a message whose checksum is right; `ip` is what it came in. ndp_malformed: it fails a check.
  [[nodiscard]] static DropReason parse(const Ipv6View& ip, std::span<const std::uint8_t> message,
                                        NeighborMessage& out);
  /// Returns how many bytes it wrote; the checksum is left at 0.
  std::size_t write(std::span<std::uint8_t, ndp_message_bytes_max> out) const;
};

}  // namespace byway::net
