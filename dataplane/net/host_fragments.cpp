// Pieces of packets for us: kept until the others have come (fragments.h).
#include "dataplane/net/host.h"

namespace byway::net {

namespace {

Fragment piece_of(const FrameView& view) {
  Fragment piece;
  if (view.kind == FrameKind::ipv4) {
    const Ipv4View& ip = view.ipv4;
    piece.source = IpAddress::from_v4(ip.source);
    piece.destination = IpAddress::from_v4(ip.destination);
    piece.identification = ip.identification;
    piece.protocol = ip.protocol;
    piece.more = ip.more_fragments;
    piece.offset = ip.fragment_offset;
    piece.header_bytes = static_cast<std::uint16_t>(ethernet_header_bytes + ip.header_bytes);
    piece.payload_at = piece.header_bytes;
    piece.payload_bytes = static_cast<std::uint16_t>(ip.total_bytes - ip.header_bytes);
    return piece;
  }
  const Ipv6View& ip = view.ipv6;
  piece.source = ip.source;
  piece.destination = ip.destination;
  piece.identification = ip.fragment.identification;
  piece.protocol = ip.fragment.next_header;
  piece.more = ip.fragment.more;
  piece.offset = ip.fragment.offset_bytes;
  piece.header_bytes = static_cast<std::uint16_t>(ethernet_header_bytes + ip.fragment.header_at);
  piece.next_header_at = static_cast<std::uint16_t>(ethernet_header_bytes + ip.fragment.next_header_at);
  piece.payload_at = static_cast<std::uint16_t>(piece.header_bytes + ipv6_fragment_header_bytes);
  piece.payload_bytes =
      static_cast<std::uint16_t>(ip.total_bytes - ip.fragment.header_at - ipv6_fragment_header_bytes);
  return piece;
}

bool is_of_ours(std::uint8_t protocol) {
  switch (static_cast<Protocol>(protocol)) {
    case Protocol::tcp:
    case Protocol::icmp:
    case Protocol::icmpv6:
      return true;
    case Protocol::hop_by_hop:
      break;
  }
  return false;
}

}  // namespace

DropReason Host::on_fragment(const FrameView& view, const RxFrame& frame, Instant now, Ingress& out) {
  const bool is_shared = is_shared_[frame.link];
  const bool to_group = view.ethernet.destination.is_multicast();
  if (view.ethernet.destination != links_[frame.link].mac && !(is_shared && to_group)) {
    return DropReason::ethernet_not_for_us;
  }
  const Fragment piece = piece_of(view);
  Packet packet;
  packet.source = piece.source;
  packet.destination = piece.destination;
  packet.link = frame.link;
  if (const DropReason reason = admit(view, packet); reason != DropReason::none) return reason;
  // The kernel puts its own together.
  if (is_shared && !is_of_ours(piece.protocol)) return DropReason::ip_protocol;
  Slice whole;
  const DropReason reason = fragments_.add(piece, frame.bytes.bytes(), now, whole);
  if (reason != DropReason::none || whole.empty()) return reason;
  RxFrame& put_together = out.whole[out.whole_count++];
  put_together = RxFrame();
  put_together.bytes = std::move(whole);
  put_together.link = frame.link;
  put_together.is_reassembled = true;
  return DropReason::none;
}

}  // namespace byway::net
