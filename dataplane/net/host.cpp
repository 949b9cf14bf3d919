#include "dataplane/net/host.h"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.h"
#include "dataplane/net/cursor.h"

namespace byway::net {

namespace {
/// Where a TCP header has its checksum (RFC 9293 3.1).
constexpr std::size_t tcp_checksum_offset = 16;
constexpr std::size_t transport_header_bytes_max = 60;
static_assert(ethernet_header_bytes + ipv4_header_bytes + transport_header_bytes_max <=
              frame_header_bytes_max);

bool transport_checksum_is_right(const Packet& packet, Protocol protocol) {
  Checksum sum;
  sum.add_pseudo_header(packet.source, packet.destination, static_cast<std::uint8_t>(protocol),
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

/// Names of a connected IPv4 network itself, which no host has (RFC 1122 3.2.1.3).
bool is_network_or_broadcast(const Prefix& network, const IpAddress& address) {
  const std::optional<IpAddress> broadcast = network.v4_broadcast();
  if (!broadcast) return false;
  const std::uint32_t host_bits = UINT32_MAX >> (network.bits - v4_prefix_offset);
  return address == *broadcast || (address.v4().value & host_bits) == 0;
}

}  // namespace

Host::Host(Memory memory, TimerWheel& wheel, FrameSink& sink, Counters counters)
    : memory_(memory),
      wheel_(wheel),
      sink_(sink),
      counters_(counters),
      neighbors_(wheel, counters, *this),
      announcer_(*this) {}

Host::~Host() {
  wheel_.cancel(announcer_);
}

// ---- configuration ---------------------------------------------------------------------------------------

std::optional<LinkIndex> Host::add_link(const Link& link) {
  if (link_count_ == links_max) return std::nullopt;
  links_[link_count_] = link;
  return static_cast<LinkIndex>(link_count_++);
}

AddressError Host::add_interface_address(LinkIndex link, const Prefix& address, Instant now) {
  BYWAY_ASSERT(link < link_count_);
  OwnAddress own;
  own.address = address.address;
  own.link = link;
  own.bits = address.bits;
  const AddressError error = add_own(own, now);
  if (error != AddressError::none) return error;
  // Two addresses in one network share its route.
  return routes_.add({address, link, std::nullopt}) == RouteError::table_full ? AddressError::table_full
                                                                              : AddressError::none;
}

RouteError Host::add_route(const Prefix& destination, const IpAddress& gateway) {
  const Route* towards = routes_.find(gateway);
  if (towards == nullptr || towards->gateway) return RouteError::gateway_not_on_link;
  return routes_.add({destination, towards->link, gateway});
}

AddressError Host::add_address(const IpAddress& address, Instant now) {
  const auto holder = std::ranges::find_if(addresses_.all(), [&](const OwnAddress& own) {
    return own.bits != 128 && Prefix{own.address, own.bits}.contains(address);
  });
  if (holder == addresses_.all().end()) return AddressError::no_link;
  OwnAddress own;
  own.address = address;
  own.link = holder->link;
  return add_own(own, now);
}

AddressError Host::add_own(OwnAddress own, Instant now) {
  own.announcements = announcing_ ? announce_count : std::uint8_t{0};
  own.next_announcement = now;
  const AddressError error = addresses_.add(own);
  if (error == AddressError::none) wheel_.arm(announcer_, now);
  return error;
}

const IpAddress* Host::interface_address(LinkIndex link, const IpAddress& towards) const {
  const OwnAddress* best = nullptr;
  for (const OwnAddress& own : addresses_.all()) {
    if (own.link != link || own.bits == 128) continue;
    if (Prefix{own.address, own.bits}.contains(towards)) return &own.address;
    if (best == nullptr || own.position < best->position) best = &own;
  }
  return best != nullptr ? &best->address : nullptr;
}

std::optional<Path> Host::path(const IpAddress& destination) const {
  const Route* route = routes_.find(destination);
  if (route == nullptr) return std::nullopt;
  const IpAddress* source = interface_address(route->link, route->gateway.value_or(destination));
  if (source == nullptr) return std::nullopt;
  return Path{route->link, *source, links_[route->link].mtu};
}

// ---- in --------------------------------------------------------------------------------------------------

void Host::on_burst(std::span<RxFrame> frames, Instant now, Ingress& out) {
  BYWAY_ASSERT(frames.size() <= burst_frames_max);
  out.segment_count = 0;
  out.error_count = 0;
  std::uint64_t bytes = 0;
  for (RxFrame& frame : frames) {
    bytes += frame.bytes.size();
    const DropReason reason = on_frame(frame, now, out);
    if (reason != DropReason::none) drop(reason);
    frame.bytes = Slice();
  }
  counters_.add(Counter::rx_frames, frames.size());
  counters_.add(Counter::rx_bytes, bytes);
}

DropReason Host::on_frame(RxFrame& frame, Instant now, Ingress& out) {
  FrameView view;
  if (const DropReason reason = parse_frame(frame, view); reason != DropReason::none) return reason;
  const bool to_us = view.ethernet.destination == links_[frame.link].mac;
  if (!to_us && !view.ethernet.destination.is_multicast()) return DropReason::ethernet_not_for_us;
  if (view.kind == FrameKind::arp) return on_arp(view, frame, now);

  Packet& packet = out.segments[out.segment_count];
  packet.source = IpAddress::from_v4(view.ipv4.source);
  packet.destination = IpAddress::from_v4(view.ipv4.destination);
  const DropReason reason = admit(view, frame.link, packet.source, packet.destination);
  if (reason != DropReason::none) return reason;
  packet.link = frame.link;
  packet.traffic_class = view.ipv4.traffic_class;
  packet.payload = std::move(frame.bytes);
  packet.payload.remove_back(packet.payload.size() -
                             static_cast<Bytes>(ethernet_header_bytes + view.ipv4.total_bytes));
  packet.payload.remove_front(static_cast<Bytes>(ethernet_header_bytes + view.ipv4.header_bytes));

  switch (static_cast<Protocol>(view.ipv4.protocol)) {
    case Protocol::tcp:
      if (!frame.transport_checksum_verified && !transport_checksum_is_right(packet, Protocol::tcp)) {
        packet.payload = Slice();
        return DropReason::tcp_checksum;
      }
      ++out.segment_count;
      return DropReason::none;
    case Protocol::icmp: {
      const DropReason icmp = on_icmp(packet, now, out);
      packet.payload = Slice();
      return icmp;
    }
  }
  packet.payload = Slice();
  return DropReason::ip_protocol;
}

DropReason Host::admit(const FrameView& view, LinkIndex link, const IpAddress& source,
                       const IpAddress& destination) const {
  const OwnAddress* own = addresses_.find(destination);
  if (own == nullptr || own->link != link) return DropReason::ip_not_for_us;
  if (view.ethernet.destination.is_multicast()) return DropReason::ip_link_broadcast;
  if (is_martian_source(view.ipv4.source) || owns(source)) return DropReason::ip_martian;
  // An answer would leave by another port than the question came in: a forged source, or a mistake in the
  // routes that would otherwise show as connections that hang (RFC 3704 2.2).
  const Route* back = routes_.find(source);
  if (back == nullptr || back->link != link) return DropReason::ip_reverse_path;
  if (!back->gateway && is_network_or_broadcast(back->destination, source)) return DropReason::ip_martian;
  return DropReason::none;
}

DropReason Host::on_arp(const FrameView& view, const RxFrame& frame, Instant now) {
  const LinkIndex link = frame.link;
  const ArpPacket& arp = view.arp;
  const IpAddress sender = IpAddress::from_v4(arp.sender_ip);
  const IpAddress target = IpAddress::from_v4(arp.target_ip);
  if (OwnAddress* claimed = addresses_.find(sender)) {
    if (claimed->link != link || arp.sender_mac == links_[link].mac) return DropReason::arp_not_for_us;
    if (!frame.observe_only) defend(*claimed, now);
    return DropReason::arp_conflict;
  }
  const bool is_probe = arp.sender_ip.value == 0;
  if (!is_probe) {
    const Route* route = routes_.find(sender);
    if (route == nullptr || route->gateway || route->link != link || is_martian_source(arp.sender_ip)) {
      return DropReason::arp_off_link;
    }
  }
  const OwnAddress* own = addresses_.find(target);
  const bool for_us = own != nullptr && own->link == link;
  if (arp.operation == ArpOperation::reply) {
    // An answer that was sent to us alone proves that the neighbour hears us; a broadcast one does not.
    const bool solicited = for_us && !view.ethernet.destination.is_multicast();
    if (is_probe) return DropReason::arp_malformed;
    neighbors_.on_heard(link, sender, arp.sender_mac, solicited, false, now);
    return DropReason::none;
  }
  if (!is_probe) neighbors_.on_heard(link, sender, arp.sender_mac, false, for_us, now);
  if (!for_us) return target == sender ? DropReason::none : DropReason::arp_not_for_us;
  if (frame.observe_only) return DropReason::none;
  ArpPacket reply;
  reply.operation = ArpOperation::reply;
  reply.sender_mac = links_[link].mac;
  reply.sender_ip = arp.target_ip;
  reply.target_mac = arp.sender_mac;
  reply.target_ip = arp.sender_ip;
  send_arp(link, arp.sender_mac, reply);
  counters_.add(Counter::arp_requests_answered);
  return DropReason::none;
}

DropReason Host::on_icmp(Packet& packet, Instant now, Ingress& out) {
  IcmpKind kind{};
  IcmpError& error = out.errors[out.error_count];
  const DropReason reason = parse_icmp(packet.payload.bytes(), kind, error);
  if (reason != DropReason::none) return reason;
  if (kind == IcmpKind::echo_request) return answer_echo(packet, now);
  // About a packet that we did not send.
  if (!owns(error.source)) return DropReason::icmp_malformed;
  ++out.error_count;
  counters_.add(Counter::icmp_errors_received);
  return DropReason::none;
}

DropReason Host::answer_echo(const Packet& packet, Instant now) {
  if (!echo_limit_.allow(now)) return DropReason::icmp_rate;
  Buffer* buffer = memory_.buffers.allocate(packet.payload.size());
  if (buffer == nullptr) return DropReason::tx_no_memory;
  const std::span message(buffer->memory, packet.payload.size());
  std::memcpy(message.data(), packet.payload.data(), message.size());
  make_echo_reply(message);
  Slice data = Slice::adopt(buffer, message.data(), packet.payload.size());
  Rope payload(memory_.slices);
  if (!payload.append(std::move(data))) return DropReason::tx_no_memory;
  Outgoing reply;
  reply.source = packet.destination;
  reply.destination = packet.source;
  reply.protocol = Protocol::icmp;
  reply.traffic_class = packet.traffic_class;
  if (send(reply, std::move(payload), now) == SendResult::sent) counters_.add(Counter::icmp_echo_answered);
  return DropReason::none;
}

// ---- out -------------------------------------------------------------------------------------------------

SendResult Host::send(const Outgoing& packet, Rope&& payload, Instant now) {
  Rope data = std::move(payload);
  const Route* route = routes_.find(packet.destination);
  if (route == nullptr) {
    drop(DropReason::tx_no_route);
    return SendResult::unreachable;
  }
  std::array<std::uint8_t, frame_header_bytes_max> frame;
  const std::size_t header_bytes = write_headers(packet, data, route->link, frame);
  const IpAddress& next_hop = route->gateway ? *route->gateway : packet.destination;
  MacAddress mac;
  switch (neighbors_.find(route->link, next_hop, now, mac)) {
    case NeighborLookup::known:
      std::memcpy(frame.data(), mac.bytes.data(), mac.bytes.size());
      return transmit(route->link, {frame.data(), header_bytes}, std::move(data)) ? SendResult::sent
                                                                                  : SendResult::lost;
    case NeighborLookup::incomplete:
      return neighbors_.wait(route->link, next_hop, {frame.data(), header_bytes}, std::move(data))
                 ? SendResult::sent
                 : SendResult::lost;
    case NeighborLookup::unreachable:
      drop(DropReason::tx_unreachable);
      return SendResult::unreachable;
    case NeighborLookup::table_full:
      break;
  }
  drop(DropReason::tx_neighbor_table);
  return SendResult::lost;
}

/// Ethernet (but for the destination), IPv4 and the transport's header; returns their length.
std::size_t Host::write_headers(const Outgoing& packet, const Rope& payload, LinkIndex link,
                                std::span<std::uint8_t, frame_header_bytes_max> out) const {
  BYWAY_ASSERT(packet.header.size() <= transport_header_bytes_max);
  const EthernetHeader ethernet{{}, links_[link].mac, static_cast<std::uint16_t>(EtherType::ipv4)};
  ethernet.write(out.data());
  Ipv4Header ip;
  ip.source = packet.source.v4();
  ip.destination = packet.destination.v4();
  ip.protocol = packet.protocol;
  ip.traffic_class = packet.traffic_class;
  ip.payload_bytes = static_cast<std::uint16_t>(packet.header.size() + payload.size());
  ip.write(out.data() + ethernet_header_bytes);
  std::uint8_t* transport = out.data() + ethernet_header_bytes + ipv4_header_bytes;
  if (!packet.header.empty()) std::memcpy(transport, packet.header.data(), packet.header.size());
  if (packet.protocol == Protocol::tcp) {
    store_be16(transport + tcp_checksum_offset, transport_checksum(packet, payload));
  }
  return ethernet_header_bytes + ipv4_header_bytes + packet.header.size();
}

bool Host::transmit(LinkIndex link, std::span<const std::uint8_t> header, Rope&& payload) {
  const std::size_t bytes = header.size() + payload.size();
  if (!sink_.transmit(link, header, std::move(payload))) {
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
  if (quote(header.subspan(ethernet_header_bytes), error)) sink_.undeliverable(error, now);
}

// ---- ARP, outwards ---------------------------------------------------------------------------------------

void Host::send_arp(LinkIndex link, const MacAddress& to, const ArpPacket& packet) {
  std::array<std::uint8_t, ethernet_header_bytes + arp_packet_bytes> frame;
  const EthernetHeader ethernet{to, links_[link].mac, static_cast<std::uint16_t>(EtherType::arp)};
  ethernet.write(frame.data());
  packet.write(std::span(frame).subspan<ethernet_header_bytes>());
  static_cast<void>(transmit(link, frame, Rope(memory_.slices)));
}

void Host::solicit(LinkIndex link, const IpAddress& address, const MacAddress& to) {
  const IpAddress* source = interface_address(link, address);
  if (source == nullptr) return;
  ArpPacket request;
  request.sender_mac = links_[link].mac;
  request.sender_ip = source->v4();
  request.target_ip = address.v4();
  send_arp(link, to, request);
  counters_.add(Counter::arp_requests_sent);
}

void Host::announce(const OwnAddress& own) {
  ArpPacket announcement;
  announcement.sender_mac = links_[own.link].mac;
  announcement.sender_ip = announcement.target_ip = own.address.v4();
  send_arp(own.link, MacAddress::broadcast(), announcement);
  counters_.add(Counter::arp_announcements_sent);
}

/// RFC 5227 2.4 (b): say once that the address is ours; if the other insists, keep using it but stay silent.
void Host::defend(OwnAddress& own, Instant now) {
  if (now < own.defended_until) return;
  own.defended_until = now + defend_interval;
  announce(own);
}

void Host::announce_due(Timer& timer, Instant now) {
  Host& host = static_cast<Announcer&>(timer).host;
  std::uint32_t sent = 0;
  Instant next = Instant::never();
  for (OwnAddress& own : host.addresses_.all()) {
    if (own.announcements == 0) continue;
    if (own.next_announcement <= now && sent < announcements_per_round_max) {
      host.announce(own);
      ++sent;
      --own.announcements;
      own.next_announcement = now + announce_interval;
    }
    if (own.announcements > 0) next = std::min(next, own.next_announcement);
  }
  if (!next.is_never()) host.wheel_.arm(timer, next);
}

}  // namespace byway::net
