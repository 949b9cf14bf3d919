#include "dataplane/net/icmpv6.h"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.h"
#include "dataplane/net/cursor.h"

namespace byway::net {

namespace {

constexpr std::size_t checksum_offset = 2;

Checksum sum_of(const IpAddress& source, const IpAddress& destination,
                std::span<const std::uint8_t> message) {
  Checksum sum;
  sum.add_pseudo_header(source, destination, static_cast<std::uint8_t>(Protocol::icmpv6),
                        static_cast<std::uint32_t>(message.size()));
  sum.add(message);
  return sum;
}

/// RFC 4443 3.1. False: a code that nobody has defined.
bool kind_of_unreachable(std::uint8_t code, ErrorKind& kind) {
  switch (code) {
    case 0:  // no route
    case 2:  // beyond the scope of the source address
    case 7:  // error in a source route (RFC 6554)
      kind = ErrorKind::net_unreachable;
      return true;
    case 1:  // prohibited
    case 5:  // source address fails a policy
    case 6:  // route that rejects
      kind = ErrorKind::prohibited;
      return true;
    case 3:
      kind = ErrorKind::host_unreachable;
      return true;
    case 4:
      kind = ErrorKind::port_unreachable;
      return true;
    default:
      return false;
  }
}

DropReason parse_error(std::span<const std::uint8_t> message, IcmpError& error) {
  const std::uint8_t code = message[1];
  error.mtu = 0;
  switch (static_cast<Icmpv6Type>(message[0])) {
    case Icmpv6Type::destination_unreachable:
      if (!kind_of_unreachable(code, error.kind)) return DropReason::icmp_type;
      break;
    case Icmpv6Type::packet_too_big: {
      const std::uint32_t mtu = load_be32(&message[4]);
      // RFC 8201 4: no path is narrower, so whoever says so errs or lies.
      if (mtu < ipv6_mtu_min) return DropReason::icmp_mtu;
      error.kind = ErrorKind::packet_too_big;
      error.mtu = static_cast<std::uint16_t>(std::min<std::uint32_t>(mtu, UINT16_MAX));
      break;
    }
    case Icmpv6Type::time_exceeded:
    case Icmpv6Type::parameter_problem:  // soft, whatever it finds wrong (RFC 9293 3.9.2.2)
      error.kind = ErrorKind::net_unreachable;
      break;
    default:
      return DropReason::icmp_type;
  }
  return quote_ipv6(message.subspan(icmp_header_bytes), error) ? DropReason::none
                                                               : DropReason::icmp_malformed;
}

}  // namespace

bool quote_ipv6(std::span<const std::uint8_t> packet, IcmpError& error) {
  const auto transport = find_ipv6_transport(packet);
  if (!transport || packet.size() - transport->at < error.transport.size()) return false;
  error.protocol = transport->protocol;
  std::memcpy(error.source.bytes.data(), &packet[8], sizeof error.source.bytes);
  std::memcpy(error.destination.bytes.data(), &packet[24], sizeof error.destination.bytes);
  std::memcpy(error.transport.data(), &packet[transport->at], error.transport.size());
  return true;
}

DropReason parse_icmpv6(const IpAddress& source, const IpAddress& destination,
                        std::span<const std::uint8_t> message, Icmpv6Kind& kind, IcmpError& error) {
  if (message.size() < icmp_header_bytes || !sum_of(source, destination, message).is_valid()) {
    return DropReason::icmp_malformed;
  }
  constexpr std::uint8_t first_that_is_no_error = 128;
  if (message[0] < first_that_is_no_error) {
    kind = Icmpv6Kind::error;
    return parse_error(message, error);
  }
  switch (static_cast<Icmpv6Type>(message[0])) {
    case Icmpv6Type::echo_request:
      if (message[1] != 0) return DropReason::icmp_type;
      kind = Icmpv6Kind::echo_request;
      return DropReason::none;
    case Icmpv6Type::neighbor_solicitation:
    case Icmpv6Type::neighbor_advertisement:
      kind = Icmpv6Kind::neighbor_discovery;
      return DropReason::none;
    case Icmpv6Type::listener_query:
      kind = Icmpv6Kind::listener_query;
      return DropReason::none;
    case Icmpv6Type::router_solicitation:
    case Icmpv6Type::router_advertisement:
    case Icmpv6Type::redirect:
      return DropReason::ndp_router;
    default:
      return DropReason::icmp_type;
  }
}

void store_icmpv6_checksum(const IpAddress& source, const IpAddress& destination,
                           std::span<std::uint8_t> message) {
  store_be16(&message[checksum_offset], 0);
  store_be16(&message[checksum_offset], sum_of(source, destination, message).value());
}

void make_echo_reply_v6(const IpAddress& source, const IpAddress& destination,
                        std::span<std::uint8_t> message) {
  message[0] = static_cast<std::uint8_t>(Icmpv6Type::echo_reply);
  store_icmpv6_checksum(source, destination, message);
}

}  // namespace byway::net
