// Duplicate address detection (RFC 4862 5.4), and what is said about IPv6 addresses of ours.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/unit/dataplane/net/bench_ipv6.h"

using namespace byway;
using namespace byway::net;

namespace {

AddressState state_of(const Bench& bench, std::string_view address) {
  const auto all = bench.host.addresses();
  return std::ranges::find(all, ip(address), &OwnAddress::address)->state;
}

const Frame probe_of_another = ndp_frame({.source = "::", .mac = std::nullopt, .ethernet_source = other_mac});

Frame claim(std::string_view target = "2001:db8::1") {
  return ndp_frame({.source = target,
                    .destination = "ff02::1",
                    .target = target,
                    .solicitation = false,
                    .override_known = true,
                    .mac = other_mac,
                    .ethernet_source = other_mac});
}

}  // namespace

TEST_CASE("an IPv6 address is probed for, used a second later when nobody answers, and then announced") {
  Bench6 bench(false);
  bench.wire.sent.clear();
  bench.pass(1ms);
  const std::vector<SentNdp> probes = take_ndp(bench.wire);
  REQUIRE(probes.size() == 4);  // two addresses, and a link-local one for each link
  const auto probe = std::ranges::find_if(
      probes, [](const SentNdp& sent) { return sent.message.target == ip("2001:db8::1"); });
  REQUIRE(probe != probes.end());
  CHECK(probe->ip.source == IpAddress{});
  CHECK(probe->ip.destination == ip("ff02::1:ff00:1"));
  CHECK(probe->ethernet.destination == MacAddress{{0x33, 0x33, 0xff, 0, 0, 1}});
  CHECK_FALSE(probe->message.mac.has_value());
  CHECK(state_of(bench, "2001:db8::1") == AddressState::tentative);
  bench.pass(990ms);
  CHECK(state_of(bench, "2001:db8::1") == AddressState::tentative);
  CHECK(bench.wire.sent.empty());
  bench.pass(20ms);
  CHECK(state_of(bench, "2001:db8::1") == AddressState::usable);
  const std::vector<SentNdp> announcements = take_ndp(bench.wire);
  REQUIRE(announcements.size() == 4);
  for (const SentNdp& announcement : announcements) {
    CHECK_FALSE(announcement.message.is_solicitation);
    CHECK_FALSE(announcement.message.solicited);
    CHECK(announcement.message.override_known);
    CHECK(announcement.ip.destination == ipv6_all_nodes);
    CHECK(announcement.message.mac == (announcement.link == 0 ? gateway_mac : other_mac));
  }
  bench.pass(1900ms);
  CHECK(bench.wire.sent.empty());
  bench.pass(200ms);
  CHECK(take_ndp(bench.wire).size() == 4);
  bench.pass(10s);
  CHECK(bench.wire.sent.empty());
}

TEST_CASE("a tentative address is neither answered for nor used") {
  Bench6 bench(false);
  bench.pass(1ms);
  bench.wire.sent.clear();
  bench.receive(ndp_frame(NdpFields{}));
  bench.receive(ip6_frame({.payload = tcp_bytes()}));
  CHECK(bench.count(Counter::drop_ip_tentative) == 2);
  CHECK(bench.wire.sent.empty());
  CHECK(bench.ingress.segment_count == 0);
  CHECK_FALSE(bench.host.path(ip("2001:db8::2")).has_value());
  CHECK(bench.host.path(ip("10.0.0.2")).has_value());
}

TEST_CASE("an address that another station has, or wants at the same time, is counted and never used") {
  for (const Frame& frame : {claim(), probe_of_another}) {
    Bench6 bench(false);
    bench.pass(1ms);
    bench.receive(frame);
    CHECK(state_of(bench, "2001:db8::1") == AddressState::duplicate);
    CHECK(bench.count(Counter::drop_ndp_conflict) == 1);
    CHECK(bench.count(Counter::addresses_duplicate) == 1);
    CHECK(bench.wire.duplicates == std::vector{ip("2001:db8::1")});
    for (int i = 0; i < 10; ++i) bench.pass(1s);
    bench.wire.sent.clear();
    bench.receive(ndp_frame(NdpFields{}));
    bench.receive(claim());
    bench.receive(ip6_frame({.payload = tcp_bytes()}));
    CHECK(bench.wire.sent.empty());
    CHECK(bench.ingress.segment_count == 0);
    CHECK(state_of(bench, "2001:db8:7::1") == AddressState::usable);
    CHECK(bench.count(Counter::addresses_duplicate) == 1);
  }
}

TEST_CASE("the rightful owner of a duplicate address is a neighbour like any other") {
  Bench6 bench(false);
  REQUIRE(bench.host.add_interface_address(0, prefix("2001:db8::5/64"), bench.now) == AddressError::none);
  bench.pass(1ms);
  bench.receive(claim());
  for (int i = 0; i < 10; ++i) bench.pass(1s);
  bench.wire.sent.clear();
  bench.receive(ndp_frame(
      {.source = "2001:db8::1", .target = "2001:db8::5", .mac = other_mac, .ethernet_source = other_mac}));
  REQUIRE(bench.wire.sent.size() == 1);
  CHECK(bench.wire.sent[0].ethernet().destination == other_mac);
  bench.receive(ip6_frame({.source = "2001:db8::1", .destination = "2001:db8::5", .payload = tcp_bytes()}));
  CHECK(bench.ingress.segment_count == 1);
  bench.ingress.segments[0].payload = Slice();
  bench.receive(claim());
  CHECK(bench.count(Counter::drop_ndp_conflict) == 1);
}

