// The host's side of ICMPv6 and neighbour discovery: who is answered and believed (RFC 4861 7.2, RFC
// 4862 5.4).
#include <cstring>

#include "dataplane/net/host.h"
#include "dataplane/net/icmpv6.h"
#include "dataplane/net/ipv6_address.h"

namespace byway::net {

DropReason Host::on_icmpv6(const FrameView& view, const Packet& packet, const RxFrame& frame, Instant now,
                           Ingress& out) {
  Icmpv6Kind kind{};
  IcmpError& error = out.errors[out.error_count];
  const DropReason parsed =
      parse_icmpv6(packet.source, packet.destination, packet.payload.bytes(), kind, error);
  if (parsed != DropReason::none) return parsed;
  if (kind == Icmpv6Kind::neighbor_discovery) return on_neighbor_message(view, packet, frame, now);
  if (kind == Icmpv6Kind::listener_query) return on_listener_query(view, packet, frame.link, now);
  if (const DropReason reason = admit(view, packet); reason != DropReason::none) return reason;
  // An answer from a link-local address must not leave the link (RFC 4291 2.5.6).
  if (is_link_local(packet.destination) && !is_on_link(packet.link, packet.source)) {
    return DropReason::ip_reverse_path;
  }
  return kind == Icmpv6Kind::echo_request ? answer_echo(packet, now) : take_error(error, out);
}

// ---- in --------------------------------------------------------------------------------------------------

DropReason Host::on_neighbor_message(const FrameView& view, const Packet& packet, const RxFrame& frame,
                                     Instant now) {
  NeighborMessage message;
  const DropReason reason = NeighborMessage::parse(view.ipv6, packet.payload.bytes(), message);
  if (reason != DropReason::none) return reason;
  const MacAddress& sender = view.ethernet.source;
  if (!is_ipv6_multicast(packet.destination)) {
    if (addresses_.find(packet.destination, frame.link) == nullptr) return DropReason::ip_not_for_us;
    if (view.ethernet.destination.is_multicast()) return DropReason::ip_link_broadcast;
  }
  if (OwnAddress* claimed = addresses_.find(packet.source, frame.link);
      claimed != nullptr && claimed->state != AddressState::duplicate) {
    return on_claim(*claimed, frame, sender, now);
  }
  return message.is_solicitation ? on_solicitation(message, packet, frame, sender, now)
                                 : on_advertisement(message, frame, sender, now);
}

DropReason Host::on_solicitation(const NeighborMessage& message, const Packet& packet, const RxFrame& frame,
                                 const MacAddress& sender, Instant now) {
  const bool is_probe = is_unspecified(packet.source);
  OwnAddress* own = addresses_.find(message.target, frame.link);
  if (own != nullptr && own->state == AddressState::tentative) {
    // Another that probes wants the address as we do, and neither may have it (RFC 4862 5.4.3). Who asks for
    // it otherwise gets no answer yet.
    return is_probe ? on_claim(*own, frame, sender, now) : DropReason::ip_tentative;
  }
  const bool for_us = own != nullptr && own->state == AddressState::usable;
  if (!is_probe) {
    if (!is_on_link(frame.link, packet.source)) return DropReason::ndp_off_link;
    if (message.mac) neighbors_.on_heard(frame.link, packet.source, *message.mac, false, for_us, now);
  }
  if (!for_us) return DropReason::ndp_not_for_us;
  if (!frame.observe_only) answer_solicitation(message, packet, now);
  return DropReason::none;
}

DropReason Host::on_advertisement(const NeighborMessage& message, const RxFrame& frame,
                                  const MacAddress& sender, Instant now) {
  if (OwnAddress* own = addresses_.find(message.target, frame.link);
      own != nullptr && own->state != AddressState::duplicate) {
    return on_claim(*own, frame, sender, now);
  }
  neighbors_.on_advertised(frame.link, message.target, message.mac ? &*message.mac : nullptr,
                           message.solicited, message.override_known, now);
  return DropReason::none;
}

/// Somebody speaks as if one of our addresses were theirs.
DropReason Host::on_claim(OwnAddress& own, const RxFrame& frame, const MacAddress& sender, Instant now) {
  if (sender == links_[frame.link].mac) return DropReason::ndp_not_for_us;  // our own, come back
  if (own.state == AddressState::tentative) {
    own.state = AddressState::duplicate;
    counters_.add(Counter::addresses_duplicate);
    sink_.address_is_duplicate(own.link, own.address);
  } else if (!frame.observe_only) {
    defend(own, now);
  }
  return DropReason::ndp_conflict;
}

bool Host::is_on_link(LinkIndex link, const IpAddress& address) const {
  if (is_link_local(address)) return true;
  const Route* route = routes_.find(address);
  return route != nullptr && !route->gateway && route->link == link;
}

// ---- out -------------------------------------------------------------------------------------------------

/// RFC 4861 7.2.4. Who has not said its link-layer address is looked up like any neighbour.
void Host::answer_solicitation(const NeighborMessage& asked, const Packet& packet, Instant now) {
  NeighborMessage answer;
  answer.is_solicitation = false;
  answer.solicited = !is_unspecified(packet.source);
  answer.override_known = true;
  answer.target = asked.target;
  answer.mac = links_[packet.link].mac;
  counters_.add(Counter::ndp_solicitations_answered);
  if (!answer.solicited) {
    send_neighbor_message(packet.link, ethernet_group(ipv6_all_nodes), asked.target, ipv6_all_nodes, answer);
    return;
  }
  if (asked.mac) {
    send_neighbor_message(packet.link, *asked.mac, asked.target, packet.source, answer);
    return;
  }
  std::array<std::uint8_t, ndp_message_bytes_max> bytes;
  const std::span message(bytes.data(), answer.write(bytes));
  store_icmpv6_checksum(asked.target, packet.source, message);
  Outgoing out;
  out.source = asked.target;
  out.destination = packet.source;
  out.protocol = Protocol::icmpv6;
  out.hop_limit = ndp_hop_limit;
  out.header = message;
  static_cast<void>(send_by(packet.link, packet.source, out, Rope(memory_.slices), now));
}

void Host::solicit_ndp(LinkIndex link, const IpAddress& address, const MacAddress* known) {
  const IpAddress* source = interface_address(link, address);
  if (source == nullptr) return;
  NeighborMessage question;
  question.target = address;
  question.mac = links_[link].mac;
  const IpAddress to = known != nullptr ? address : solicited_node_group(address);
  send_neighbor_message(link, known != nullptr ? *known : ethernet_group(to), *source, to, question);
  counters_.add(Counter::ndp_solicitations_sent);
}

/// RFC 4862 5.4.2: who has the address hears its group, and answers to all. The group is ours from here on.
void Host::probe(const OwnAddress& own) {
  report_group(own, MldRecord::starts_listening);
  NeighborMessage question;
  question.target = own.address;
  const IpAddress to = solicited_node_group(own.address);
  send_neighbor_message(own.link, ethernet_group(to), IpAddress{}, to, question);
  counters_.add(Counter::ndp_probes_sent);
}

void Host::announce_ndp(const OwnAddress& own) {
  NeighborMessage announcement;
  announcement.is_solicitation = false;
  announcement.override_known = true;
  announcement.target = own.address;
  announcement.mac = links_[own.link].mac;
  send_neighbor_message(own.link, ethernet_group(ipv6_all_nodes), own.address, ipv6_all_nodes, announcement);
  counters_.add(Counter::ndp_announcements_sent);
}

void Host::send_neighbor_message(LinkIndex link, const MacAddress& to, const IpAddress& source,
                                 const IpAddress& destination, const NeighborMessage& message) {
  constexpr std::size_t head_bytes = ethernet_header_bytes + ipv6_header_bytes;
  std::array<std::uint8_t, head_bytes + ndp_message_bytes_max> frame;
  const std::size_t bytes = message.write(std::span(frame).subspan<head_bytes>());
  store_icmpv6_checksum(source, destination, std::span(frame).subspan(head_bytes, bytes));
  const EthernetHeader ethernet{to, links_[link].mac, static_cast<std::uint16_t>(EtherType::ipv6)};
  ethernet.write(frame.data());
  const Ipv6Header ip{source, destination,   Protocol::icmpv6,
                      0,      ndp_hop_limit, static_cast<std::uint16_t>(bytes)};
  ip.write(&frame[ethernet_header_bytes]);
  static_cast<void>(transmit(link, {frame.data(), head_bytes + bytes}, Rope(memory_.slices)));
}

}  // namespace byway::net
