// ICMPv6 (RFC 4443): echo, and errors about packets that we sent. Neighbour discovery and listener queries
// travel in its messages too; their fields are read by ndp.h and mld.h.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/net/address.h"
#include "dataplane/net/counters.h"
#include "dataplane/net/icmp.h"
#include "dataplane/net/ipv6.h"

namespace byway::net {

enum class Icmpv6Type : std::uint8_t {
  destination_unreachable = 1,
  packet_too_big = 2,
  time_exceeded = 3,
  parameter_problem = 4,
  echo_request = 128,
  echo_reply = 129,
  listener_query = 130,
  router_solicitation = 133,
  router_advertisement = 134,
  neighbor_solicitation = 135,
  neighbor_advertisement = 136,
  redirect = 137,
  listener_report_v2 = 143,
};

enum class Icmpv6Kind : std::uint8_t { echo_request, error, neighbor_discovery, listener_query };

/// What an ICMPv6 message from `source` to `destination` is; its checksum covers them (RFC 4443 2.3). none:
/// `kind` is set, and for an error `error` as well. icmp_mtu: a packet too big that reports less than every
/// path has. ndp_router: what only routers and hosts that follow them speak of.
[[nodiscard]] DropReason parse_icmpv6(const IpAddress& source, const IpAddress& destination,
                                      std::span<const std::uint8_t> message, Icmpv6Kind& kind,
                                      IcmpError& error);

/// As quote() of icmp.h, for an IPv6 packet: extension headers are skipped.
[[nodiscard]] bool quote_ipv6(std::span<const std::uint8_t> packet, IcmpError& error);

/// Turns an echo request (checked by parse_icmpv6) into its answer in place (RFC 4443 4.2); `source` and
/// `destination` are the answer's.
void make_echo_reply_v6(const IpAddress& source, const IpAddress& destination,
                        std::span<std::uint8_t> message);

/// Computes the checksum of a message, whose own field may hold anything, and stores it there.
void store_icmpv6_checksum(const IpAddress& source, const IpAddress& destination,
                           std::span<std::uint8_t> message);

}  // namespace byway::net
