// The bench of bench.h with IPv6: packets, extension headers and neighbour discovery built by hand.
#pragma once

#include "dataplane/net/icmpv6.h"
#include "dataplane/net/ipv6_address.h"
#include "tests/unit/dataplane/net/bench.h"

namespace byway::net {

inline constexpr std::uint16_t ethertype_ipv6 = 0x86dd;
inline constexpr std::size_t behind_ipv6 = ethernet_header_bytes + ipv6_header_bytes;

struct Ip6Fields {
  std::string_view source = "2001:db8::2";
  std::string_view destination = "2001:db8::1";
  std::uint8_t next_header = 6;
  std::uint8_t hop_limit = 64;
  std::uint8_t traffic_class = 0;
  Frame extensions;                  ///< their chain of next headers is the caller's
  std::uint8_t first_extension = 0;  ///< if there are any
  Frame payload;
  MacAddress ethernet_source = peer_mac;
  MacAddress ethernet_target = gateway_mac;
};

/// Gives a payload of TCP or ICMPv6 its right checksum.
inline Frame with_checksum(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                           Frame payload) {
  const std::size_t at = protocol == 58 ? 2 : 16;
  if ((protocol != 58 && protocol != 6) || payload.size() < at + 2) return payload;
  store_be16(&payload[at], 0);
  Checksum sum;
  sum.add_pseudo_header(source, destination, protocol, static_cast<std::uint32_t>(payload.size()));
  sum.add(payload);
  store_be16(&payload[at], sum.value());
  return payload;
}

inline Frame ip6_packet(const Ip6Fields& fields) {
  Frame header(ipv6_header_bytes);
  // Any address, also those that parse_address refuses to read.
  const auto address = [](std::string_view text) {
    IpAddress mapped{};
    if (text.starts_with("::ffff:")) return ip(text.substr(7));
    return text == "::" ? mapped : ip(text);
  };
  const IpAddress source = address(fields.source);
  const IpAddress destination = address(fields.destination);
  const Frame payload = with_checksum(source, destination, fields.next_header, fields.payload);
  Ipv6Header ip;
  ip.source = source;
  ip.destination = destination;
  ip.traffic_class = fields.traffic_class;
  ip.hop_limit = fields.hop_limit;
  ip.payload_bytes = static_cast<std::uint16_t>(fields.extensions.size() + payload.size());
  ip.write(header.data());
  header[6] = fields.extensions.empty() ? fields.next_header : fields.first_extension;
  return joined(header, joined(fields.extensions, payload));
}

inline Frame ip6_frame(const Ip6Fields& fields) {
  return ethernet(fields.ethernet_target, fields.ethernet_source, ethertype_ipv6, ip6_packet(fields));
}

/// An extension header of `units` times 8 bytes with `body` behind its first two bytes.
inline Frame extension(std::uint8_t next, const Frame& body = {}, std::size_t units = 1) {
  Frame bytes(units * 8);
  bytes[0] = next;
  bytes[1] = static_cast<std::uint8_t>(units - 1);
  if (body.empty()) {
    bytes[2] = 1;  // PadN over the rest
    bytes[3] = static_cast<std::uint8_t>(bytes.size() - 4);
  } else {
    std::memcpy(&bytes[2], body.data(), body.size());
  }
  return bytes;
}

inline Frame fragment_header(std::uint8_t next, std::uint16_t offset_bytes, bool more,
                             std::uint32_t identification = 0x01020304) {
  Frame bytes(8);
  bytes[0] = next;
  store_be16(&bytes[2], static_cast<std::uint16_t>(offset_bytes | (more ? 1 : 0)));
  store_be32(&bytes[4], identification);
  return bytes;
}

struct NdpFields {
  std::string_view source = "2001:db8::2";
  std::string_view destination{};  ///< empty: the group of the target
  std::string_view target = "2001:db8::1";
  bool solicitation = true;
  bool router = false;
  bool solicited = false;
  bool override_known = false;
  std::optional<MacAddress> mac = peer_mac;
  std::uint8_t hop_limit = 255;
  MacAddress ethernet_source = peer_mac;
};

inline Frame ndp_message(const NdpFields& fields) {
  NeighborMessage message{fields.solicitation,   fields.router,     fields.solicited,
                          fields.override_known, ip(fields.target), fields.mac};
  std::array<std::uint8_t, ndp_message_bytes_max> bytes;
  const std::size_t size = message.write(bytes);
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)};
}

