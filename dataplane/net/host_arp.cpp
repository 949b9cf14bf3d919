// The host's side of ARP: who is answered and believed (RFC 826, RFC 5227).
#include "dataplane/net/host.h"

namespace byway::net {

DropReason Host::on_arp(const FrameView& view, const RxFrame& frame, Instant now) {
  const LinkIndex link = frame.link;
  const ArpPacket& arp = view.arp;
  const IpAddress sender = IpAddress::from_v4(arp.sender_ip);
  const IpAddress target = IpAddress::from_v4(arp.target_ip);
  if (owns(sender)) {
    OwnAddress* claimed = addresses_.find(sender, link);
    if (claimed == nullptr || arp.sender_mac == links_[link].mac) return DropReason::arp_not_for_us;
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

void Host::send_arp(LinkIndex link, const MacAddress& to, const ArpPacket& packet) {
  std::array<std::uint8_t, ethernet_header_bytes + arp_packet_bytes> frame;
  const EthernetHeader ethernet{to, links_[link].mac, static_cast<std::uint16_t>(EtherType::arp)};
  ethernet.write(frame.data());
  packet.write(std::span(frame).subspan<ethernet_header_bytes>());
  static_cast<void>(transmit(link, frame, Rope(memory_.slices)));
}

void Host::solicit_arp(LinkIndex link, const IpAddress& address, const MacAddress* known) {
  const IpAddress* source = interface_address(link, address);
  if (source == nullptr) return;
  ArpPacket request;
  request.sender_mac = links_[link].mac;
  request.sender_ip = source->v4();
  request.target_ip = address.v4();
  send_arp(link, known != nullptr ? *known : MacAddress::broadcast(), request);
  counters_.add(Counter::arp_requests_sent);
}

void Host::announce_arp(const OwnAddress& own) {
  ArpPacket announcement;
  announcement.sender_mac = links_[own.link].mac;
  announcement.sender_ip = announcement.target_ip = own.address.v4();
  send_arp(own.link, MacAddress::broadcast(), announcement);
  counters_.add(Counter::arp_announcements_sent);
}

}  // namespace byway::net
