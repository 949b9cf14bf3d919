#include "dataplane/net/parse.h"

#include <memory>

namespace byway::net {

DropReason parse_frame(const RxFrame& frame, FrameView& out) {
  const std::span<const std::uint8_t> bytes = frame.bytes.bytes();
  if (bytes.size() < ethernet_header_bytes) return DropReason::frame_truncated;
  out.ethernet.read(bytes.data());
  if (out.ethernet.source.is_multicast() || out.ethernet.source.is_zero()) return DropReason::ethernet_source;
  const auto packet = bytes.subspan(ethernet_header_bytes);
  switch (static_cast<EtherType>(out.ethernet.type)) {
    case EtherType::ipv4:
      out.kind = FrameKind::ipv4;
      return parse_ipv4(packet, frame.ip_checksum_verified, *std::construct_at(&out.ipv4));
    case EtherType::ipv6:
      out.kind = FrameKind::ipv6;
      return parse_ipv6(packet, *std::construct_at(&out.ipv6));
    case EtherType::arp:
      out.kind = FrameKind::arp;
      return ArpPacket::parse(packet, *std::construct_at(&out.arp));
  }
  return DropReason::ethernet_type;
}

}  // namespace byway::net
