// What the host leaves for a port that fills in checksums and cuts segments. The port is done by hand here,
// as the data sheets of network cards have it.
#include <catch2/catch_test_macros.hpp>

#include "tests/unit/dataplane/net/bench_ipv6.h"

using namespace byway;
using namespace byway::net;

namespace {

constexpr std::size_t tcp_checksum_at = 16;
constexpr LinkIndex filling_link = 2;  ///< behind the two of the bench

/// A third link whose port fills in what `ip` and `tcp` say.
struct FillingBench : Bench6 {
  FillingBench(bool ip_too, bool tcp_too) : Bench6(true) {
    CHECK(host.add_link({gateway_mac, 1500, ip_too, tcp_too}) == filling_link);
    (void)host.add_interface_address(filling_link, prefix("10.9.0.1/24"), now);
    (void)host.add_interface_address(filling_link, prefix("2001:db8:9::1/64"), now);
    for (int i = 0; i < 6; ++i) pass(1s);
    receive(arp_frame({.sender_ip = "10.9.0.2", .target_ip = "10.9.0.1"}), filling_link);
    receive(ndp_frame({.source = "2001:db8:9::2", .target = "2001:db8:9::1"}), filling_link);
    for (const bool is_v4 : {true, false}) (void)send_tcp(is_v4, "");  // asks who they are while it is at it
    wire.sent.clear();
  }

  SendResult send_tcp(bool is_v4, std::string_view data, std::uint16_t segment_bytes = 0) {
    Rope payload(slices);
    (void)payload.append(heap.copy(data));
    const Frame header = tcp_bytes("");
    Outgoing out;
    out.source = ip(is_v4 ? "10.9.0.1" : "2001:db8:9::1");
    out.destination = ip(is_v4 ? "10.9.0.2" : "2001:db8:9::2");
    out.header = header;
    out.segment_bytes = segment_bytes;
    return host.send(out, std::move(payload), now);
  }
};

std::size_t ip_bytes(bool is_v4) {
  return is_v4 ? ipv4_header_bytes : ipv6_header_bytes;
}

/// The port's part: the sum over TCP, with what stands in the field, and the header's.
void fill_in(Frame& frame, bool is_v4) {
  std::uint8_t* tcp = &frame[ethernet_header_bytes + ip_bytes(is_v4)];
  const std::span segment(tcp, frame.data() + frame.size());
  store_be16(tcp + tcp_checksum_at, checksum(segment));
  if (is_v4) fix_ip_checksum(frame);
}

/// A receiver's part.
bool is_right(const Frame& frame, bool is_v4) {
  const auto packet = std::span(frame).subspan(ethernet_header_bytes);
  if (is_v4 && checksum(packet.first(ipv4_header_bytes)) != 0) return false;
  const auto segment = packet.subspan(ip_bytes(is_v4));
  Checksum sum;
  const IpAddress source = ip(is_v4 ? "10.9.0.1" : "2001:db8:9::1");
  const IpAddress destination = ip(is_v4 ? "10.9.0.2" : "2001:db8:9::2");
  sum.add_pseudo_header(source, destination, 6, static_cast<std::uint32_t>(segment.size()));
  sum.add(segment);
  return sum.is_valid();
}

}  // namespace

TEST_CASE("a port that fills in checksums makes a right segment of what the host leaves it") {
  for (const bool is_v4 : {true, false}) {
    for (const std::string_view data : {"", "x", "an odd number of bytes.", "an even number of bytes."}) {
      CAPTURE(is_v4, data);
      FillingBench bench(true, true);
      REQUIRE(bench.send_tcp(is_v4, data) == SendResult::sent);
      REQUIRE(bench.wire.sent.size() == 1);
      Frame frame = bench.wire.sent[0].bytes;
      if (is_v4) CHECK(load_be16(&frame[ethernet_header_bytes + 10]) == 0);
      CHECK_FALSE(is_right(frame, is_v4));
      fill_in(frame, is_v4);
      CHECK(is_right(frame, is_v4));
    }
  }
}

