// The IPv6 header and its extension headers (RFC 8200) as values: strict on input, plain on output.
//
// Extension headers are walked, not obeyed: nothing in them concerns a host that does not forward, but for
// the options that ask not to be ignored and the routes that ask to be followed. Both are refused. What we
// send has no extension headers and never is a fragment.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/net/address.h"
#include "dataplane/net/counters.h"
#include "dataplane/net/protocol.h"

namespace byway::net {

inline constexpr std::size_t ipv6_header_bytes = 40;
/// Hop limit of what we send (RFC 8200 3; the value that IANA keeps as default).
inline constexpr std::uint8_t ipv6_hop_limit = 64;
/// No link that carries IPv6 has a smaller MTU, and no path (RFC 8200 5).
inline constexpr std::uint16_t ipv6_mtu_min = 1280;

/// Most extension headers: each kind once in the order that RFC 8200 4.1 recommends, destination options
/// twice.
inline constexpr std::size_t ipv6_extensions_max = 5;
/// Most bytes in all of them. RFC 8504 5.3 lets a host refuse more than 64 in one header of options; chains
/// that reach a gateway are a few dozen long.
inline constexpr std::size_t ipv6_extension_bytes_max = 256;

/// What a fragment header (RFC 8200 4.5) says, and where it stood: all that reassembly needs.
struct Ipv6Fragment {
  std::uint32_t identification = 0;
  std::uint16_t offset_bytes = 0;    ///< of this piece in the fragmentable part
  bool more = false;                 ///< this is not the last piece
  std::uint8_t next_header = 0;      ///< first header of the fragmentable part
  std::uint16_t next_header_at = 0;  ///< where in the packet the byte lies that names the fragment header
  std::uint16_t header_at = 0;       ///< where the fragment header lies; the piece begins 8 bytes further
};
inline constexpr std::size_t ipv6_fragment_header_bytes = 8;

/// What received headers say, after all checks.
struct Ipv6View {
  IpAddress source;           ///< may be unspecified, which only a probe for duplicate addresses may have
  IpAddress destination;      ///< may be a group
  std::uint8_t protocol = 0;  ///< behind all extension headers
  std::uint8_t traffic_class = 0;  ///< DSCP and ECN
  std::uint8_t hop_limit = 0;      ///< any value is accepted: a host forwards nothing (RFC 8200 3)
  bool has_fragment_header = false;
  std::uint16_t header_bytes = 0;  ///< with extension headers
  std::uint16_t protocol_at = 0;   ///< the byte that names `protocol`
  std::uint32_t total_bytes = 0;   ///< headers and payload; what follows in the frame is padding
  Ipv6Fragment fragment;           ///< if has_fragment_header
};

/// Reads and checks the headers at the start of `packet` (a frame without its Ethernet header). A fragment
/// that is a whole packet (RFC 6946) is read like one. ipv6_fragment: all of `out` up to the fragment header
/// holds, and `fragment`, but not `protocol` and `header_bytes`. On any other failure `out` is meaningless.
[[nodiscard]] DropReason parse_ipv6(std::span<const std::uint8_t> packet, Ipv6View& out);

/// Where the transport's header begins in a packet of which perhaps only the start is there, and which nobody
/// has checked: of what an ICMP error quotes, or to choose a worker. nullopt: it is no IPv6 packet, it is a
/// later fragment, or the bounds above end the search.
struct Ipv6Transport {
  std::uint8_t protocol = 0;
  std::size_t at = 0;  ///< at most the size of the packet
};
[[nodiscard]] std::optional<Ipv6Transport> find_ipv6_transport(std::span<const std::uint8_t> packet);

/// The identification of a packet of which this is a piece, as unchecked as above. nullopt: it is no piece.
[[nodiscard]] std::optional<std::uint32_t> find_ipv6_fragment(std::span<const std::uint8_t> packet);

struct Ipv6Header {
  IpAddress source;
  IpAddress destination;
  Protocol protocol = Protocol::tcp;
  std::uint8_t traffic_class = 0;
  std::uint8_t hop_limit = ipv6_hop_limit;
  std::uint16_t payload_bytes = 0;

  /// Writes 40 bytes; the flow label is 0 (RFC 6437 3: a source may leave flows unlabelled).
  void write(std::uint8_t* out) const;
};

}  // namespace byway::net
