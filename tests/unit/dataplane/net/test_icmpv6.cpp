#include <catch2/catch_test_macros.hpp>

#include "tests/unit/dataplane/net/bench_ipv6.h"

using namespace byway;
using namespace byway::net;

namespace {

constexpr std::uint8_t echo_request = 128;

Frame icmp6_bytes(std::uint8_t type, std::uint8_t code, const Frame& rest, std::uint32_t word = 0) {
  Frame bytes(icmp_header_bytes);
  bytes[0] = type;
  bytes[1] = code;
  store_be32(&bytes[4], word);
  return joined(bytes, rest);
}

Frame icmp6_frame(const Frame& message, std::string_view source = "2001:db8::2") {
  return ip6_frame({.source = source, .next_header = 58, .payload = message});
}

Frame quoted(std::string_view source = "2001:db8::1") {
  return ip6_packet({.source = source, .destination = "2001:db8:9::9", .payload = tcp_bytes("")});
}

}  // namespace

TEST_CASE("an ICMPv6 echo request comes back with its identifier, sequence number and data") {
  Bench6 bench;
  bench.introduce6();
  bench.receive(icmp6_frame(icmp6_bytes(echo_request, 0, Frame(1000, 0x5a), 0x12340007)));
  REQUIRE(bench.wire.sent.size() == 1);
  const Frame& frame = bench.wire.sent[0].bytes;
  const auto message = std::span(frame).subspan(behind_ipv6);
  REQUIRE(message.size() == icmp_header_bytes + 1000);
  CHECK(message[0] == 129);
  CHECK(load_be32(&message[4]) == 0x12340007);
  CHECK(message.back() == 0x5a);
  Checksum sum;
  sum.add_pseudo_header(ip("2001:db8::1"), ip("2001:db8::2"), 58, static_cast<std::uint32_t>(message.size()));
  sum.add(message);
  CHECK(sum.is_valid());
  CHECK(bench.wire.sent[0].ethernet().destination == peer_mac);
  CHECK(bench.count(Counter::icmp_echo_answered) == 1);
  CHECK(bench.heap.live() == 0);
}

TEST_CASE("a link-local neighbour's echo request is answered on the link that it came by") {
  Bench6 bench;
  const std::string own = text_of(link_local_of(other_mac));
  const Frame request = ip6_frame({.source = "fe80::2",
                                   .destination = own,
                                   .next_header = 58,
                                   .payload = icmp6_bytes(echo_request, 0, {}),
                                   .ethernet_target = other_mac});
  bench.receive(request, 1);
  REQUIRE(bench.wire.sent.size() == 1);  // the question who fe80::2 is
  CHECK(bench.wire.sent[0].link == 1);
  CHECK(sent_ndp(bench.wire.sent[0]).message.target == ip("fe80::2"));
  CHECK(sent_ndp(bench.wire.sent[0]).ip.source == link_local_of(other_mac));
  Frame from_afar = ip6_frame({.source = "2001:4860::8",
                               .destination = text_of(link_local_of(gateway_mac)),
                               .next_header = 58,
                               .payload = icmp6_bytes(echo_request, 0, {})});
  bench.receive(from_afar);
  CHECK(bench.count(Counter::drop_ip_reverse_path) == 1);
  bench.receive(request, 0);  // an address of the other link
  CHECK(bench.wire.sent.size() == 1);
}

TEST_CASE("echo answers of both versions share one limit") {
  Bench6 bench;
  bench.introduce();
  bench.introduce6();
  Frame v4(icmp_header_bytes);
  v4[0] = 8;
  store_be16(&v4[2], checksum(v4));
  for (std::uint32_t i = 0; i < icmp_echo_burst; ++i) {
    bench.receive(ip_frame({.protocol = Protocol::icmp, .payload = v4}));
  }
  bench.receive(icmp6_frame(icmp6_bytes(echo_request, 0, {})));
  CHECK(bench.count(Counter::drop_icmp_rate) == 1);
}

TEST_CASE("echo requests to a group are not answered, nor those with a wrong checksum") {
  Bench6 bench;
  bench.receive(ip6_frame({.destination = "ff02::1",
                           .next_header = 58,
                           .payload = icmp6_bytes(echo_request, 0, {}),
                           .ethernet_target = ethernet_group(ipv6_all_nodes)}));
  CHECK(bench.count(Counter::drop_ip_not_for_us) == 1);
  Frame frame = icmp6_frame(icmp6_bytes(echo_request, 0, Frame(4)));
  frame.back() ^= 1;
  bench.receive(frame);
  bench.receive(icmp6_frame(Frame(4)));
  CHECK(bench.count(Counter::drop_icmp_malformed) == 2);
  CHECK(bench.wire.sent.empty());
}

