// The IPv4 header (RFC 791, RFC 1122 3.2.1) as a value: strict on input, plain on output.
//
// Output never has options and never is a fragment: DF is set and the identification is 0, as RFC 6864 4.1
// allows for packets that are atomic.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/net/address.h"
#include "dataplane/net/counters.h"
#include "dataplane/net/protocol.h"

namespace byway::net {

inline constexpr std::size_t ipv4_header_bytes = 20;
inline constexpr std::size_t ipv4_header_bytes_max = 60;
/// Time to live of what we send (RFC 1122 3.2.1.7 asks for at least 64 hops).
inline constexpr std::uint8_t ipv4_ttl = 64;

/// What a received header says, after all checks.
struct Ipv4View {
  Ipv4Address source;
  Ipv4Address destination;
  std::uint8_t protocol = 0;
  std::uint8_t traffic_class = 0;  ///< DSCP and ECN
  std::uint8_t ttl = 0;            ///< any value is accepted (RFC 1122 3.2.1.7: a host must not drop on TTL)
  std::uint16_t header_bytes = 0;
  std::uint16_t total_bytes = 0;  ///< header and payload; what follows in the frame is padding
  std::uint16_t identification = 0;
  std::uint16_t fragment_offset = 0;  ///< in bytes
  bool more_fragments = false;
};

/// Reads and checks the header at the start of `packet` (a frame without its Ethernet header).
/// `checksum_verified`: the port has checked it already. ip_fragment: it is a piece of a packet, and `out`
/// holds. On any other failure `out` is meaningless.
[[nodiscard]] DropReason parse_ipv4(std::span<const std::uint8_t> packet, bool checksum_verified,
                                    Ipv4View& out);

struct Ipv4Header {
  Ipv4Address source;
  Ipv4Address destination;
  Protocol protocol = Protocol::tcp;
  std::uint8_t traffic_class = 0;
  std::uint16_t payload_bytes = 0;

  /// Writes 20 bytes, the checksum included, or 0 in its place.
  void write(std::uint8_t* out, bool with_checksum = true) const;
};

/// A source address that no packet to us may have: this network, loopback, multicast, class E, broadcast
/// (RFC 1122 3.2.1.3, RFC 6890).
[[nodiscard]] constexpr bool is_martian_source(Ipv4Address address) {
  const std::uint32_t top = address.value >> 24;
  return top == 0 || top == 127 || top >= 224;
}

}  // namespace byway::net
