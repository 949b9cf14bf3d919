// A host on a test bench: its frames are caught, frames are built by hand, time moves when told.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "dataplane/net/checksum.h"
#include "dataplane/net/cursor.h"
#include "dataplane/net/host.h"

namespace byway::net {

using Frame = std::vector<std::uint8_t>;

inline IpAddress ip(std::string_view text) {
  return parse_address(text).value();
}
inline Prefix prefix(std::string_view text) {
  return parse_prefix(text).value();
}

inline constexpr MacAddress gateway_mac{{2, 0, 0, 0, 0, 1}};
inline constexpr MacAddress peer_mac{{2, 0, 0, 0, 0, 2}};
inline constexpr MacAddress other_mac{{2, 0, 0, 0, 0, 3}};

inline Frame joined(const Frame& head, const Frame& tail) {
  Frame whole(head.size() + tail.size());
  if (!head.empty()) std::memcpy(whole.data(), head.data(), head.size());
  if (!tail.empty()) std::memcpy(whole.data() + head.size(), tail.data(), tail.size());
  return whole;
}

inline Frame ethernet(const MacAddress& to, const MacAddress& from, std::uint16_t type, const Frame& packet) {
  Frame frame(ethernet_header_bytes);
  EthernetHeader{to, from, type}.write(frame.data());
  return joined(frame, packet);
}

struct ArpFields {
  ArpOperation operation = ArpOperation::request;
  MacAddress sender_mac = peer_mac;
  std::string_view sender_ip = "10.0.0.2";
  MacAddress target_mac{};
  std::string_view target_ip = "10.0.0.1";
  MacAddress ethernet_target = MacAddress::broadcast();
};

inline Frame arp_frame(const ArpFields& fields) {
  ArpPacket packet;
  packet.operation = fields.operation;
  packet.sender_mac = fields.sender_mac;
  packet.sender_ip = parse_ipv4(fields.sender_ip).value();
  packet.target_mac = fields.target_mac;
  packet.target_ip = parse_ipv4(fields.target_ip).value();
  Frame bytes(arp_packet_bytes);
  packet.write(std::span<std::uint8_t, arp_packet_bytes>(bytes.data(), arp_packet_bytes));
  return ethernet(fields.ethernet_target, fields.sender_mac, 0x0806, bytes);
}

struct IpFields {
  std::string_view source = "10.0.0.2";
  std::string_view destination = "10.0.0.1";
  Protocol protocol = Protocol::tcp;
  std::uint8_t traffic_class = 0;
  Frame payload;
};

/// An IPv4 packet with right lengths and checksum. A TCP payload gets a right checksum too.
inline Frame ip_packet(const IpFields& fields) {
  Ipv4Header header;
  header.source = parse_ipv4(fields.source).value();
  header.destination = parse_ipv4(fields.destination).value();
  header.protocol = fields.protocol;
  header.traffic_class = fields.traffic_class;
  header.payload_bytes = static_cast<std::uint16_t>(fields.payload.size());
  Frame bytes(ipv4_header_bytes);
  header.write(bytes.data());
  Frame payload = fields.payload;
  if (fields.protocol == Protocol::tcp && payload.size() >= 18) {
    Checksum sum;
    store_be16(&payload[16], 0);
    sum.add_pseudo_header(IpAddress::from_v4(header.source), IpAddress::from_v4(header.destination), 6,
                          static_cast<std::uint32_t>(payload.size()));
    sum.add(payload);
    store_be16(&payload[16], sum.value());
  }
  return joined(bytes, payload);
}

inline Frame ip_frame(const IpFields& fields) {
  return ethernet(gateway_mac, peer_mac, 0x0800, ip_packet(fields));
}

inline void fix_ip_checksum(Frame& frame) {
  std::uint8_t* header = &frame[ethernet_header_bytes];
  store_be16(header + 10, 0);
  store_be16(header + 10, checksum({header, std::size_t{header[0] & 15u} * 4}));
}

/// A TCP header with the given first ports and `data` behind it; enough for this layer, which looks no
/// deeper.
inline Frame tcp_bytes(std::string_view data = "hello") {
  Frame bytes(20);
  store_be16(&bytes[0], 40000);
  store_be16(&bytes[2], 80);
  bytes[12] = 0x50;
  return joined(bytes, Frame(data.begin(), data.end()));
}

/// The packet in `frame` (IPv4 without options) in pieces of at most `size` payload bytes, a multiple of 8.
inline std::vector<Frame> in_pieces(const Frame& frame, std::size_t size, std::uint16_t identification = 7) {
  constexpr std::size_t headers = ethernet_header_bytes + ipv4_header_bytes;
  constexpr std::uint16_t more_fragments = 0x2000;
  std::vector<Frame> pieces;
  for (std::size_t at = headers; at < frame.size(); at += size) {
    const std::size_t end = std::min(at + size, frame.size());
    Frame piece(frame.begin(), frame.begin() + headers);
    piece.insert(piece.end(), frame.begin() + static_cast<std::ptrdiff_t>(at),
                 frame.begin() + static_cast<std::ptrdiff_t>(end));
    std::uint8_t* header = &piece[ethernet_header_bytes];
    store_be16(header + 2, static_cast<std::uint16_t>(piece.size() - ethernet_header_bytes));
    store_be16(header + 4, identification);
    const auto offset = static_cast<std::uint16_t>((at - headers) / 8);
    store_be16(header + 6, end < frame.size() ? offset | more_fragments : offset);
    fix_ip_checksum(piece);
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

class Catcher final : public FrameSink {
 public:
  struct Sent {
    LinkIndex link;
    Frame bytes;
    std::uint16_t segment_bytes = 0;  ///< of those that the port is to cut
    [[nodiscard]] EthernetHeader ethernet() const { return EthernetHeader::parse(bytes.data()); }
    [[nodiscard]] ArpPacket arp() const {
      ArpPacket packet;
      if (ethernet().type != 0x0806 ||
          ArpPacket::parse(std::span(bytes).subspan(ethernet_header_bytes), packet) != DropReason::none) {
        packet.sender_ip.value = 0xdeadbeef;
      }
      return packet;
    }
  };
  bool transmit(LinkIndex link, std::span<const std::uint8_t> header, Rope&& payload) override {
    Rope data = std::move(payload);
    if (full) return false;
    Frame bytes(header.begin(), header.end());
    bytes.resize(header.size() + data.size());
    data.copy_to(0, std::span(bytes).subspan(header.size()));
    sent.push_back({link, std::move(bytes)});
    return true;
  }
  bool transmit_segments(LinkIndex link, std::span<const std::uint8_t> header, Rope&& payload,
                         std::uint16_t segment_bytes) override {
    if (!transmit(link, header, std::move(payload))) return false;
    sent.back().segment_bytes = segment_bytes;
    return true;
  }
  void undeliverable(const IcmpError& error, Instant) override { errors.push_back(error); }
  void address_is_duplicate(LinkIndex, const IpAddress& address) override { duplicates.push_back(address); }
  std::vector<IpAddress> duplicates;
  std::deque<Sent> sent;
  std::vector<IcmpError> errors;
  bool full = false;
};

/// 10.0.0.1/24 on link 0 with the default gateway 10.0.0.254, 192.168.7.1/24 on link 1.
struct Bench {
  HeapProvider heap;
  SlicePool slices{512};
  TimerWheel wheel{Instant{}};
  Catcher wire;
  OwnCounters<Counter> counters;
  Host host{{slices, heap}, wheel, wire, counters.block, 1};
  Ingress ingress;
  Instant now{};

  explicit Bench(bool announced = true) {
    (void)host.add_link({gateway_mac, 1500});
    (void)host.add_link({other_mac, 1400});
    (void)host.add_interface_address(0, prefix("10.0.0.1/24"), now);
    (void)host.add_interface_address(1, prefix("192.168.7.1/24"), now);
    (void)host.add_route(prefix("0.0.0.0/0"), ip("10.0.0.254"));
    if (announced) {
      for (int i = 0; i < 5; ++i) pass(1s);
      wire.sent.clear();
    }
  }

  void pass(Nanoseconds time) {
    now = now + time;
    while (wheel.advance(now, 64) != 0) {
    }
  }
  void receive(const Frame& bytes, LinkIndex link = 0) {
    RxFrame frame;
    frame.bytes = heap.copy(bytes);
    frame.link = link;
    host.on_burst({&frame, 1}, now, ingress);
  }
  /// Tells the host who 10.0.0.2 (or `address`) is.
  void introduce(std::string_view address = "10.0.0.2", const MacAddress& mac = peer_mac) {
    receive(arp_frame({.sender_mac = mac, .sender_ip = address}));
    wire.sent.clear();
  }
  SendResult send(std::string_view destination, std::string_view data = "payload") {
    Rope payload(slices);
    (void)payload.append(heap.copy(data));
    const Frame header(20);
    Outgoing out;
    out.source = ip("10.0.0.1");
    out.destination = ip(destination);
    out.header = header;
    return host.send(out, std::move(payload), now);
  }
  [[nodiscard]] std::uint64_t count(Counter counter) const { return counters.block.value(counter); }
};

}  // namespace byway::net
