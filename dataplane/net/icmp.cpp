#include "dataplane/net/icmp.h"

#include <cstring>

#include "dataplane/net/checksum.h"
#include "dataplane/net/cursor.h"
#include "dataplane/net/ipv4.h"

namespace byway::net {

namespace {

constexpr std::uint8_t type_echo_reply = 0;
constexpr std::uint8_t type_destination_unreachable = 3;
constexpr std::uint8_t type_echo_request = 8;
constexpr std::uint8_t type_time_exceeded = 11;

/// False: a code that RFC 792 and RFC 1812 do not know.
bool kind_of_unreachable(std::uint8_t code, ErrorKind& kind) {
  switch (code) {
    case 0:
    case 5:
    case 6:
    case 7:
    case 8:
    case 11:
    case 12:
      kind = ErrorKind::net_unreachable;
      return true;
    case 1:
      kind = ErrorKind::host_unreachable;
      return true;
    case 2:
      kind = ErrorKind::protocol_unreachable;
      return true;
    case 3:
      kind = ErrorKind::port_unreachable;
      return true;
    case 4:
      kind = ErrorKind::packet_too_big;
      return true;
    case 9:
    case 10:
    case 13:
    case 14:
    case 15:
      kind = ErrorKind::prohibited;
      return true;
    default:
      return false;
  }
}

}  // namespace

/// Of a packet in an ICMP message there are its header and at least 8 bytes of its payload (RFC 1122 3.2.2).
/// It is cut off by design, so the checks of parse_ipv4 on lengths and checksum do not apply.
bool quote(std::span<const std::uint8_t> quoted, IcmpError& error) {
  if (quoted.size() < ipv4_header_bytes || quoted[0] >> 4 != 4) return false;
  const std::size_t header_bytes = std::size_t{quoted[0] & 15u} * 4;
  if (header_bytes < ipv4_header_bytes || quoted.size() < header_bytes + error.transport.size()) return false;
  constexpr std::uint16_t fragment_offset_mask = 0x1fff;
  if ((load_be16(&quoted[6]) & fragment_offset_mask) != 0) return false;  // its ports are elsewhere
  error.protocol = quoted[9];
  error.source = IpAddress::from_v4({load_be32(&quoted[12])});
  error.destination = IpAddress::from_v4({load_be32(&quoted[16])});
  std::memcpy(error.transport.data(), &quoted[header_bytes], error.transport.size());
  return true;
}

DropReason parse_icmp(std::span<const std::uint8_t> message, IcmpKind& kind, IcmpError& error) {
  if (message.size() < icmp_header_bytes || checksum(message) != 0) {
    return DropReason::icmp_malformed;
  }
  const std::uint8_t type = message[0];
  const std::uint8_t code = message[1];
  if (type == type_echo_request && code == 0) {
    kind = IcmpKind::echo_request;
    return DropReason::none;
  }
  kind = IcmpKind::error;
  error.mtu = 0;
  if (type == type_time_exceeded) {
    error.kind = ErrorKind::net_unreachable;
  } else if (type != type_destination_unreachable || !kind_of_unreachable(code, error.kind)) {
    return DropReason::icmp_type;
  }
  if (type == type_destination_unreachable && error.kind == ErrorKind::packet_too_big) {
    error.mtu = load_be16(&message[6]);
  }
  return quote(message.subspan(icmp_header_bytes), error) ? DropReason::none : DropReason::icmp_malformed;
}

void make_echo_reply(std::span<std::uint8_t> message) {
  message[0] = type_echo_reply;
  store_be16(&message[2], 0);
  store_be16(&message[2], checksum(message));
}

}  // namespace byway::net