inline std::string text_of(const IpAddress& address) {
  char text[address_text_max];
  return {text, write_address(address, text)};
}

/// `message` in an IPv6 packet to where such messages go.
inline Frame ndp_frame(const NdpFields& fields, const Frame& message) {
  const std::string group = text_of(solicited_node_group(ip(fields.target)));
  const std::string destination = fields.destination.empty() ? group : std::string(fields.destination);
  const IpAddress to = ip(destination);
  return ip6_frame({.source = fields.source,
                    .destination = destination,
                    .next_header = 58,
                    .hop_limit = fields.hop_limit,
                    .payload = message,
                    .ethernet_source = fields.ethernet_source,
                    .ethernet_target = is_ipv6_multicast(to) ? ethernet_group(to) : gateway_mac});
}
inline Frame ndp_frame(const NdpFields& fields) {
  return ndp_frame(fields, ndp_message(fields));
}

/// An answer to a solicitation of ours, from `target` itself.
inline Frame ndp_answer(std::string_view target = "2001:db8::2", const MacAddress& mac = peer_mac) {
  return ndp_frame({.source = target,
                    .destination = "2001:db8::1",
                    .target = target,
                    .solicitation = false,
                    .solicited = true,
                    .override_known = true,
                    .mac = mac,
                    .ethernet_source = mac});
}

/// A neighbour message that the host sent; `ok` if a receiver would take it.
struct SentNdp {
  bool ok = false;
  LinkIndex link = 0;
  EthernetHeader ethernet;
  Ipv6View ip;
  NeighborMessage message;
};

inline SentNdp sent_ndp(const Catcher::Sent& sent) {
  SentNdp out;
  out.link = sent.link;
  out.ethernet = sent.ethernet();
  const auto packet = std::span(sent.bytes).subspan(ethernet_header_bytes);
  if (out.ethernet.type != ethertype_ipv6 || parse_ipv6(packet, out.ip) != DropReason::none) return out;
  const auto message = packet.subspan(out.ip.header_bytes);
  Icmpv6Kind kind{};
  IcmpError error;
  out.ok = parse_icmpv6(out.ip.source, out.ip.destination, message, kind, error) == DropReason::none &&
           kind == Icmpv6Kind::neighbor_discovery &&
           NeighborMessage::parse(out.ip, message, out.message) == DropReason::none;
  return out;
}

/// The neighbour messages among what was sent, which is forgotten.
inline std::vector<SentNdp> take_ndp(Catcher& wire) {
  std::vector<SentNdp> found;
  for (const Catcher::Sent& sent : wire.sent) {
    if (const SentNdp ndp = sent_ndp(sent); ndp.ok) found.push_back(ndp);
  }
  wire.sent.clear();
  return found;
}

/// 2001:db8::1/64 on link 0 with the default gateway fe80::fe, 2001:db8:7::1/64 on link 1, and the IPv4
/// addresses of Bench.
struct Bench6 : Bench {
  explicit Bench6(bool settled = true) : Bench(true) {
    (void)host.add_interface_address(0, prefix("2001:db8::1/64"), now);
    (void)host.add_interface_address(1, prefix("2001:db8:7::1/64"), now);
    (void)host.add_route(prefix("::/0"), ip("fe80::fe"), LinkIndex{0});
    if (settled) {
      for (int i = 0; i < 6; ++i) pass(1s);
      wire.sent.clear();
    }
  }
  SendResult send6(std::string_view destination, std::string_view data = "payload") {
    Rope payload(slices);
    (void)payload.append(heap.copy(data));
    const Frame header(20);
    Outgoing out;
    out.source = ip("2001:db8::1");
    out.destination = ip(destination);
    out.header = header;
    return host.send(out, std::move(payload), now);
  }
  void introduce6() {
    (void)send6("2001:db8::2");
    receive(ndp_answer());
    wire.sent.clear();
  }
};

}  // namespace byway::net
