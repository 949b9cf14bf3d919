#include "dataplane/net/parse.h"

namespace byway::net {

DropReason parse_frame(const RxFrame& frame, FrameView& out) {
  const std::span<const std::uint8_t> bytes = frame.bytes.bytes();
  if (bytes.size() < ethernet_header_bytes) return DropReason::frame_truncated;
  out.ethernet = EthernetHeader::parse(bytes.data());
  if (out.ethernet.source.is_multicast() || out.ethernet.source == MacAddress{}) {
    return DropReason::ethernet_source;
  }
  const auto packet = bytes.subspan(ethernet_header_bytes);
  switch (static_cast<EtherType>(out.ethernet.type)) {
    case EtherType::ipv4:
      out.kind = FrameKind::ipv4;
      return parse_ipv4(packet, frame.ip_checksum_verified, out.ipv4);
    case EtherType::ipv6:
      out.kind = FrameKind::ipv6;
      return parse_ipv6(packet, out.ipv6);
    case EtherType::arp:
      out.kind = FrameKind::arp;
      return ArpPacket::parse(packet, out.arp);
  }
  return DropReason::ethernet_type;
}

}  // namespace byway::net