TEST_CASE("errors about our packets carry their kind, addresses, ports and sequence number") {
  struct Case {
    std::uint8_t type;
    std::uint8_t code;
    ErrorKind kind;
  };
  for (const auto& [type, code, kind] : {
           Case{1, 0, ErrorKind::net_unreachable},
           Case{1, 1, ErrorKind::prohibited},
           Case{1, 2, ErrorKind::net_unreachable},
           Case{1, 3, ErrorKind::host_unreachable},
           Case{1, 4, ErrorKind::port_unreachable},
           Case{1, 5, ErrorKind::prohibited},
           Case{1, 6, ErrorKind::prohibited},
           Case{3, 0, ErrorKind::net_unreachable},
           Case{4, 1, ErrorKind::net_unreachable},
       }) {
    Bench6 bench;
    bench.receive(icmp6_frame(icmp6_bytes(type, code, quoted())));
    REQUIRE(bench.ingress.error_count == 1);
    const IcmpError& error = bench.ingress.errors[0];
    CHECK(error.kind == kind);
    CHECK(error.source == ip("2001:db8::1"));
    CHECK(error.destination == ip("2001:db8:9::9"));
    CHECK(error.protocol == 6);
    CHECK(load_be16(&error.transport[0]) == 40000);
    CHECK(load_be16(&error.transport[2]) == 80);
    CHECK(error.mtu == 0);
  }
}

TEST_CASE("a packet too big tells the MTU, unless it is below what every path has (RFC 8201 4)") {
  Bench6 bench;
  bench.receive(icmp6_frame(icmp6_bytes(2, 0, quoted(), 1400), "2001:4860::1"));
  REQUIRE(bench.ingress.error_count == 1);
  CHECK(bench.ingress.errors[0].kind == ErrorKind::packet_too_big);
  CHECK(bench.ingress.errors[0].mtu == 1400);
  bench.receive(icmp6_frame(icmp6_bytes(2, 0, quoted(), 0x20000)));
  REQUIRE(bench.ingress.error_count == 1);
  CHECK(bench.ingress.errors[0].mtu == 0xffff);
  bench.receive(icmp6_frame(icmp6_bytes(2, 0, quoted(), 1279)));
  CHECK(bench.ingress.error_count == 0);
  CHECK(bench.count(Counter::drop_icmp_mtu) == 1);
}

TEST_CASE("extension headers in a quoted packet are skipped, as far as it is there") {
  const Frame packet =
      ip6_packet({.source = "2001:db8::1",
                  .destination = "2001:db8:9::9",
                  .extensions = joined(extension(44), joined(fragment_header(60, 0, true), extension(6))),
                  .first_extension = 60,
                  .payload = tcp_bytes("")});
  Bench6 bench;
  bench.receive(icmp6_frame(icmp6_bytes(1, 4, packet)));
  REQUIRE(bench.ingress.error_count == 1);
  CHECK(load_be16(&bench.ingress.errors[0].transport[0]) == 40000);
  const std::size_t needed = ipv6_header_bytes + 3 * 8 + 8;
  for (std::size_t size = 0; size < needed; ++size) {
    const Frame cut(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size));
    IcmpError error;
    CHECK_FALSE(quote_ipv6(cut, error));
  }
}

TEST_CASE("errors about later fragments, about packets of others, and unknown ones are dropped") {
  Bench6 bench;
  const Frame later = ip6_packet({.source = "2001:db8::1",
                                  .next_header = 253,
                                  .extensions = fragment_header(6, 1448, false),
                                  .first_extension = 44,
                                  .payload = Frame(32)});
  bench.receive(icmp6_frame(icmp6_bytes(1, 4, later)));
  bench.receive(icmp6_frame(icmp6_bytes(1, 4, quoted("2001:db8::77"))));
  CHECK(bench.count(Counter::drop_icmp_malformed) == 2);
  bench.receive(icmp6_frame(icmp6_bytes(1, 8, quoted())));
  bench.receive(icmp6_frame(icmp6_bytes(100, 0, quoted())));
  bench.receive(icmp6_frame(icmp6_bytes(129, 0, {})));
  bench.receive(icmp6_frame(icmp6_bytes(143, 0, {})));
  CHECK(bench.count(Counter::drop_icmp_type) == 4);
  CHECK(bench.ingress.error_count == 0);
}
