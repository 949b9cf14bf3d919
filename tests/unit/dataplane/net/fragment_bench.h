// Packets cut into pieces, for tests and fuzzing of their reassembly.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "dataplane/net/checksum.h"
#include "dataplane/net/cursor.h"
#include "dataplane/net/fragments.h"
#include "dataplane/net/ipv4.h"

namespace byway::net::test {

using Octets = std::vector<std::uint8_t>;

inline constexpr std::uint8_t tcp = 6;
inline constexpr std::uint8_t icmp = 1;
inline constexpr std::uint8_t icmpv6 = 58;
inline constexpr std::uint8_t udp = 17;

inline IpAddress v4_host(std::uint32_t number) {
  return IpAddress::from_v4({0x0a000000u + number});
}
/// Station `number` of network `network`.
inline IpAddress v6_host(std::uint16_t network, std::uint32_t number) {
  IpAddress address{{0x20, 0x01, 0x0d, 0xb8}};
  store_be16(&address.bytes[6], network);
  store_be32(&address.bytes[12], number);
  return address;
}

/// A packet before it is cut.
struct Original {
  IpAddress source = v4_host(2);
  IpAddress destination = v4_host(1);
  std::uint8_t protocol = tcp;
  std::uint32_t identification = 77;
  std::uint8_t traffic_class = 0;
  Octets payload;
};

/// A header of TCP, and bytes that tell where they stand.
inline Octets payload_of(std::uint32_t bytes, std::uint8_t seed = 0) {
  Octets payload(bytes);
  for (std::uint32_t i = 0; i < bytes; ++i) {
    payload[i] = static_cast<std::uint8_t>(i * 7 + i / 251 + seed);
  }
  if (bytes > 12) payload[12] = 0x50;
  return payload;
}

inline void write_ip(const Original& packet, std::uint32_t payload_bytes, std::uint16_t fragment_field,
                     std::uint8_t next_header, std::uint8_t* out) {
  const std::uint8_t traffic = packet.traffic_class;
  if (packet.source.is_v4()) {
    out[0] = 0x45;
    out[1] = traffic;
    store_be16(out + 2, static_cast<std::uint16_t>(20 + payload_bytes));
    store_be16(out + 4, static_cast<std::uint16_t>(packet.identification));
    store_be16(out + 6, fragment_field);
    out[8] = 61;
    out[9] = packet.protocol;
    store_be16(out + 10, 0);
    store_be32(out + 12, packet.source.v4().value);
    store_be32(out + 16, packet.destination.v4().value);
    store_be16(out + 10, checksum({out, 20}));
    return;
  }
  out[0] = static_cast<std::uint8_t>(0x60 | traffic >> 4);
  out[1] = static_cast<std::uint8_t>(traffic << 4);
  store_be16(out + 2, 0);
  store_be16(out + 4, static_cast<std::uint16_t>(payload_bytes));
  out[6] = next_header;
  out[7] = 61;
  std::memcpy(out + 8, packet.source.bytes.data(), 16);
  std::memcpy(out + 24, packet.destination.bytes.data(), 16);
}

/// The frame of the packet in one piece.
inline Octets whole_of(const Original& packet) {
  const std::size_t header = ethernet_header_bytes + (packet.source.is_v4() ? 20 : 40);
  Octets frame(header + packet.payload.size(), 0xee);
  const auto bytes = static_cast<std::uint32_t>(packet.payload.size());
  write_ip(packet, bytes, 0, packet.protocol, frame.data() + ethernet_header_bytes);
  std::memcpy(frame.data() + header, packet.payload.data(), packet.payload.size());
  return frame;
}

struct Piece {
  Fragment fragment;
  Octets frame;
};

/// Bytes [first, end) of the packet as a piece of it.
inline Piece piece_of(const Original& packet, std::uint32_t first, std::uint32_t end, bool more) {
  const bool v4 = packet.source.is_v4();
  const std::size_t ip_bytes = v4 ? 20 : 40;
  const std::size_t payload_at = ethernet_header_bytes + ip_bytes + (v4 ? 0 : 8);
  Piece piece;
  piece.frame.assign(payload_at + (end - first), 0xee);
  const auto offset_field =
      static_cast<std::uint16_t>(v4 ? first / 8 | (more ? 0x2000u : 0u) : first | (more ? 1u : 0u));
  std::uint8_t* ip = piece.frame.data() + ethernet_header_bytes;
  write_ip(packet, end - first + (v4 ? 0 : 8), offset_field, 44, ip);
  if (!v4) {
    ip[40] = packet.protocol;
    ip[41] = 0;
    store_be16(ip + 42, offset_field);
    store_be32(ip + 44, packet.identification);
  }
  if (end > first) std::memcpy(piece.frame.data() + payload_at, packet.payload.data() + first, end - first);
  piece.fragment.source = packet.source;
  piece.fragment.destination = packet.destination;
  piece.fragment.identification = packet.identification;
  piece.fragment.protocol = packet.protocol;
  piece.fragment.more = more;
  piece.fragment.offset = static_cast<std::uint16_t>(first);
  piece.fragment.header_bytes = static_cast<std::uint16_t>(ethernet_header_bytes + ip_bytes);
  piece.fragment.next_header_at = v4 ? 0 : ethernet_header_bytes + 6;
  piece.fragment.payload_at = static_cast<std::uint16_t>(payload_at);
  piece.fragment.payload_bytes = static_cast<std::uint16_t>(end - first);
  return piece;
}

/// The packet in pieces of `bytes` each, but for the last.
inline std::vector<Piece> cut(const Original& packet, std::uint32_t bytes) {
  std::vector<Piece> pieces;
  const auto total = static_cast<std::uint32_t>(packet.payload.size());
  for (std::uint32_t first = 0; first < total; first += bytes) {
    const std::uint32_t end = std::min(first + bytes, total);
    pieces.push_back(piece_of(packet, first, end, end < total));
  }
  return pieces;
}

}  // namespace byway::net::test
