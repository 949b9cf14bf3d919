// Of a link that the kernel shares: which frames are the kernel's. It has the port's MAC address too, and
// addresses of its own or those of the port (docs/kernel_path.md). TCP for a port's address is the stack's to
// decide (tcp::RouteSource::not_ours): only it knows listeners and connections.
//
//   kernel only   types other than IP and ARP, addresses that are not ours, protocols and messages that we
//                 do not speak
//   both          what tells of neighbours, ICMP errors, queries for listeners
//   we only       questions for addresses of ours, which are answered once; echo requests; what is malformed
//                 or forged, which is dropped for both; virtual addresses, which the kernel never has
#include <cstring>

#include "dataplane/net/host.h"
#include "dataplane/net/icmpv6.h"

namespace byway::net {

namespace {

constexpr std::uint8_t icmp_echo_request = 8;  // RFC 792

/// The first byte behind the IP headers of a checked packet: the type of an ICMP message.
std::uint8_t message_type(const RxFrame& frame, std::size_t header_bytes) {
  const std::size_t at = ethernet_header_bytes + header_bytes;
  return at < frame.bytes.size() ? frame.bytes.data()[at] : 0;
}

/// Of an IP packet in a view that holds.
IpAddress destination_of(const FrameView& view) {
  return view.kind == FrameKind::ipv4 ? IpAddress::from_v4(view.ipv4.destination) : view.ipv6.destination;
}

bool is_icmpv6(const FrameView& view) {
  return view.kind == FrameKind::ipv6 && view.ipv6.protocol == static_cast<std::uint8_t>(Protocol::icmpv6);
}

}  // namespace

bool Host::is_ours(const IpAddress& address, LinkIndex link) const {
  const OwnAddress* own = addresses_.find(address, link);
  return own != nullptr && own->state != AddressState::duplicate;
}

bool Host::is_virtual(const IpAddress& address, LinkIndex link) const {
  const OwnAddress* own = addresses_.find(address, link);
  return own != nullptr && own->is_virtual;
}

bool Host::is_kernels(const FrameView& view, const RxFrame& frame, DropReason reason) const {
  // Whoever has received the frame passes it on; a TCP segment has gone up.
  if (frame.observe_only || frame.bytes.empty()) return false;
  switch (reason) {
    case DropReason::ethernet_type:
      return view.ethernet.destination == links_[frame.link].mac || view.ethernet.destination.is_multicast();
    case DropReason::ip_protocol:
    case DropReason::icmp_type:
      return !is_virtual(destination_of(view), frame.link);
    case DropReason::ipv6_link_local:
    case DropReason::ndp_router:
      return true;
    case DropReason::ip_not_for_us:
      return !is_icmpv6(view) || is_kernels_neighbor_message(view, frame);
    case DropReason::arp_not_for_us:
    case DropReason::arp_off_link:
    case DropReason::arp_conflict:
      return !(view.arp.operation == ArpOperation::request &&
               is_ours(IpAddress::from_v4(view.arp.target_ip), frame.link));
    case DropReason::ndp_not_for_us:
    case DropReason::ndp_off_link:
    case DropReason::ndp_conflict:
      return is_kernels_neighbor_message(view, frame);
    case DropReason::none:
      break;
    default:
      return false;
  }
  switch (view.kind) {
    case FrameKind::arp:
      return !(view.arp.operation == ArpOperation::request &&
               is_ours(IpAddress::from_v4(view.arp.target_ip), frame.link));
    case FrameKind::ipv4:
      return !view.ipv4.more_fragments && view.ipv4.fragment_offset == 0 &&
             message_type(frame, view.ipv4.header_bytes) != icmp_echo_request &&
             !is_virtual(destination_of(view), frame.link);
    case FrameKind::ipv6:
      return is_icmpv6(view) &&
             message_type(frame, view.ipv6.header_bytes) !=
                 static_cast<std::uint8_t>(Icmpv6Type::echo_request) &&
             !is_virtual(view.ipv6.destination, frame.link) && is_kernels_neighbor_message(view, frame);
  }
  return false;
}

/// Any ICMPv6 message but a solicitation for an address of ours.
bool Host::is_kernels_neighbor_message(const FrameView& view, const RxFrame& frame) const {
  constexpr std::size_t target_offset = 8;  // RFC 4861 4.3
  const std::size_t at = ethernet_header_bytes + view.ipv6.header_bytes;
  IpAddress target;
  if (message_type(frame, view.ipv6.header_bytes) !=
          static_cast<std::uint8_t>(Icmpv6Type::neighbor_solicitation) ||
      frame.bytes.size() < at + target_offset + sizeof target.bytes) {
    return true;
  }
  std::memcpy(target.bytes.data(), frame.bytes.data() + at + target_offset, sizeof target.bytes);
  return !is_ours(target, frame.link);
}

}  // namespace byway::net
