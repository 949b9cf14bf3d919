// What an IP header says that it carries (IANA protocol numbers).
#pragma once

#include <cstdint>

namespace byway::net {

/// The protocols that this layer knows. The two ICMPs belong to one IP version each.
/// Hop-by-hop options are what an IPv6 header names before another protocol.
enum class Protocol : std::uint8_t { hop_by_hop = 0, icmp = 1, tcp = 6, icmpv6 = 58 };

}  // namespace byway::net
