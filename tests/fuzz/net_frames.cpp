// Any bytes as frames on a port: whatever they are, the host must not read past them, must keep its bounds,
// must return every buffer, and must only ever send frames that it would accept itself.
//
// Input: a control byte and a length byte before each frame. The control byte's lowest bit chooses the port,
// its bit 1 whether the frame is only observed, bit 2 whether checksums count as verified, bit 3 lets time
// pass, bit 4 sends a packet of our own, bit 5 puts right checksums into the frame (so that the fuzzer gets
// past them), bit 7 takes an 802.1Q tag out of it and chooses the port by that, bit 6 says that the bytes are
// not a frame but what follows an IPv6 header: the first of them is the number of the next header, the second
// chooses addresses and hop limit.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <algorithm>
#include <vector>

#include "dataplane/net/checksum.h"
#include "dataplane/net/host.h"
#include "dataplane/net/icmpv6.h"
#include "dataplane/net/ipv6_address.h"
#include "dataplane/net/vlan.h"

namespace {

using namespace byway;
using namespace byway::net;

constexpr MacAddress own_mac{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress peer_mac{{2, 0, 0, 0, 0, 2}};

constexpr std::uint8_t is_observed = 2;
constexpr std::uint8_t is_verified = 4;
constexpr std::uint8_t passes_time = 8;
constexpr std::uint8_t sends = 16;
constexpr std::uint8_t fixes_checksums = 32;
constexpr std::uint8_t is_behind_ipv6 = 64;
constexpr std::uint8_t is_tagged = 128;

/// 2001:db8:0:`network`::`host`.
constexpr IpAddress ipv6_of(std::uint8_t network, std::uint8_t host) {
  return {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, network, 0, 0, 0, 0, 0, 0, 0, host}};
}

/// A frame for us, or for a group of ours, that carries `bytes` as said above.
std::vector<std::uint8_t> behind_ipv6(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t said_bytes = 2;
  if (bytes.size() < said_bytes) return {bytes.begin(), bytes.end()};
  const std::uint8_t choice = bytes[1];
  const std::array sources{ipv6_of(0, 2), ipv6_of(0, 3), link_local_of(peer_mac), IpAddress{},
                           ipv6_of(1, 2), ipv6_of(9, 9), ipv6_of(0, 1),           ipv6_all_nodes};
  const std::array targets{ipv6_of(0, 1), solicited_node_group(ipv6_of(0, 1)), ipv6_all_nodes,
                           link_local_of(own_mac)};
  Ipv6Header header;
  header.source = sources[choice % sources.size()];
  header.destination = targets[choice / sources.size() % targets.size()];
  header.protocol = static_cast<Protocol>(bytes[0]);
  header.hop_limit = choice >= 128 ? std::uint8_t{64} : ndp_hop_limit;
  header.payload_bytes = static_cast<std::uint16_t>(bytes.size() - said_bytes);
  const bool to_group = is_ipv6_multicast(header.destination);
  std::vector<std::uint8_t> frame(ethernet_header_bytes + ipv6_header_bytes);
  EthernetHeader{to_group ? ethernet_group(header.destination) : own_mac, peer_mac,
                 static_cast<std::uint16_t>(EtherType::ipv6)}
      .write(frame.data());
  header.write(&frame[ethernet_header_bytes]);
  frame.insert(frame.end(), bytes.begin() + said_bytes, bytes.end());
  return frame;
}

/// Puts the checksum of TCP or ICMP at its place, computed over what lies behind `at`.
void fix_transport(std::span<std::uint8_t> packet, std::size_t at, std::uint8_t protocol,
                   const IpAddress& source, const IpAddress& destination) {
  const bool is_tcp = protocol == static_cast<std::uint8_t>(Protocol::tcp);
  const std::size_t field = at + (is_tcp ? 16 : 2);
  if (field + 2 > packet.size()) return;
  store_be16(&packet[field], 0);
  Checksum sum;
  if (protocol != static_cast<std::uint8_t>(Protocol::icmp)) {
    sum.add_pseudo_header(source, destination, protocol, static_cast<std::uint32_t>(packet.size() - at));
  }
  sum.add(packet.subspan(at));
  store_be16(&packet[field], sum.value());
}

void fix_checksums(std::span<std::uint8_t> frame) {
  if (frame.size() < ethernet_header_bytes) return;
  std::span<std::uint8_t> packet = frame.subspan(ethernet_header_bytes);
  if (packet.size() >= ipv4_header_bytes && packet[0] >> 4 == 4) {
    const std::size_t header = std::size_t{packet[0] & 15u} * 4;
    packet = packet.first(std::min<std::size_t>(packet.size(), load_be16(&packet[2])));
    if (header < ipv4_header_bytes || header > packet.size()) return;
    store_be16(&packet[10], 0);
    store_be16(&packet[10], checksum(packet.first(header)));
    fix_transport(packet, header, packet[9], IpAddress::from_v4({load_be32(&packet[12])}),
                  IpAddress::from_v4({load_be32(&packet[16])}));
    return;
  }
  const auto transport = find_ipv6_transport(packet);
  if (!transport) return;
  packet = packet.first(std::min<std::size_t>(packet.size(), ipv6_header_bytes + load_be16(&packet[4])));
  if (transport->at > packet.size()) return;
  IpAddress source;
  IpAddress destination;
  std::memcpy(source.bytes.data(), &packet[8], sizeof source.bytes);
  std::memcpy(destination.bytes.data(), &packet[24], sizeof destination.bytes);
  fix_transport(packet, transport->at, transport->protocol, source, destination);
}

void require(bool condition) {
  if (!condition) std::abort();
}

class Checker final : public FrameSink {
 public:
  explicit Checker(HeapProvider& heap) : heap_(heap) {}

