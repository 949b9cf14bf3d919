#include <catch2/catch_test_macros.hpp>

#include "tests/unit/dataplane/net/bench_ipv6.h"

using namespace byway;
using namespace byway::net;

namespace {

constexpr std::uint8_t hop_by_hop = 0;
constexpr std::uint8_t tcp = 6;
constexpr std::uint8_t routing = 43;
constexpr std::uint8_t fragment = 44;
constexpr std::uint8_t none = 59;
constexpr std::uint8_t options = 60;

DropReason parsed(const Ip6Fields& fields, Ipv6View* out = nullptr) {
  Ipv6View view;
  const DropReason reason = parse_ipv6(ip6_packet(fields), view);
  if (out != nullptr) *out = view;
  return reason;
}

}  // namespace

TEST_CASE("a TCP segment in IPv6 reaches the transport with its addresses, class and exact length") {
  Bench6 bench;
  Frame frame = ip6_frame({.traffic_class = 0x2b, .payload = tcp_bytes("hello")});
  frame.resize(frame.size() + 7);  // padding of Ethernet
  bench.receive(frame);
  REQUIRE(bench.ingress.segment_count == 1);
  Packet& packet = bench.ingress.segments[0];
  CHECK(packet.source == ip("2001:db8::2"));
  CHECK(packet.destination == ip("2001:db8::1"));
  CHECK(packet.traffic_class == 0x2b);
  CHECK(packet.payload.text().substr(20) == "hello");
  packet.payload = Slice();
  CHECK(bench.heap.live() == 0);
}

TEST_CASE("what the IPv6 header says is what was written") {
  Ipv6View view;
  REQUIRE(parsed({.hop_limit = 9, .traffic_class = 0xa1, .payload = tcp_bytes("x")}, &view) ==
          DropReason::none);
  CHECK(view.source == ip("2001:db8::2"));
  CHECK(view.destination == ip("2001:db8::1"));
  CHECK(view.protocol == tcp);
  CHECK(view.hop_limit == 9);
  CHECK(view.traffic_class == 0xa1);
  CHECK(view.header_bytes == 40);
  CHECK(view.total_bytes == 61);
}

TEST_CASE("a packet that is cut off anywhere is refused and not read past its end") {
  const Frame whole = ip6_packet({.extensions = joined(extension(options), extension(tcp)),
                                  .first_extension = hop_by_hop,
                                  .payload = tcp_bytes()});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Frame cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    Ipv6View view;
    CHECK(parse_ipv6(cut, view) == DropReason::ip_truncated);
  }
  Frame wrong = whole;
  wrong[0] = 0x50;
  Ipv6View view;
  CHECK(parse_ipv6(wrong, view) == DropReason::ip_version);
}

TEST_CASE("an extension header that is longer than its packet is refused") {
  Frame header = extension(tcp);
  header[1] = 3;
  CHECK(parsed({.next_header = 253, .extensions = header, .first_extension = options, .payload = Frame(8)}) ==
        DropReason::ip_truncated);
}

TEST_CASE("options, finished routes and atomic fragments are passed over") {
  Frame chain = extension(options);
  chain = joined(chain, extension(routing));
  chain = joined(chain, extension(fragment, {3, 0}));  // type 3, no segments left
  chain = joined(chain, fragment_header(options, 0, false));
  chain = joined(chain, extension(tcp));
  Ipv6View view;
  REQUIRE(parsed({.extensions = chain, .first_extension = hop_by_hop, .payload = tcp_bytes()}, &view) ==
          DropReason::none);
  CHECK(view.protocol == tcp);
  CHECK(view.header_bytes == 40 + 5 * 8);
  CHECK(view.has_fragment_header);
}

TEST_CASE("extension headers are bounded in number and in bytes") {
  Frame chain;
  for (int i = 0; i < 5; ++i) chain = joined(chain, extension(i < 4 ? options : tcp));
  CHECK(parsed({.extensions = chain, .first_extension = options, .payload = tcp_bytes()}) ==
        DropReason::none);
  chain = joined(extension(options), chain);
  CHECK(parsed({.extensions = chain, .first_extension = options, .payload = tcp_bytes()}) ==
        DropReason::ipv6_extensions);
  const auto units = ipv6_extension_bytes_max / 8;
  CHECK(
      parsed({.extensions = extension(tcp, {}, units), .first_extension = options, .payload = tcp_bytes()}) ==
      DropReason::none);
  CHECK(parsed({.extensions = extension(tcp, Frame(units * 8), units + 1),  // all Pad1
                .first_extension = options,
                .payload = tcp_bytes()}) == DropReason::ipv6_extensions);
}

