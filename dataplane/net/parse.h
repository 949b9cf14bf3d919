// From frame to view: everything that can be said about a frame without knowing our addresses. A frame is
// either understood or has a DropReason; nothing in between.
#pragma once

#include <cstdint>

#include "dataplane/net/arp.h"
#include "dataplane/net/counters.h"
#include "dataplane/net/ethernet.h"
#include "dataplane/net/ipv4.h"
#include "dataplane/net/ipv6.h"
#include "dataplane/rope.h"

namespace byway::net {

/// Position of a port among those of this host.
using LinkIndex = std::uint8_t;

/// A frame as a port delivers it.
struct RxFrame {
  Slice bytes;  ///< from the destination MAC address on, without frame check sequence
  LinkIndex link = 0;
  bool ip_checksum_verified = false;         ///< the port has checked it and it is right
  bool transport_checksum_verified = false;  ///< likewise
  bool is_reassembled = false;               ///< put together from fragments: it is none itself
  bool observe_only = false;  ///< ARP or NDP that is answered elsewhere: learn from it, say nothing
};

enum class FrameKind : std::uint8_t { arp, ipv4, ipv6 };

/// A frame understood. `arp`, `ipv4` or `ipv6` holds by `kind`: clearing all of them for each frame is felt.
struct FrameView {
  FrameView() {}

  EthernetHeader ethernet;
  FrameKind kind = FrameKind::ipv4;
  union {
    ArpPacket arp;
    Ipv4View ipv4;
    Ipv6View ipv6;
  };
};

/// Checks Ethernet, then ARP, IPv4 or IPv6 headers. ip_fragment and ipv6_fragment: `out` holds as parse_ipv4
/// and parse_ipv6 say. On any other failure it is meaningless.
[[nodiscard]] DropReason parse_frame(const RxFrame& frame, FrameView& out);

}  // namespace byway::net
