#include "dataplane/net/host.h"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.h"
#include "dataplane/net/cursor.h"
#include "dataplane/net/icmpv6.h"
#include "dataplane/net/ipv6_address.h"

namespace byway::net {

namespace {
/// Where a TCP header has its checksum (RFC 9293 3.1).
constexpr std::size_t tcp_checksum_offset = 16;
constexpr std::size_t transport_header_bytes_max = 60;
static_assert(ethernet_header_bytes + ipv6_header_bytes + transport_header_bytes_max <=
              frame_header_bytes_max);

bool tcp_checksum_is_right(const Packet& packet) {
  Checksum sum;
  sum.add_pseudo_header(packet.source, packet.destination, static_cast<std::uint8_t>(Protocol::tcp),
                        packet.payload.size());
  sum.add(packet.payload.bytes());
  return sum.is_valid();
}

std::uint16_t transport_checksum(const Outgoing& packet, const Rope& payload) {
  Checksum sum;
  sum.add_pseudo_header(packet.source, packet.destination, static_cast<std::uint8_t>(packet.protocol),
                        static_cast<std::uint32_t>(packet.header.size()) + payload.size());
  sum.add(packet.header);
  for (const Slice& slice : payload) sum.add(slice.bytes());
  return sum.value();
}

/// What a port wants to find in TCP's checksum field when it is to fill it in. Of several segments in one the
/// length does not count: each has its own.
std::uint16_t pseudo_header_sum(const Outgoing& packet, const Rope& payload) {
  const auto length = static_cast<std::uint32_t>(packet.header.size()) + payload.size();
  Checksum sum;
  sum.add_pseudo_header(packet.source, packet.destination, static_cast<std::uint8_t>(packet.protocol),
                        packet.segment_bytes > 0 ? 0 : length);
  return static_cast<std::uint16_t>(~sum.value());
}

/// Leaves of a frame what lies behind its IP headers, without padding.
void trim_to_payload(Slice& frame, std::size_t header_bytes, std::size_t total_bytes) {
  frame.remove_back(frame.size() - static_cast<Bytes>(ethernet_header_bytes + total_bytes));
  frame.remove_front(static_cast<Bytes>(ethernet_header_bytes + header_bytes));
}

/// Of an address in a connected network: whether it names that itself, which no host does (RFC 1122
/// 3.2.1.3). Networks of one or two addresses have no such names (RFC 3021).
bool is_network_or_broadcast(const Prefix& network, Ipv4Address address) {
  const std::uint32_t host_bits = ~network.v4_mask();
  const std::uint32_t host = address.value & host_bits;
  return host_bits > 1 && (host == 0 || host == host_bits);
}

}  // namespace

Host::Host(Memory memory, TimerWheel& wheel, FrameSink& sink, Counters counters, std::uint64_t key)
    : memory_(memory),
      wheel_(wheel),
      sink_(sink),
      counters_(counters),
      neighbors_(wheel, counters, *this, key),
      fragments_(memory.buffers, wheel, counters, key),
      address_timer_(*this) {}

Host::~Host() {
  wheel_.cancel(address_timer_);
}

// ---- configuration ---------------------------------------------------------------------------------------

std::optional<LinkIndex> Host::add_link(const Link& link) {
  if (link_count_ == links_max) return std::nullopt;
  links_[link_count_] = link;
  return static_cast<LinkIndex>(link_count_++);
}

RouteError Host::add_route(const Prefix& destination, const IpAddress& gateway,
                           std::optional<LinkIndex> link) {
  if (is_link_local(gateway)) {
    if (!link || *link >= link_count_) return RouteError::gateway_not_on_link;
    return routes_.add({destination, *link, gateway});
  }
  const Route* towards = routes_.find(gateway);
  if (towards == nullptr || towards->gateway) return RouteError::gateway_not_on_link;
  return routes_.add({destination, towards->link, gateway});
}

std::optional<Path> Host::path(const IpAddress& destination) const {
  const Route* route = routes_.find(destination);
  if (route == nullptr) return std::nullopt;
  const bool towards_gateway = route->gateway && !is_link_local(*route->gateway);
  const IpAddress* source = interface_address(route->link, towards_gateway ? *route->gateway : destination);
  if (source == nullptr) return std::nullopt;
  return Path{route->link, *source, links_[route->link].mtu};
}

std::optional<LinkIndex> Host::link_towards(const IpAddress& destination) const {
  const Route* route = routes_.find(destination);
  if (route == nullptr) return std::nullopt;
  return route->link;
}

// ---- in --------------------------------------------------------------------------------------------------

void Host::on_burst(std::span<RxFrame> frames, Instant now, Ingress& out) {
  BYWAY_ASSERT(frames.size() <= burst_frames_max);
  out.segment_count = 0;
  out.error_count = 0;
  out.whole_count = 0;
  std::uint64_t bytes = 0;
  for (RxFrame& frame : frames) {
    bytes += frame.bytes.size();
    FrameView view;
    const DropReason reason = on_frame(view, frame, now, out);
    if (is_shared_[frame.link] && is_kernels(view, frame, reason)) {
      sink_.not_ours(frame.link, std::move(frame.bytes));
    } else if (reason != DropReason::none) {
      drop(reason);
      if (reason == DropReason::ip_protocol) report_unwanted(view, frame, now);
    }
    frame.bytes = Slice();
  }
  counters_.add(Counter::rx_frames, frames.size());
  counters_.add(Counter::rx_bytes, bytes);
}

DropReason Host::on_frame(FrameView& view, RxFrame& frame, Instant now, Ingress& out) {
  if (const DropReason reason = parse_frame(frame, view); reason != DropReason::none) {
    const bool is_piece = reason == DropReason::ip_fragment || reason == DropReason::ipv6_fragment;
    // A packet within a packet in pieces is no one's but an attacker's.
    return is_piece && !frame.is_reassembled ? on_fragment(view, frame, now, out) : reason;
  }
  const bool to_us = view.ethernet.destination == links_[frame.link].mac;
  if (!to_us && !view.ethernet.destination.is_multicast()) return DropReason::ethernet_not_for_us;
  if (view.kind == FrameKind::arp) return on_arp(view, frame, now);

  if (view.kind == FrameKind::ipv6) return on_ipv6(view, frame, now, out);

  Packet& packet = out.segments[out.segment_count];
  packet.source = IpAddress::from_v4(view.ipv4.source);
  packet.destination = IpAddress::from_v4(view.ipv4.destination);
  packet.link = frame.link;
  packet.traffic_class = view.ipv4.traffic_class;
  if (const DropReason reason = admit(view, packet); reason != DropReason::none) return reason;
  switch (static_cast<Protocol>(view.ipv4.protocol)) {
    case Protocol::tcp:
      packet.payload = std::move(frame.bytes);
      trim_to_payload(packet.payload, view.ipv4.header_bytes, view.ipv4.total_bytes);
      return take_segment(packet, frame.transport_checksum_verified, out);
    case Protocol::icmp: {
      packet.payload = frame.bytes.share();  // the frame may have to go on to the kernel
      trim_to_payload(packet.payload, view.ipv4.header_bytes, view.ipv4.total_bytes);
      const DropReason reason = on_icmp(packet, now, out);
      packet.payload = Slice();
      return reason;
    }
    case Protocol::hop_by_hop:
    case Protocol::icmpv6:
      break;
  }
  return DropReason::ip_protocol;
}

DropReason Host::on_ipv6(const FrameView& view, RxFrame& frame, Instant now, Ingress& out) {
  const Ipv6View& ip = view.ipv6;
  Packet& packet = out.segments[out.segment_count];
  packet.source = ip.source;
  packet.destination = ip.destination;
  packet.link = frame.link;
  packet.traffic_class = ip.traffic_class;
  if (ip.protocol == static_cast<std::uint8_t>(Protocol::icmpv6)) {
    packet.payload = frame.bytes.share();
    trim_to_payload(packet.payload, ip.header_bytes, ip.total_bytes);
    const DropReason reason = on_icmpv6(view, packet, frame, now, out);
    packet.payload = Slice();
    return reason;
  }
  if (const DropReason reason = admit(view, packet); reason != DropReason::none) return reason;
  if (ip.protocol != static_cast<std::uint8_t>(Protocol::tcp)) return DropReason::ip_protocol;
  // A connection does not know by which port it came, and a link-local address means another host on each.
  if (is_link_local(ip.source) || is_link_local(ip.destination)) return DropReason::ipv6_link_local;
  packet.payload = std::move(frame.bytes);
  trim_to_payload(packet.payload, ip.header_bytes, ip.total_bytes);
  return take_segment(packet, frame.transport_checksum_verified, out);
}

DropReason Host::take_segment(Packet& packet, bool checksum_verified, Ingress& out) {
  if (!checksum_verified && !tcp_checksum_is_right(packet)) {
    packet.payload = Slice();
    return DropReason::tcp_checksum;
  }
  ++out.segment_count;
  return DropReason::none;
}

DropReason Host::admit(const FrameView& view, const Packet& packet) const {
  const OwnAddress* own = addresses_.find(packet.destination, packet.link);
  if (own == nullptr) return DropReason::ip_not_for_us;
  if (own->state != AddressState::usable) return DropReason::ip_tentative;
  if (view.ethernet.destination.is_multicast()) return DropReason::ip_link_broadcast;
  const bool is_v4 = view.kind == FrameKind::ipv4;
  const bool is_martian = is_v4 ? is_martian_source(view.ipv4.source) : is_unspecified(packet.source);
  if (is_martian || owns(packet.source)) return DropReason::ip_martian;
  // An answer would leave by another port than the question came in: a forged source, or a mistake in the
  // routes that would otherwise show as connections that hang (RFC 3704 2.2).
  const Route* back = is_v4 ? routes_.find(view.ipv4.source) : routes_.find(packet.source);
  if (back == nullptr || back->link != packet.link) {
    // A link-local source is on the link that it came by.
    return is_link_local(packet.source) ? DropReason::none : DropReason::ip_reverse_path;
  }
  if (is_v4 && !back->gateway && is_network_or_broadcast(back->destination, view.ipv4.source)) {
    return DropReason::ip_martian;
  }
  return DropReason::none;
}

// ---- out -------------------------------------------------------------------------------------------------

SendResult Host::send(const Outgoing& packet, Rope&& payload, Instant now) {
  const Route* route = routes_.find(packet.destination);
  if (route == nullptr) {
    payload.clear();
    drop(DropReason::tx_no_route);
    return SendResult::unreachable;
  }
  return send_by(route->link, route->gateway ? *route->gateway : packet.destination, packet,
                 std::move(payload), now);
}

SendResult Host::send_by(LinkIndex link, const IpAddress& next_hop, const Outgoing& packet, Rope&& payload,
                         Instant now) {
  MacAddress mac;
  const NeighborLookup next = neighbors_.find(link, next_hop, now, mac);
  // Several segments in one do not wait: a connection's neighbour was known, and is asked for again.
  if (next != NeighborLookup::known && (next != NeighborLookup::incomplete || packet.segment_bytes > 0)) {
    payload.clear();
    return refuse(next);
  }
  std::array<std::uint8_t, frame_header_bytes_max> frame;
  const std::size_t header_bytes = write_headers(packet, payload, link, mac, frame);
  const std::span header(frame.data(), header_bytes);
  const bool is_taken = next == NeighborLookup::known
                            ? transmit(link, header, std::move(payload), packet.segment_bytes)
                            : neighbors_.wait(link, next_hop, header, std::move(payload));
  return is_taken ? SendResult::sent : SendResult::lost;
}

/// Counts a packet whose next hop has no address.
SendResult Host::refuse(NeighborLookup why) {
  switch (why) {
    case NeighborLookup::unreachable:
      drop(DropReason::tx_unreachable);
      return SendResult::unreachable;
    case NeighborLookup::incomplete:
      drop(DropReason::tx_neighbor_queue);
      return SendResult::lost;
    case NeighborLookup::table_full:
    case NeighborLookup::known:
      break;
  }
  drop(DropReason::tx_neighbor_table);
  return SendResult::lost;
}

/// Ethernet, IP and the transport's header; returns their length.
std::size_t Host::write_headers(const Outgoing& packet, const Rope& payload, LinkIndex link,
                                const MacAddress& to,
                                std::span<std::uint8_t, frame_header_bytes_max> out) const {
  BYWAY_ASSERT(packet.header.size() <= transport_header_bytes_max);
  const auto bytes = static_cast<std::uint16_t>(packet.header.size() + payload.size());
  const bool is_v4 = packet.destination.is_v4();
  const EtherType type = is_v4 ? EtherType::ipv4 : EtherType::ipv6;
  const Link& out_link = links_[link];
  EthernetHeader::write(out.data(), to, out_link.mac, static_cast<std::uint16_t>(type));
  std::uint8_t* transport = out.data() + ethernet_header_bytes;
  if (is_v4) [[likely]] {
    Ipv4Header ip;
    ip.source = packet.source.v4();
    ip.destination = packet.destination.v4();
    ip.protocol = packet.protocol;
    ip.traffic_class = packet.traffic_class;
    ip.payload_bytes = bytes;
    ip.write(transport, !(out_link.fills_ip_checksum && packet.protocol == Protocol::tcp));
    transport += ipv4_header_bytes;
  } else {
    const Ipv6Header ip{packet.source,        packet.destination, packet.protocol,
                        packet.traffic_class, packet.hop_limit,   bytes};
    ip.write(transport);
    transport += ipv6_header_bytes;
  }
  if (!packet.header.empty()) std::memcpy(transport, packet.header.data(), packet.header.size());
  if (packet.protocol == Protocol::tcp) {
    BYWAY_ASSERT(packet.segment_bytes == 0 || out_link.fills_tcp_checksum);
    store_be16(transport + tcp_checksum_offset, out_link.fills_tcp_checksum
                                                    ? pseudo_header_sum(packet, payload)
                                                    : transport_checksum(packet, payload));
  }
  return static_cast<std::size_t>(transport - out.data()) + packet.header.size();
}

bool Host::transmit(LinkIndex link, std::span<const std::uint8_t> header, Rope&& payload,
                    std::uint16_t segment_bytes) {
  const std::size_t bytes = header.size() + payload.size();
  const bool is_taken = segment_bytes > 0
                            ? sink_.transmit_segments(link, header, std::move(payload), segment_bytes)
                            : sink_.transmit(link, header, std::move(payload));
  if (!is_taken) {
    drop(DropReason::tx_port);
    return false;
  }
  counters_.add(Counter::tx_frames);
  counters_.add(Counter::tx_bytes, bytes);
  return true;
}

void Host::send_waiting(LinkIndex link, const MacAddress& to, std::span<std::uint8_t> header,
                        Rope&& payload) {
  std::memcpy(header.data(), to.bytes.data(), to.bytes.size());
  static_cast<void>(transmit(link, header, std::move(payload)));
}

void Host::give_up(std::span<const std::uint8_t> header, Instant now) {
  IcmpError error;
  error.kind = ErrorKind::host_unreachable;
  const auto packet = header.subspan(ethernet_header_bytes);
  const bool is_v4 = packet[0] >> 4 == 4;
  if (is_v4 ? quote(packet, error) : quote_ipv6(packet, error)) sink_.undeliverable(error, now);
}

void Host::solicit(LinkIndex link, const IpAddress& address, const MacAddress* known) {
  if (address.is_v4()) {
    solicit_arp(link, address, known);
  } else {
    solicit_ndp(link, address, known);
  }
}

}  // namespace byway::net