TEST_CASE("hop-by-hop options stand first or nowhere (RFC 8200 4.1)") {
  const Frame chain = joined(extension(hop_by_hop), extension(tcp));
  CHECK(parsed({.extensions = chain, .first_extension = options, .payload = tcp_bytes()}) ==
        DropReason::ipv6_extensions);
}

TEST_CASE("unknown options are skipped if they allow it, else the packet is refused (RFC 8200 4.2)") {
  const auto with_option = [](std::uint8_t type, std::uint8_t length) {
    return parsed({.extensions = extension(tcp, {type, length, 0, 0, 0, 0}),
                   .first_extension = options,
                   .payload = tcp_bytes()});
  };
  CHECK(with_option(0x05, 2) == DropReason::none);  // a router alert and two Pad1
  CHECK(with_option(0x3e, 4) == DropReason::none);
  CHECK(with_option(0x45, 4) == DropReason::ipv6_options);
  CHECK(with_option(0x85, 4) == DropReason::ipv6_options);
  CHECK(with_option(0xc2, 4) == DropReason::ipv6_options);  // a jumbo payload
  CHECK(with_option(0x05, 5) == DropReason::ipv6_options);  // longer than its header
}

TEST_CASE("a packet with a route to go, or with a route of type 0, is refused (RFC 5095)") {
  const auto with_route = [](std::uint8_t type, std::uint8_t segments_left) {
    return parsed({.extensions = extension(tcp, {type, segments_left}),
                   .first_extension = routing,
                   .payload = tcp_bytes()});
  };
  CHECK(with_route(4, 0) == DropReason::none);
  CHECK(with_route(4, 1) == DropReason::ipv6_routing);
  CHECK(with_route(0, 0) == DropReason::ipv6_routing);
}

TEST_CASE("a fragment is refused, and what reassembly needs is known") {
  Frame chain = joined(extension(fragment), fragment_header(tcp, 1448, true));
  Ipv6View view;
  CHECK(parsed({.next_header = 253, .extensions = chain, .first_extension = hop_by_hop, .payload = Frame(64)},
               &view) == DropReason::ipv6_fragment);
  CHECK(view.source == ip("2001:db8::2"));
  CHECK(view.total_bytes == 40 + 16 + 64);
  CHECK(view.fragment.identification == 0x01020304);
  CHECK(view.fragment.offset_bytes == 1448);
  CHECK(view.fragment.more);
  CHECK(view.fragment.next_header == tcp);
  CHECK(view.fragment.next_header_at == 40);
  CHECK(view.fragment.header_at == 48);
  chain = fragment_header(tcp, 8, false);
  CHECK(parsed({.next_header = 253, .extensions = chain, .first_extension = fragment, .payload = Frame(64)},
               &view) == DropReason::ipv6_fragment);
  CHECK_FALSE(view.fragment.more);
  CHECK(view.fragment.next_header_at == 6);
  chain = joined(fragment_header(fragment, 0, false), fragment_header(tcp, 0, false));
  CHECK(parsed({.extensions = chain, .first_extension = fragment, .payload = tcp_bytes()}) ==
        DropReason::ipv6_extensions);
}

TEST_CASE("what carries nothing, or what nobody here reads, is dropped under its own name") {
  Bench6 bench;
  bench.receive(ip6_frame({.next_header = none}));
  CHECK(bench.count(Counter::drop_ipv6_no_next_header) == 1);
  for (const int protocol : {1, 17, 50, 51, 135, 253}) {  // ICMPv4, UDP, ESP, AH, mobility, none
    bench.receive(ip6_frame({.next_header = static_cast<std::uint8_t>(protocol), .payload = Frame(32)}));
  }
  CHECK(bench.count(Counter::drop_ip_protocol) == 6);
  bench.receive(ip_frame({.protocol = Protocol::icmpv6, .payload = Frame(32)}));
  CHECK(bench.count(Counter::drop_ip_protocol) == 7);
}

