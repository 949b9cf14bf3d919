// What senders are told of packets that nobody here wants.
#include <catch2/catch_test_macros.hpp>

#include "dataplane/net/icmp_report.h"
#include "tests/unit/dataplane/net/bench_ipv6.h"

using namespace byway;
using namespace byway::net;

namespace {

constexpr auto udp = static_cast<Protocol>(udp_protocol);
constexpr auto gre = static_cast<Protocol>(47);

/// The ICMP message in the frame that was sent last, whose IP header is checked to be ours to the peer.
Frame last_message(const Bench& bench, std::size_t headers) {
  REQUIRE(!bench.wire.sent.empty());
  const Frame& frame = bench.wire.sent.back().bytes;
  REQUIRE(frame.size() >= headers + icmp_header_bytes);
  CHECK(bench.wire.sent.back().ethernet().destination == peer_mac);
  return {frame.begin() + static_cast<std::ptrdiff_t>(headers), frame.end()};
}

}  // namespace

TEST_CASE("a UDP datagram is answered by an unreachable port, another protocol by an unreachable protocol") {
  for (const Protocol protocol : {udp, gre}) {
    Bench bench;
    bench.introduce();
    const Frame frame = ip_frame({.protocol = protocol, .payload = Frame(20, 0x77)});
    bench.receive(frame);
    const Frame message = last_message(bench, ethernet_header_bytes + ipv4_header_bytes);
    CHECK(message[0] == 3);
    CHECK(message[1] == (protocol == udp ? 3 : 2));
    CHECK(load_be32(&message[4]) == 0);
    CHECK(checksum(message) == 0);
    CHECK(std::equal(message.begin() + icmp_header_bytes, message.end(),
                     frame.begin() + ethernet_header_bytes, frame.end()));
    Ipv4View ip;
    REQUIRE(parse_ipv4(std::span(bench.wire.sent.back().bytes).subspan(ethernet_header_bytes), false, ip) ==
            DropReason::none);
    CHECK(ip.protocol == static_cast<std::uint8_t>(Protocol::icmp));
    CHECK(IpAddress::from_v4(ip.source) == net::ip("10.0.0.1"));
    CHECK(IpAddress::from_v4(ip.destination) == net::ip("10.0.0.2"));
    CHECK(bench.count(Counter::drop_ip_protocol) == 1);
    CHECK(bench.count(Counter::icmp_reports_sent) == 1);
    CHECK(bench.heap.live() == 0);
  }
}

TEST_CASE("a report brings back no more of the packet than 576 bytes hold, and no padding of its frame") {
  Bench bench;
  bench.introduce();
  bench.receive(ip_frame({.protocol = udp, .payload = Frame(1400)}));
  CHECK(bench.wire.sent.back().bytes.size() == ethernet_header_bytes + 576);
  Frame padded = ip_frame({.protocol = udp, .payload = Frame(8)});
  padded.resize(60);
  bench.receive(padded);
  CHECK(last_message(bench, ethernet_header_bytes + ipv4_header_bytes).size() ==
        icmp_header_bytes + ipv4_header_bytes + 8);
}

TEST_CASE("over IPv6 a UDP datagram is answered by an unreachable port") {
  Bench6 bench;
  bench.introduce6();
  const Frame frame = ip6_frame({.next_header = udp_protocol, .payload = Frame(1400, 0x77)});
  bench.receive(frame);
  const Frame message = last_message(bench, behind_ipv6);
  CHECK(bench.wire.sent.back().bytes.size() == ethernet_header_bytes + ipv6_mtu_min);
  CHECK(message[0] == 1);
  CHECK(message[1] == 4);
  CHECK(load_be32(&message[4]) == 0);
  CHECK(
      std::equal(message.begin() + icmp_header_bytes, message.end(), frame.begin() + ethernet_header_bytes));
  Icmpv6Kind kind{};
  IcmpError error;
  CHECK(parse_icmpv6(ip("2001:db8::1"), ip("2001:db8::2"), message, kind, error) == DropReason::none);
  CHECK(kind == Icmpv6Kind::error);
  CHECK(error.kind == ErrorKind::port_unreachable);
  CHECK(error.protocol == udp_protocol);
}

TEST_CASE("over IPv6 another protocol is answered by a problem with the byte that names it") {
  Bench6 bench;
  bench.introduce6();
  bench.receive(ip6_frame({.next_header = 47, .payload = Frame(20)}));
  Frame message = last_message(bench, behind_ipv6);
  CHECK(message[0] == 4);
  CHECK(message[1] == 1);
  CHECK(load_be32(&message[4]) == 6);
  constexpr std::uint8_t destination_options = 60;
  bench.receive(
      ip6_frame({.extensions = extension(47), .first_extension = destination_options, .payload = Frame(20)}));
  message = last_message(bench, behind_ipv6);
  CHECK(load_be32(&message[4]) == ipv6_header_bytes);
}

TEST_CASE("reports are limited in rate, and the rest is counted") {
  Bench bench;
  bench.introduce();
  const Frame frame = ip_frame({.protocol = udp, .payload = Frame(20)});
  for (std::uint32_t i = 0; i < icmp_reports_burst + 5; ++i) bench.receive(frame);
  CHECK(bench.count(Counter::icmp_reports_sent) == icmp_reports_burst);
  CHECK(bench.count(Counter::icmp_reports_suppressed) == 5);
  bench.pass(100ms);
  for (int i = 0; i < 20; ++i) bench.receive(frame);
  CHECK(bench.count(Counter::icmp_reports_sent) == icmp_reports_burst + 10);
}

TEST_CASE("nobody is told of what came by broadcast, from elsewhere, to others, in part, or broken") {
  const Frame good = ip_frame({.protocol = udp, .payload = Frame(20)});
  Frame broadcast = good;
  std::memset(broadcast.data(), 0xff, MacAddress{}.bytes.size());
  Frame broken = good;
  broken[ethernet_header_bytes + 10] ^= 1;
  const auto from = [](std::string_view source) {
    return ip_frame({.source = source, .protocol = udp, .payload = Frame(20)});
  };
  const auto to = [](std::string_view destination) {
    return ip_frame({.destination = destination, .protocol = udp, .payload = Frame(20)});
  };
  const Frame frames[] = {broadcast,         to("10.0.0.255"),  to("10.0.0.77"), from("192.168.7.9"),
                          from("127.0.0.1"), from("224.0.0.1"), broken,          in_pieces(good, 8)[0]};
  for (const Frame& frame : frames) {
    Bench bench;
    bench.introduce();
    bench.receive(frame);
    CAPTURE(&frame - frames);
    CHECK(bench.count(Counter::icmp_reports_sent) == 0);
    CHECK(bench.wire.sent.empty());
  }
}

TEST_CASE("without memory for a report there is none, and that is counted") {
  Bench bench;
  bench.introduce();
  bench.heap.fail_after(1);
  bench.receive(ip_frame({.protocol = udp, .payload = Frame(20)}));
  bench.heap.fail_after(UINT64_MAX);
  CHECK(bench.count(Counter::icmp_reports_sent) == 0);
  CHECK(bench.count(Counter::drop_tx_no_memory) == 1);
}
