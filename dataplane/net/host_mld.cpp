// The host as a listener of the groups of its own addresses (RFC 3810 6): it reports each when it begins and
// ends to listen, and when it is asked. The group of all nodes needs no report.
#include <algorithm>

#include "dataplane/net/host.h"
#include "dataplane/net/icmpv6.h"
#include "dataplane/net/ipv6_address.h"
#include "dataplane/net/mld.h"

namespace byway::net {

namespace {

/// RFC 3810 6.2 wants answers spread at random. Addresses of one host need only differ among each other and
/// from those of other hosts, so the address itself chooses.
Nanoseconds spread(const IpAddress& address, Nanoseconds most) {
  constexpr std::uint64_t parts = 256;
  const std::uint64_t mixed = (address.half(0) ^ address.half(1)) * 0x9e3779b97f4a7c15ULL;
  return most / parts * (mixed >> 56);
}

}  // namespace

/// One host of a node answers, as one announces.
DropReason Host::on_listener_query(const FrameView& view, const Packet& packet, LinkIndex link, Instant now) {
  MldQuery query;
  const DropReason reason = MldQuery::parse(view.ipv6, packet.payload.bytes(), query);
  if (reason != DropReason::none || !announcing_) return reason;
  for (OwnAddress& own : addresses_.all()) {
    if (own.link != link || own.address.is_v4() || own.state == AddressState::duplicate) continue;
    if (!is_unspecified(query.group) && query.group != solicited_node_group(own.address)) continue;
    own.report_at = std::min(own.report_at, now + spread(own.address, query.delay_max));
  }
  wheel_.arm(address_timer_, now);  // which finds out when the first is due
  return DropReason::none;
}

void Host::report_group(const OwnAddress& own, MldRecord record) {
  // RFC 3590: from a link-local address, or while there is none from the unspecified one.
  const IpAddress* local = interface_address(own.link, link_local_of(links_[own.link].mac));
  const IpAddress source = local != nullptr ? *local : IpAddress{};
  constexpr std::size_t head_bytes = ethernet_header_bytes + ipv6_header_bytes;
  std::array<std::uint8_t, head_bytes + mld_report_bytes> frame;
  const EthernetHeader ethernet{ethernet_group(mld_report_group), links_[own.link].mac,
                                static_cast<std::uint16_t>(EtherType::ipv6)};
  ethernet.write(frame.data());
  const Ipv6Header ip{source, mld_report_group, Protocol::hop_by_hop, 0, mld_hop_limit, mld_report_bytes};
  ip.write(&frame[ethernet_header_bytes]);
  write_mld_report(record, solicited_node_group(own.address), source, std::span(frame).subspan<head_bytes>());
  static_cast<void>(transmit(own.link, frame, Rope(memory_.slices)));
  counters_.add(Counter::mld_reports_sent);
}

/// Unless another address of ours on the link has the same group.
void Host::stop_listening(const OwnAddress& gone) {
  const IpAddress group = solicited_node_group(gone.address);
  const bool is_wanted = std::ranges::any_of(addresses_.all(), [&](const OwnAddress& own) {
    return own.link == gone.link && !own.address.is_v4() && solicited_node_group(own.address) == group;
  });
  if (!is_wanted) report_group(gone, MldRecord::stops_listening);
}

}  // namespace byway::net
