#include <catch2/catch_test_macros.hpp>
#include <random>

#include "tests/unit/dataplane/net/bench.h"

using namespace byway;
using namespace byway::net;

namespace {

/// Sends `frame` and expects exactly this drop and nothing handed up.
void expect_drop(Bench& bench, const Frame& frame, Counter counter, LinkIndex link = 0) {
  const std::uint64_t before = bench.count(counter);
  bench.receive(frame, link);
  CHECK(bench.count(counter) == before + 1);
  CHECK(bench.ingress.segment_count == 0);
  CHECK(bench.ingress.error_count == 0);
  CHECK(bench.heap.live() == 0);
}

Frame with(Frame frame, std::size_t offset, std::uint8_t value, bool fix_checksum = true) {
  frame[ethernet_header_bytes + offset] = value;
  if (fix_checksum) fix_ip_checksum(frame);
  return frame;
}

Frame with_options(const Frame& options) {
  const Frame plain = ip_frame({.payload = tcp_bytes()});
  const auto cut = plain.begin() + ethernet_header_bytes + ipv4_header_bytes;
  Frame frame = joined(joined({plain.begin(), cut}, options), {cut, plain.end()});
  const std::size_t header = ipv4_header_bytes + options.size();
  frame[ethernet_header_bytes] = static_cast<std::uint8_t>(0x40 | header / 4);
  store_be16(&frame[ethernet_header_bytes + 2], static_cast<std::uint16_t>(header + 25));
  fix_ip_checksum(frame);
  return frame;
}

}  // namespace

TEST_CASE("a good segment is handed up without its headers and without Ethernet padding") {
  Bench bench;
  Frame frame = ip_frame({.traffic_class = 3, .payload = tcp_bytes("hi")});
  frame.resize(60);
  bench.receive(frame);
  REQUIRE(bench.ingress.segment_count == 1);
  const Packet& packet = bench.ingress.segments[0];
  CHECK(packet.source == ip("10.0.0.2"));
  CHECK(packet.destination == ip("10.0.0.1"));
  CHECK(packet.traffic_class == 3);
  CHECK(packet.payload.size() == 22);
  CHECK(packet.payload.text().substr(20) == "hi");
  CHECK(bench.count(Counter::rx_frames) == 1);
  CHECK(bench.count(Counter::rx_bytes) == 60);
  bench.ingress.segments[0].payload = Slice();
}

TEST_CASE("IPv4 headers that RFC 791 does not allow are dropped with their reason") {
  Bench bench;
  const Frame good = ip_frame({.payload = tcp_bytes()});
  expect_drop(bench, Frame(good.begin(), good.begin() + 13), Counter::drop_frame_truncated);
  expect_drop(bench, Frame(good.begin(), good.begin() + 33), Counter::drop_ip_truncated);
  expect_drop(bench, Frame(good.begin(), good.end() - 1), Counter::drop_ip_truncated);
  expect_drop(bench, with(good, 0, 0x65), Counter::drop_ip_version);
  expect_drop(bench, with(good, 0, 0x44, false), Counter::drop_ip_header_length);
  expect_drop(bench, with(good, 0, 0x4f, false), Counter::drop_ip_header_length);
  expect_drop(bench, with(good, 3, 19), Counter::drop_ip_header_length);
  expect_drop(bench, with(good, 8, 63, false), Counter::drop_ip_checksum);
  expect_drop(bench, with(good, 6, 0x20), Counter::drop_fragment_malformed);
  bench.introduce();  // whom it is reported to
  expect_drop(bench, with(good, 9, 17), Counter::drop_ip_protocol);
}

TEST_CASE("a time to live of 0 or 1 is no reason for a host to drop (RFC 1122 3.2.1.7)") {
  Bench bench;
  for (const std::uint8_t ttl : {std::uint8_t{0}, std::uint8_t{1}}) {
    bench.receive(with(ip_frame({.payload = tcp_bytes()}), 8, ttl));
    CHECK(bench.ingress.segment_count == 1);
    bench.ingress.segments[0].payload = Slice();
  }
}

TEST_CASE("options are skipped, but malformed ones and source routes are refused") {
  Bench bench;
  bench.receive(with_options({1, 1, 7, 3, 4, 0, 0, 0}));  // no-operation twice, record route, end
  CHECK(bench.ingress.segment_count == 1);
  bench.ingress.segments[0].payload = Slice();
  expect_drop(bench, with_options({131, 3, 4, 0}), Counter::drop_ip_options);
  expect_drop(bench, with_options({1, 137, 3, 4}), Counter::drop_ip_options);
  expect_drop(bench, with_options({7, 1, 0, 0}), Counter::drop_ip_options);
  expect_drop(bench, with_options({7, 5, 0, 0}), Counter::drop_ip_options);
  expect_drop(bench, with_options({1, 1, 1, 7}), Counter::drop_ip_options);
}

TEST_CASE("sources that cannot be a sender are martians") {
  Bench bench;
  const auto from = [](std::string_view source) {
    return ip_frame({.source = source, .payload = tcp_bytes()});
  };
  for (const auto* source : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
                             "10.0.0.1", "192.168.7.1", "10.0.0.255", "10.0.0.0"}) {
    CAPTURE(source);
    expect_drop(bench, from(source), Counter::drop_ip_martian);
  }
}

TEST_CASE("only packets to our own address on the port that has it are for us") {
  Bench bench;
  const auto to = [](std::string_view destination) {
    return ip_frame({.destination = destination, .payload = tcp_bytes()});
  };
  expect_drop(bench, to("10.0.0.3"), Counter::drop_ip_not_for_us);
  expect_drop(bench, to("255.255.255.255"), Counter::drop_ip_not_for_us);
  expect_drop(bench, to("10.0.0.255"), Counter::drop_ip_not_for_us);
  expect_drop(bench, to("192.168.7.1"), Counter::drop_ip_not_for_us);  // ours, but on link 1
}