TEST_CASE("a port that fills in one of the checksums finds the other one right") {
  {
    FillingBench bench(false, true);
    REQUIRE(bench.send_tcp(true, "payload") == SendResult::sent);
    const Frame& frame = bench.wire.sent[0].bytes;
    CHECK(checksum(std::span(frame).subspan(ethernet_header_bytes, ipv4_header_bytes)) == 0);
  }
  FillingBench bench(true, false);
  REQUIRE(bench.send_tcp(true, "payload") == SendResult::sent);
  Frame frame = bench.wire.sent[0].bytes;
  fix_ip_checksum(frame);
  CHECK(is_right(frame, true));
}

TEST_CASE("what is no TCP has right checksums, whatever the port fills in") {
  FillingBench bench(true, true);
  Frame echo(8 + 5, 'e');
  echo[0] = 8;
  echo[1] = 0;
  store_be16(&echo[2], 0);
  store_be16(&echo[2], checksum(echo));
  bench.receive(
      ip_frame(
          {.source = "10.9.0.2", .destination = "10.9.0.1", .protocol = Protocol::icmp, .payload = echo}),
      filling_link);
  REQUIRE(bench.wire.sent.size() == 1);
  const auto packet = std::span(bench.wire.sent[0].bytes).subspan(ethernet_header_bytes);
  CHECK(checksum(packet.first(ipv4_header_bytes)) == 0);
  CHECK(checksum(packet.subspan(ipv4_header_bytes)) == 0);
}

TEST_CASE("of joined segments the sum leaves the length out, which the port adds to each that it cuts off") {
  constexpr std::uint16_t part = 100;
  const std::string data(3 * part + 7, 'd');
  for (const bool is_v4 : {true, false}) {
    CAPTURE(is_v4);
    FillingBench bench(true, true);
    REQUIRE(bench.send_tcp(is_v4, data, part) == SendResult::sent);
    REQUIRE(bench.wire.sent.size() == 1);
    CHECK(bench.wire.sent[0].segment_bytes == part);
    const Frame whole = bench.wire.sent[0].bytes;
    const std::size_t headers = ethernet_header_bytes + ip_bytes(is_v4) + 20;
    REQUIRE(whole.size() == headers + data.size());
    for (std::size_t at = 0; at < data.size(); at += part) {
      const std::size_t size = std::min<std::size_t>(part, data.size() - at);
      Frame cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(headers));
      cut.insert(cut.end(), size, 'd');
      if (is_v4) {
        store_be16(&cut[ethernet_header_bytes + 2],
                   static_cast<std::uint16_t>(cut.size() - ethernet_header_bytes));
      }
      std::uint8_t* field = &cut[ethernet_header_bytes + ip_bytes(is_v4) + tcp_checksum_at];
      const std::uint32_t sum = load_be16(field) + 20u + static_cast<std::uint32_t>(size);
      store_be16(field, static_cast<std::uint16_t>(sum > 0xffff ? sum - 0xffff : sum));
      fill_in(cut, is_v4);
      CHECK(is_right(cut, is_v4));
    }
  }
}

TEST_CASE("joined segments do not wait for a neighbour: they are lost, counted, and it is asked for") {
  FillingBench bench(true, true);
  Rope payload(bench.slices);
  REQUIRE(payload.append(bench.heap.copy(std::string(300, 'd'))));
  const Frame header = tcp_bytes("");
  Outgoing out;
  out.source = ip("10.9.0.1");
  out.destination = ip("10.9.0.77");
  out.header = header;
  out.segment_bytes = 100;
  CHECK(bench.host.send(out, std::move(payload), bench.now) == SendResult::lost);
  CHECK(bench.count(Counter::drop_tx_neighbor_queue) == 1);
  REQUIRE(bench.wire.sent.size() == 1);
  CHECK(bench.wire.sent[0].arp().target_ip.value == ip("10.9.0.77").v4().value);
}
