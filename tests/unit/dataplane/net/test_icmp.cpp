#include <catch2/catch_test_macros.hpp>

#include "tests/unit/dataplane/net/bench.h"

using namespace byway;
using namespace byway::net;

namespace {

Frame icmp_bytes(std::uint8_t type, std::uint8_t code, const Frame& rest, std::uint16_t low_word = 0) {
  Frame bytes(icmp_header_bytes);
  bytes[0] = type;
  bytes[1] = code;
  store_be16(&bytes[4], 0x1234);
  store_be16(&bytes[6], low_word);
  bytes = joined(bytes, rest);
  store_be16(&bytes[2], checksum(bytes));
  return bytes;
}

Frame icmp_frame(const Frame& message) {
  return ip_frame({.protocol = Protocol::icmp, .payload = message});
}

Frame quoted(std::string_view source = "10.0.0.1") {
  return ip_packet({.source = source, .destination = "10.0.0.9", .payload = {1, 2, 3, 4, 5, 6, 7, 8}});
}

}  // namespace

TEST_CASE("an echo request comes back with its identifier, sequence number and data") {
  Bench bench;
  bench.introduce();
  const Frame data(1000, 0x5a);
  bench.receive(icmp_frame(icmp_bytes(8, 0, data, 7)));
  const Frame& frame = bench.wire.sent.back().bytes;
  const auto message = std::span(frame).subspan(ethernet_header_bytes + ipv4_header_bytes);
  REQUIRE(message.size() == icmp_header_bytes + 1000);
  CHECK(message[0] == 0);
  CHECK(checksum(message) == 0);
  CHECK(load_be16(&message[4]) == 0x1234);
  CHECK(load_be16(&message[6]) == 7);
  CHECK(message.back() == 0x5a);
  CHECK(bench.wire.sent.back().ethernet().destination == peer_mac);
  CHECK(bench.count(Counter::icmp_echo_answered) == 1);
  CHECK(bench.heap.live() == 0);
}

TEST_CASE("echo answers are limited in rate") {
  Bench bench;
  bench.introduce();
  for (std::uint32_t i = 0; i < icmp_echo_burst + 5; ++i) bench.receive(icmp_frame(icmp_bytes(8, 0, {})));
  CHECK(bench.count(Counter::icmp_echo_answered) == icmp_echo_burst);
  CHECK(bench.count(Counter::drop_icmp_rate) == 5);
  bench.pass(10ms);
  for (int i = 0; i < 20; ++i) bench.receive(icmp_frame(icmp_bytes(8, 0, {})));
  CHECK(bench.count(Counter::icmp_echo_answered) == icmp_echo_burst + 10);
}

TEST_CASE("an echo request is dropped, counted, when there is no memory for the answer") {
  Bench bench;
  bench.introduce();
  const Frame frame = icmp_frame(icmp_bytes(8, 0, {}));
  bench.heap.fail_after(1);  // the received frame itself
  bench.receive(frame);
  bench.heap.fail_after(UINT64_MAX);
  CHECK(bench.count(Counter::drop_tx_no_memory) == 1);
  CHECK(bench.wire.sent.empty());
}

TEST_CASE("ICMP errors about our packets are handed up with what the transport needs to judge them") {
  Bench bench;
  bench.receive(icmp_frame(icmp_bytes(3, 4, quoted(), 1280)));
  REQUIRE(bench.ingress.error_count == 1);
  const IcmpError& error = bench.ingress.errors[0];
  CHECK(error.kind == ErrorKind::packet_too_big);
  CHECK(error.mtu == 1280);
  CHECK(error.source == ip("10.0.0.1"));
  CHECK(error.destination == ip("10.0.0.9"));
  CHECK(error.protocol == 6);
  CHECK(error.transport == std::array<std::uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8});
  const auto kind_of = [&](std::uint8_t type, std::uint8_t code) {
    bench.receive(icmp_frame(icmp_bytes(type, code, quoted())));
    REQUIRE(bench.ingress.error_count == 1);
    return bench.ingress.errors[0].kind;
  };
  CHECK(kind_of(3, 0) == ErrorKind::net_unreachable);
  CHECK(kind_of(3, 1) == ErrorKind::host_unreachable);
  CHECK(kind_of(3, 2) == ErrorKind::protocol_unreachable);
  CHECK(kind_of(3, 3) == ErrorKind::port_unreachable);
  CHECK(kind_of(3, 13) == ErrorKind::prohibited);
  CHECK(kind_of(11, 0) == ErrorKind::net_unreachable);
  CHECK(bench.count(Counter::icmp_errors_received) == 7);
}

TEST_CASE("ICMP messages that are broken, about others, or of no interest are dropped") {
  Bench bench;
  const auto expect = [&](const Frame& message, Counter counter) {
    const std::uint64_t before = bench.count(counter);
    bench.receive(icmp_frame(message));
    CHECK(bench.count(counter) == before + 1);
    CHECK(bench.ingress.error_count == 0);
  };
  Frame wrong = icmp_bytes(8, 0, {});
  wrong[2] ^= 1;
  expect(wrong, Counter::drop_icmp_malformed);
  expect({8, 0, 0xf7, 0xff}, Counter::drop_icmp_malformed);
  Frame cut = quoted();
  cut.resize(cut.size() - 1);
  expect(icmp_bytes(3, 1, cut), Counter::drop_icmp_malformed);
  expect(icmp_bytes(3, 1, quoted("10.0.0.66")), Counter::drop_icmp_malformed);
  Frame fragment = quoted();
  fragment[7] = 9;
  expect(icmp_bytes(3, 1, fragment), Counter::drop_icmp_malformed);
  expect(icmp_bytes(3, 77, quoted()), Counter::drop_icmp_type);
  expect(icmp_bytes(5, 1, quoted()), Counter::drop_icmp_type);  // redirects: a gateway does not obey them
  expect(icmp_bytes(0, 0, {}), Counter::drop_icmp_type);
  CHECK(bench.wire.sent.empty());
}