TEST_CASE("a source must be routed to the port that its packet came by") {
  Bench bench;
  expect_drop(bench, ip_frame({.source = "192.168.7.9", .payload = tcp_bytes()}),
              Counter::drop_ip_reverse_path);
  Frame frame = ip_frame({.source = "8.8.8.8", .destination = "192.168.7.1", .payload = tcp_bytes()});
  std::memcpy(frame.data(), other_mac.bytes.data(), 6);
  expect_drop(bench, frame, Counter::drop_ip_reverse_path, 1);
  bench.receive(ip_frame({.source = "8.8.8.8", .payload = tcp_bytes()}));  // by the default route: fine
  CHECK(bench.ingress.segment_count == 1);
  bench.ingress.segments[0].payload = Slice();
}

TEST_CASE("frames for others, from groups and of unknown types are dropped") {
  Bench bench;
  const Frame packet = ip_packet({.payload = tcp_bytes()});
  expect_drop(bench, ethernet(other_mac, peer_mac, 0x0800, packet), Counter::drop_ethernet_not_for_us);
  expect_drop(bench, ethernet(gateway_mac, {{1, 0, 0, 0, 0, 1}}, 0x0800, packet),
              Counter::drop_ethernet_source);
  expect_drop(bench, ethernet(gateway_mac, {}, 0x0800, packet), Counter::drop_ethernet_source);
  expect_drop(bench, ethernet(gateway_mac, peer_mac, 0x8100, packet), Counter::drop_ethernet_type);
  expect_drop(bench, ethernet(MacAddress::broadcast(), peer_mac, 0x0800, packet),
              Counter::drop_ip_link_broadcast);
}

TEST_CASE("a wrong TCP checksum is dropped, unless the port has verified it") {
  Bench bench;
  Frame frame = ip_frame({.payload = tcp_bytes()});
  frame.back() ^= 1;
  expect_drop(bench, frame, Counter::drop_tcp_checksum);
  RxFrame verified;
  verified.bytes = bench.heap.copy(frame);
  verified.transport_checksum_verified = true;
  bench.host.on_burst({&verified, 1}, bench.now, bench.ingress);
  CHECK(bench.ingress.segment_count == 1);
  bench.ingress.segments[0].payload = Slice();
}

TEST_CASE("a full burst of segments and ICMP errors fits into Ingress") {
  Bench bench;
  std::array<RxFrame, burst_frames_max> frames;
  for (RxFrame& frame : frames) frame.bytes = bench.heap.copy(ip_frame({.payload = tcp_bytes()}));
  bench.host.on_burst(frames, bench.now, bench.ingress);
  CHECK(bench.ingress.segment_count == burst_frames_max);
  for (Packet& packet : bench.ingress.segments) packet.payload = Slice();
}

TEST_CASE("what we send has a right header, checksums and the next hop's MAC address") {
  Bench bench;
  bench.introduce();
  CHECK(bench.send("10.0.0.2") == SendResult::sent);
  REQUIRE(bench.wire.sent.size() == 2);  // a request that confirms the neighbour, then the frame
  const Frame& frame = bench.wire.sent.back().bytes;
  CHECK(bench.wire.sent.back().ethernet().destination == peer_mac);
  CHECK(bench.wire.sent.back().ethernet().source == gateway_mac);
  Ipv4View view;
  const auto packet = std::span(frame).subspan(ethernet_header_bytes);
  REQUIRE(parse_ipv4(packet, false, view) == DropReason::none);
  CHECK(view.total_bytes == 20 + 20 + 7);
  CHECK(view.ttl == ipv4_ttl);
  CHECK((packet[6] & 0x40) != 0);  // do not fragment
  Checksum sum;
  sum.add_pseudo_header(ip("10.0.0.1"), ip("10.0.0.2"), 6, 27);
  sum.add(packet.subspan(20));
  CHECK(sum.is_valid());
}

TEST_CASE(
    "a written header has each field where RFC 791 3.1 says, and a right checksum unless told otherwise") {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    Ipv4Header header;
    header.source.value = round % 8 == 0 ? UINT32_MAX : static_cast<std::uint32_t>(random());
    header.destination.value = round % 16 == 0 ? UINT32_MAX : static_cast<std::uint32_t>(random());
    header.protocol = random() % 2 == 0 ? Protocol::tcp : Protocol::icmp;
    header.traffic_class = round % 8 == 0 ? 0xff : static_cast<std::uint8_t>(random());
    header.payload_bytes = static_cast<std::uint16_t>(random() % (UINT16_MAX - ipv4_header_bytes + 1));
    const std::uint32_t total = header.payload_bytes + std::uint32_t{ipv4_header_bytes};
    const std::uint32_t a = header.source.value;
    const std::uint32_t b = header.destination.value;
    Frame expected;
    for (const std::uint32_t byte : {0x45u,      std::uint32_t{header.traffic_class},
                                     total >> 8, total,
                                     0u,         0u,
                                     0x40u,      0u,
                                     64u,        static_cast<std::uint32_t>(header.protocol),
                                     0u,         0u,
                                     a >> 24,    a >> 16,
                                     a >> 8,     a,
                                     b >> 24,    b >> 16,
                                     b >> 8,     b}) {
      expected.push_back(static_cast<std::uint8_t>(byte));
    }
    Frame written(ipv4_header_bytes, 0xee);
    header.write(written.data(), false);
    REQUIRE(written == expected);
    header.write(written.data());
    REQUIRE(checksum(written) == 0);
    written[10] = written[11] = 0;
    REQUIRE(written == expected);
  }
}
