// ICMP and ICMPv6: who is answered and believed, and who is told that nobody here wants what he sent (RFC
// 1122 3.2.2, RFC 4443 2.4).
#include <cstring>

#include "dataplane/net/host.h"
#include "dataplane/net/icmp_report.h"
#include "dataplane/net/icmpv6.h"
#include "dataplane/net/ipv6_address.h"

namespace byway::net {

namespace {

/// Of a packet in pieces only the first one may be told of (RFC 1122 3.2.2), and a view does not hold all of
/// it.
bool is_piece(const FrameView& view) {
  if (view.kind == FrameKind::ipv4) return view.ipv4.more_fragments || view.ipv4.fragment_offset != 0;
  const Ipv6Fragment& fragment = view.ipv6.fragment;
  return view.ipv6.has_fragment_header && (fragment.more || fragment.offset_bytes != 0);
}

}  // namespace

DropReason Host::on_icmp(const Packet& packet, Instant now, Ingress& out) {
  IcmpKind kind{};
  IcmpError& error = out.errors[out.error_count];
  const DropReason reason = parse_icmp(packet.payload.bytes(), kind, error);
  if (reason != DropReason::none) return reason;
  return kind == IcmpKind::echo_request ? answer_echo(packet, now) : take_error(error, out);
}

DropReason Host::take_error(const IcmpError& error, Ingress& out) {
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
  const bool is_v4 = packet.source.is_v4();
  if (is_v4) {
    make_echo_reply(message);
  } else {
    make_echo_reply_v6(packet.destination, packet.source, message);
  }
  if (reply_by_icmp(packet, buffer, packet.payload.size(), now)) counters_.add(Counter::icmp_echo_answered);
  return DropReason::none;
}

/// Only admitted packets come here: one sender's to one address of ours, by the way that the answer takes.
void Host::report_unwanted(const FrameView& view, const RxFrame& frame, Instant now) {
  if (frame.observe_only || is_piece(view)) return;
  if (!report_limit_.allow(now)) {
    counters_.add(Counter::icmp_reports_suppressed);
    return;
  }
  const bool is_v4 = view.kind == FrameKind::ipv4;
  const std::size_t total_bytes = is_v4 ? view.ipv4.total_bytes : view.ipv6.total_bytes;
  Packet about;
  about.source = is_v4 ? IpAddress::from_v4(view.ipv4.source) : view.ipv6.source;
  about.destination = is_v4 ? IpAddress::from_v4(view.ipv4.destination) : view.ipv6.destination;
  about.link = frame.link;
  Unwanted unwanted;
  unwanted.source = about.source;
  unwanted.destination = about.destination;
  unwanted.protocol = is_v4 ? view.ipv4.protocol : view.ipv6.protocol;
  unwanted.protocol_at = is_v4 ? std::uint16_t{0} : view.ipv6.protocol_at;
  unwanted.packet = frame.bytes.bytes().subspan(ethernet_header_bytes, total_bytes);
  const std::size_t size = icmp_report_size(unwanted);
  Buffer* buffer = memory_.buffers.allocate(static_cast<Bytes>(size));
  if (buffer == nullptr) {
    drop(DropReason::tx_no_memory);
    return;
  }
  write_icmp_report(unwanted, {buffer->memory, size});
  if (reply_by_icmp(about, buffer, static_cast<Bytes>(size), now)) {
    counters_.add(Counter::icmp_reports_sent);
  }
}

/// Sends the message in `buffer`, which is taken, to the source of `packet`. False: it is lost, and counted.
bool Host::reply_by_icmp(const Packet& packet, Buffer* buffer, Bytes size, Instant now) {
  Rope payload(memory_.slices);
  if (!payload.append(Slice::adopt(buffer, buffer->memory, size))) {
    drop(DropReason::tx_no_memory);
    return false;
  }
  Outgoing reply;
  reply.source = packet.destination;
  reply.destination = packet.source;
  reply.protocol = packet.source.is_v4() ? Protocol::icmp : Protocol::icmpv6;
  reply.traffic_class = packet.traffic_class;
  // A link-local address says not by which port it is reached.
  const SendResult result = is_link_local(reply.destination)
                                ? send_by(packet.link, reply.destination, reply, std::move(payload), now)
                                : send(reply, std::move(payload), now);
  return result == SendResult::sent;
}

}  // namespace byway::net