TEST_CASE("addresses that no packet on a wire has are refused") {
  Bench6 bench;
  const Frame segment = tcp_bytes();
  for (const std::string_view source : {"::1", "ff02::1", "::ffff:10.0.0.2", "::", "2001:db8::1"}) {
    bench.receive(ip6_frame({.source = source, .payload = segment}));
  }
  CHECK(bench.count(Counter::drop_ip_martian) == 5);
  // Mapped, this would be 10.0.0.1, which is ours.
  for (const std::string_view destination : {"::ffff:10.0.0.1", "::1", "::"}) {
    bench.receive(ip6_frame({.destination = destination, .payload = segment}));
  }
  CHECK(bench.count(Counter::drop_ip_martian) == 8);
  CHECK(bench.ingress.segment_count == 0);
}

TEST_CASE("IPv6 packets to others, by the wrong port, or in a group's frame are dropped") {
  Bench6 bench;
  bench.receive(ip6_frame({.destination = "2001:db8::3", .payload = tcp_bytes()}));
  bench.receive(ip6_frame({.destination = "2001:db8:7::1", .payload = tcp_bytes()}));
  bench.receive(ip6_frame(
      {.destination = "ff02::1", .payload = tcp_bytes(), .ethernet_target = ethernet_group(ipv6_all_nodes)}));
  CHECK(bench.count(Counter::drop_ip_not_for_us) == 3);
  bench.receive(ip6_frame({.payload = tcp_bytes(), .ethernet_target = ethernet_group(ipv6_all_nodes)}));
  CHECK(bench.count(Counter::drop_ip_link_broadcast) == 1);
  bench.receive(ip6_frame({.source = "2001:db8:7::2", .payload = tcp_bytes()}));
  CHECK(bench.count(Counter::drop_ip_reverse_path) == 1);
  bench.receive(ip6_frame({.source = "2001:4860::8", .payload = tcp_bytes()}));  // by the default route
  CHECK(bench.ingress.segment_count == 1);
  bench.ingress.segments[0].payload = Slice();
}

TEST_CASE("no service is offered to or by link-local addresses, whose link a connection does not know") {
  Bench6 bench;
  const std::string own = text_of(link_local_of(gateway_mac));
  bench.receive(ip6_frame({.source = "fe80::2", .payload = tcp_bytes()}));
  bench.receive(ip6_frame({.source = "fe80::2", .destination = own, .payload = tcp_bytes()}));
  CHECK(bench.count(Counter::drop_ipv6_link_local) == 2);
}

TEST_CASE("a TCP segment with a wrong checksum over the IPv6 pseudo-header is dropped") {
  Bench6 bench;
  Frame frame = ip6_frame({.payload = tcp_bytes()});
  frame[ethernet_header_bytes + 23] ^= 1;  // of the source address, which no checksum of IPv6 covers
  bench.receive(frame);
  CHECK(bench.count(Counter::drop_tcp_checksum) == 1);
  CHECK(bench.heap.live() == 0);
}

TEST_CASE("a link that is narrower than 1,280 bytes carries no IPv6 (RFC 8200 5)") {
  Bench bench;
  const auto link = bench.host.add_link({peer_mac, 1279});
  CHECK(bench.host.add_interface_address(link.value(), prefix("2001:db8:8::1/64"), bench.now) ==
        AddressError::mtu_too_small);
  CHECK(bench.host.add_interface_address(link.value(), prefix("10.8.0.1/24"), bench.now) ==
        AddressError::none);
}

TEST_CASE("IPv6 segments go out with hop limit, class and a checksum that the peer finds right") {
  Bench6 bench;
  bench.introduce6();
  CHECK(bench.send6("2001:db8::2", "data") == SendResult::sent);
  REQUIRE(bench.wire.sent.size() == 1);
  const Frame& frame = bench.wire.sent[0].bytes;
  CHECK(bench.wire.sent[0].ethernet().destination == peer_mac);
  Ipv6View view;
  REQUIRE(parse_ipv6(std::span(frame).subspan(ethernet_header_bytes), view) == DropReason::none);
  CHECK(view.hop_limit == 64);
  CHECK(view.total_bytes == frame.size() - ethernet_header_bytes);
  Checksum sum;
  sum.add_pseudo_header(view.source, view.destination, 6, 24);
  sum.add(std::span(frame).subspan(behind_ipv6));
  CHECK(sum.is_valid());
}