  bool transmit(LinkIndex link, std::span<const std::uint8_t> header, Rope&& payload) override {
    Rope data = std::move(payload);
    const auto size = static_cast<Bytes>(header.size()) + data.size();
    Buffer* buffer = heap_.allocate(size);
    if (buffer == nullptr) return false;
    std::memcpy(buffer->memory, header.data(), header.size());
    data.copy_to(0, {buffer->memory + header.size(), data.size()});
    RxFrame frame;
    frame.bytes = Slice::adopt(buffer, buffer->memory, size);
    frame.link = link;
    FrameView view;
    require(parse_frame(frame, view) == DropReason::none);
    require(view.ethernet.source == own_mac);
    check_tag(header);
    return true;
  }

 private:
  /// What is sent with a tag is, without it, what it was.
  static void check_tag(std::span<const std::uint8_t> header) {
    std::vector<std::uint8_t> tagged(header.size() + vlan_tag_bytes);
    require(write_tagged(header, vlan_max, tagged) == tagged.size());
    require(has_vlan_tag(tagged) && vlan_of(tagged) == vlan_max);
    remove_vlan_tag(tagged.data());
    require(std::equal(header.begin(), header.end(), tagged.begin() + vlan_tag_bytes, tagged.end()));
  }

  HeapProvider& heap_;
};

struct World {
  HeapProvider heap;
  SlicePool slices{128};
  TimerWheel wheel{Instant{}};
  Checker sink{heap};
  OwnCounters<Counter> counters;
  Host host{{slices, heap}, wheel, sink, counters.block, 1};
  Ingress ingress;
  Instant now{};

  World() {
    std::uint8_t number = 0;
    for (const std::uint32_t network : {0x0a000001u, 0xc0a80701u}) {
      const auto link = host.add_link({own_mac, 1500});
      require(host.add_interface_address(link.value(), Prefix{ipv6_of(number++, 1), 64}, now) ==
              AddressError::none);
      require(host.add_interface_address(link.value(), Prefix::from_v4({network}, 24), now) ==
              AddressError::none);
    }
    require(host.add_route(Prefix::from_v4({0}, 0), IpAddress::from_v4({0x0a0000fe})) == RouteError::none);
    require(host.add_route(Prefix{}, link_local_of(peer_mac), LinkIndex{0}) == RouteError::none);
  }

  void send(std::uint8_t host_part) {
    Rope payload(slices);
    require(payload.append(heap.copy("payload")));
    const std::array<std::uint8_t, 20> header{};
    Outgoing out;
    const bool is_v4 = (host_part & is_behind_ipv6) == 0;
    out.source = is_v4 ? IpAddress::from_v4({0x0a000001}) : ipv6_of(0, 1);
    out.destination = is_v4                            ? IpAddress::from_v4({0x0a000000u | host_part})
                      : (host_part & is_observed) != 0 ? ipv6_of(9, host_part)
                                                       : ipv6_of(0, 2);
    out.header = header;
    static_cast<void>(host.send(out, std::move(payload), now));
  }

  void receive(std::uint8_t control, std::span<const std::uint8_t> bytes) {
    std::vector<std::uint8_t> whole = (control & is_behind_ipv6) != 0
                                          ? behind_ipv6(bytes)
                                          : std::vector<std::uint8_t>(bytes.begin(), bytes.end());
    LinkIndex link = control & 1;
    if ((control & is_tagged) != 0 && has_vlan_tag(whole)) {
      link = vlan_of(whole) & 1;
      remove_vlan_tag(whole.data());
      whole.erase(whole.begin(), whole.begin() + vlan_tag_bytes);
    }
    if ((control & fixes_checksums) != 0) fix_checksums(whole);
    RxFrame frame;
    frame.bytes = heap.copy(whole);
    frame.link = link;
    frame.observe_only = (control & is_observed) != 0;
    frame.ip_checksum_verified = frame.transport_checksum_verified = (control & is_verified) != 0;
    if ((control & passes_time) != 0) now = now + Nanoseconds(400ms) * control;
    wheel.advance(now, 64);
    if ((control & sends) != 0) send(control);
    host.on_burst({&frame, 1}, now, ingress);
    check(whole.size());
    require(ingress.whole_count <= 1);
    if (ingress.whole_count == 0) return;
    RxFrame reassembled = std::move(ingress.whole[0]);
    const std::size_t reassembled_bytes = reassembled.bytes.size();
    require(reassembled_bytes <= fragment_buffer_bytes);
    host.on_burst({&reassembled, 1}, now, ingress);
    check(reassembled_bytes);
    require(ingress.whole_count == 0);
  }

  void check(std::size_t frame_bytes) {
    for (std::size_t i = 0; i < ingress.segment_count; ++i) {
      require(ingress.segments[i].payload.size() + ipv4_header_bytes + ethernet_header_bytes <= frame_bytes);
      ingress.segments[i].payload = Slice();
    }
    for (std::size_t i = 0; i < ingress.error_count; ++i) require(host.owns(ingress.errors[i].source));
    require(host.neighbors().size() <= neighbors_max);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  std::span<const std::uint8_t> input(data, size);
  while (input.size() > 2) {
    const std::uint8_t control = input[0];
    const std::size_t length = std::min<std::size_t>(input[1], input.size() - 2);
    world.receive(control, input.subspan(2, length));
    input = input.subspan(2 + length);
  }
  return 0;
}