TEST_CASE("our own probe that comes back is no conflict") {
  Bench6 bench(false);
  bench.wire.sent.clear();
  bench.pass(1ms);
  const std::deque<Catcher::Sent> probes = bench.wire.sent;
  for (const Catcher::Sent& probe : probes) bench.receive(probe.bytes, probe.link);
  CHECK(bench.count(Counter::addresses_duplicate) == 0);
  bench.pass(1100ms);
  CHECK(state_of(bench, "2001:db8::1") == AddressState::usable);
}

TEST_CASE("a station that claims an address in use is counted and met by one defence in ten seconds") {
  Bench6 bench;
  bench.receive(claim());
  bench.receive(claim());
  // Also who merely speaks from it.
  bench.receive(ndp_frame({.source = "2001:db8::1", .target = "2001:db8::9", .ethernet_source = other_mac}));
  CHECK(bench.count(Counter::drop_ndp_conflict) == 3);
  const std::vector<SentNdp> defence = take_ndp(bench.wire);
  REQUIRE(defence.size() == 1);
  CHECK(defence[0].message.target == ip("2001:db8::1"));
  CHECK(defence[0].message.override_known);
  bench.pass(11s);
  bench.receive(claim());
  CHECK(take_ndp(bench.wire).size() == 1);
  CHECK(state_of(bench, "2001:db8::1") == AddressState::usable);
  CHECK(bench.host.neighbors().size() == 0);
}

TEST_CASE("a host that does not speak for its addresses waits as long, and believes what it observes") {
  Bench bench;
  bench.host.set_announcing(false);
  CHECK(bench.host.add_interface_address(0, prefix("2001:db8::1/64"), bench.now) == AddressError::none);
  CHECK(bench.host.add_address(ip("2001:db8::7"), bench.now) == AddressError::none);
  bench.pass(1ms);
  RxFrame frame;
  frame.bytes = bench.heap.copy(claim());
  frame.observe_only = true;
  bench.host.on_burst({&frame, 1}, bench.now, bench.ingress);
  bench.pass(1100ms);
  CHECK(bench.wire.sent.empty());
  CHECK(state_of(bench, "2001:db8::1") == AddressState::duplicate);
  CHECK(state_of(bench, "2001:db8::7") == AddressState::usable);
}

TEST_CASE("a virtual IPv6 address is answered on the port whose prefix holds it, until it is removed") {
  Bench6 bench;
  CHECK(bench.host.add_address(ip("2001:db8:5::1"), bench.now) == AddressError::no_link);
  CHECK(bench.host.add_address(ip("fe80::5"), bench.now) == AddressError::no_link);
  CHECK(bench.host.add_address(ip("2001:db8::1"), bench.now) == AddressError::duplicate);
  REQUIRE(bench.host.add_address(ip("2001:db8::77"), bench.now) == AddressError::none);
  for (int i = 0; i < 6; ++i) bench.pass(1s);
  bench.receive(ndp_frame({.target = "2001:db8::77"}));
  CHECK(bench.count(Counter::ndp_solicitations_answered) == 1);
  CHECK(bench.host.path(ip("2001:db8::2"))->source == ip("2001:db8::1"));
  bench.host.remove_address(ip("2001:db8::77"));
  bench.receive(ndp_frame({.target = "2001:db8::77"}));
  CHECK(bench.count(Counter::ndp_solicitations_answered) == 1);
}

TEST_CASE("without detection an address is used at once") {
  Bench bench;
  bench.host.set_duplicate_detection(false);
  CHECK(bench.host.add_interface_address(0, prefix("2001:db8::1/64"), bench.now) == AddressError::none);
  CHECK(bench.host.path(ip("2001:db8::2")).has_value());
}

TEST_CASE("two links of one MAC address have the same link-local address, each its own") {
  Bench bench;
  const auto link = bench.host.add_link({gateway_mac, 1500});
  CHECK(bench.host.add_interface_address(0, prefix("2001:db8::1/64"), bench.now) == AddressError::none);
  CHECK(bench.host.add_interface_address(*link, prefix("2001:db8:2::1/64"), bench.now) == AddressError::none);
  CHECK(bench.host.add_interface_address(*link, prefix("2001:db8::1/64"), bench.now) ==
        AddressError::duplicate);
  for (int i = 0; i < 6; ++i) bench.pass(1s);
  bench.wire.sent.clear();
  const std::string own = text_of(link_local_of(gateway_mac));
  bench.receive(ndp_frame({.source = "fe80::2", .target = own}), 0);
  bench.receive(ndp_frame({.source = "fe80::2", .target = own}), *link);
  REQUIRE(bench.wire.sent.size() == 2);
  CHECK(bench.wire.sent[1].link == *link);
}
