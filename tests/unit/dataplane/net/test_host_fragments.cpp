#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "tests/unit/dataplane/net/bench.h"
#include "tests/unit/dataplane/net/bench_ipv6.h"

using namespace byway;
using namespace byway::net;

namespace {

const std::string text = "a segment that is longer than one of its pieces, and than two";

/// Hands what was put together in again, as the worker does.
void receive_whole(Bench& bench) {
  REQUIRE(bench.ingress.whole_count == 1);
  RxFrame whole = std::move(bench.ingress.whole[0]);
  bench.host.on_burst({&whole, 1}, bench.now, bench.ingress);
}

}  // namespace

TEST_CASE("a segment in pieces, in whatever order, comes up as one") {
  const Frame frame = ip_frame({.traffic_class = 2, .payload = tcp_bytes(text)});
  auto pieces = in_pieces(frame, 24);
  REQUIRE(pieces.size() == 4);
  std::vector<std::size_t> order{0, 1, 2, 3};
  do {
    Bench bench;
    for (std::size_t i = 0; i < order.size(); ++i) {
      bench.receive(pieces[order[i]]);
      CHECK(bench.ingress.segment_count == 0);
      CHECK(bench.ingress.whole_count == (i + 1 == order.size() ? 1 : 0));
    }
    receive_whole(bench);
    REQUIRE(bench.ingress.segment_count == 1);
    const Packet& packet = bench.ingress.segments[0];
    CHECK(packet.source == ip("10.0.0.2"));
    CHECK(packet.traffic_class == 2);
    const auto bytes = packet.payload.bytes();
    CHECK(std::equal(bytes.begin(), bytes.end(), frame.begin() + ethernet_header_bytes + ipv4_header_bytes,
                     frame.end()));
    CHECK(bench.count(Counter::datagrams_reassembled) == 1);
    bench.ingress.segments[0].payload = Slice();
    CHECK(bench.heap.live() == 0);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("a segment in pieces whose checksum is wrong is dropped when it is whole") {
  Bench bench;
  auto pieces = in_pieces(ip_frame({.payload = tcp_bytes(text)}), 24);
  pieces[2].back() ^= 1;
  for (const Frame& piece : pieces) bench.receive(piece);
  receive_whole(bench);
  CHECK(bench.ingress.segment_count == 0);
  CHECK(bench.count(Counter::drop_tcp_checksum) == 1);
}

TEST_CASE("pieces for other addresses, from impossible sources or by the wrong port are not kept") {
  Bench bench;
  for (const IpFields& fields : {IpFields{.destination = "10.0.0.9", .payload = tcp_bytes(text)},
                                 IpFields{.source = "127.0.0.1", .payload = tcp_bytes(text)},
                                 IpFields{.source = "192.168.7.9", .payload = tcp_bytes(text)}}) {
    bench.receive(in_pieces(ip_frame(fields), 24)[0]);
  }
  CHECK(bench.count(Counter::drop_ip_not_for_us) == 1);
  CHECK(bench.count(Counter::drop_ip_martian) == 1);
  CHECK(bench.count(Counter::drop_ip_reverse_path) == 1);
  CHECK(bench.count(Counter::fragment_datagrams) == 0);
}

TEST_CASE("an echo request in pieces is answered") {
  Bench bench;
  bench.introduce();
  Frame message(8 + 40, 0x41);
  message[0] = 8;
  message[1] = 0;
  store_be16(&message[2], 0);
  store_be16(&message[2], checksum(message));
  for (const Frame& piece : in_pieces(ip_frame({.protocol = Protocol::icmp, .payload = message}), 16)) {
    bench.receive(piece);
  }
  receive_whole(bench);
  CHECK(bench.count(Counter::icmp_echo_answered) == 1);
  REQUIRE_FALSE(bench.wire.sent.empty());
  CHECK(bench.wire.sent.back().bytes.size() == ethernet_header_bytes + ipv4_header_bytes + message.size());
}

TEST_CASE("what was put together is no fragment again") {
  Bench bench;
  RxFrame frame;
  frame.bytes = bench.heap.copy(in_pieces(ip_frame({.payload = tcp_bytes(text)}), 24)[1]);
  frame.is_reassembled = true;
  bench.host.on_burst({&frame, 1}, bench.now, bench.ingress);
  CHECK(bench.count(Counter::drop_ip_fragment) == 1);
}

TEST_CASE("an IPv6 segment in pieces comes up as one; each piece names its packet, a whole packet none") {
  Bench6 bench;
  const Frame frame = ip6_frame({.traffic_class = 2, .payload = tcp_bytes(text)});
  const Frame segment(frame.begin() + behind_ipv6, frame.end());
  CHECK(find_ipv6_fragment(std::span(frame).subspan(ethernet_header_bytes)) == std::nullopt);
  constexpr std::uint8_t tcp = 6;
  constexpr std::uint8_t fragment = 44;
  constexpr std::uint8_t options = 60;
  constexpr std::size_t piece_bytes = 24;
  for (std::size_t at = 0; at < segment.size(); at += piece_bytes) {
    CHECK(bench.ingress.whole_count == 0);
    const std::size_t end = std::min(at + piece_bytes, segment.size());
    const Frame header = fragment_header(tcp, static_cast<std::uint16_t>(at), end < segment.size());
    const Frame piece = ip6_frame({.next_header = 0,  // the checksum is in the whole already
                                   .traffic_class = 2,
                                   .extensions = joined(extension(fragment), header),
                                   .first_extension = options,
                                   .payload = Frame(segment.begin() + static_cast<std::ptrdiff_t>(at),
                                                    segment.begin() + static_cast<std::ptrdiff_t>(end))});
    CHECK(find_ipv6_fragment(std::span(piece).subspan(ethernet_header_bytes)) == 0x01020304);
    bench.receive(piece);
  }
  receive_whole(bench);
  REQUIRE(bench.ingress.segment_count == 1);
  const Packet& packet = bench.ingress.segments[0];
  CHECK(packet.source == ip("2001:db8::2"));
  CHECK(packet.destination == ip("2001:db8::1"));
  CHECK(packet.traffic_class == 2);
  CHECK(std::ranges::equal(packet.payload.bytes(), segment));
  const Frame atomic = ip6_frame({.extensions = fragment_header(tcp, 0, false),
                                  .first_extension = fragment,
                                  .payload = tcp_bytes(text)});
  CHECK(find_ipv6_fragment(std::span(atomic).subspan(ethernet_header_bytes)) == std::nullopt);
}
