// Multicast listener discovery, version 2 (RFC 3810), as far as a host needs it that listens to the groups of
// its own addresses: queries are read, reports written. Switches that forward a group only to those who have
// reported it would keep neighbour solicitations from us otherwise (RFC 4541 3).
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/clock.h"
#include "dataplane/net/address.h"
#include "dataplane/net/counters.h"
#include "dataplane/net/ipv6.h"

namespace byway::net {

/// Where reports go, ff02::16, and their hop limit (RFC 3810 5.2.14, 5).
inline constexpr IpAddress mld_report_group{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16}};
inline constexpr std::uint8_t mld_hop_limit = 1;

/// What a report says of its group (RFC 3810 5.2.12); sources are never excepted.
enum class MldRecord : std::uint8_t {
  is_listening = 2,      ///< MODE_IS_EXCLUDE, in answer to a query
  stops_listening = 3,   ///< CHANGE_TO_INCLUDE_MODE
  starts_listening = 4,  ///< CHANGE_TO_EXCLUDE_MODE
};

struct MldQuery {
  IpAddress group;          ///< unspecified: all groups
  Nanoseconds delay_max{};  ///< by then an answer is wanted

  /// Reads a message whose checksum is right; `ip` is what it came in. mld_malformed: it fails a check of RFC
  /// 3810 6.2 (whether it had a router alert is not looked at) or 5.1.
  [[nodiscard]] static DropReason parse(const Ipv6View& ip, std::span<const std::uint8_t> message,
                                        MldQuery& out);
};

/// Hop-by-hop options with the router alert, then the message with one record.
inline constexpr std::size_t mld_alert_bytes = 8;
inline constexpr std::size_t mld_report_bytes = mld_alert_bytes + 28;

/// Writes what follows the IPv6 header, whose next header is Protocol::hop_by_hop; `source` is that header's.
void write_mld_report(MldRecord record, const IpAddress& group, const IpAddress& source,
                      std::span<std::uint8_t, mld_report_bytes> out);

}  // namespace byway::net
