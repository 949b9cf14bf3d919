// Reports that we listen to the groups of our addresses, and answers to queries (RFC 3810).
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/unit/dataplane/net/bench_ipv6.h"

using namespace byway;
using namespace byway::net;

namespace {

struct Report {
  LinkIndex link = 0;
  IpAddress source;
  std::uint8_t record = 0;
  IpAddress group;
  friend bool operator==(const Report&, const Report&) = default;
};

/// The reports among what was sent. Each is checked byte by byte for what all have in common.
std::vector<Report> reports(Bench& bench) {
  std::vector<Report> found;
  for (const Catcher::Sent& sent : bench.wire.sent) {
    if (sent.bytes.size() < behind_ipv6 + 8 || sent.bytes[behind_ipv6 + 8] != 143) continue;
    REQUIRE(sent.bytes.size() == behind_ipv6 + mld_report_bytes);
    CHECK(sent.ethernet().destination == MacAddress{{0x33, 0x33, 0, 0, 0, 0x16}});
    Ipv6View view;
    REQUIRE(parse_ipv6(std::span(sent.bytes).subspan(ethernet_header_bytes), view) == DropReason::none);
    CHECK(view.destination == ip("ff02::16"));
    CHECK(view.hop_limit == 1);
    CHECK(view.protocol == 58);
    const Frame alert(sent.bytes.begin() + behind_ipv6, sent.bytes.begin() + behind_ipv6 + 8);
    CHECK(alert == Frame{58, 0, 5, 2, 0, 0, 1, 0});
    const auto message = std::span(sent.bytes).subspan(behind_ipv6 + 8);
    Checksum sum;
    sum.add_pseudo_header(view.source, view.destination, 58, static_cast<std::uint32_t>(message.size()));
    sum.add(message);
    CHECK(sum.is_valid());
    CHECK(load_be16(&message[6]) == 1);
    CHECK(load_be16(&message[10]) == 0);  // no sources
    Report report{sent.link, view.source, message[8], {}};
    std::memcpy(report.group.bytes.data(), &message[12], 16);
    found.push_back(report);
  }
  bench.wire.sent.clear();
  return found;
}

Frame query(std::string_view group, std::uint16_t delay_ms, std::string_view source = "fe80::fe",
            std::uint8_t hop_limit = 1) {
  Frame message(28);
  message[0] = 130;
  store_be16(&message[4], delay_ms);
  const IpAddress asked = ip(group);
  std::memcpy(&message[8], asked.bytes.data(), 16);
  const std::string to = is_unspecified(asked) ? "ff02::1" : std::string(group);
  return ip6_frame({.source = source,
                    .destination = to,
                    .next_header = 58,
                    .hop_limit = hop_limit,
                    .extensions = extension(58, {5, 2, 0, 0, 1, 0}),
                    .first_extension = 0,
                    .payload = message,
                    .ethernet_target = ethernet_group(ip(to))});
}

const IpAddress group_of_1 = ip("ff02::1:ff00:1");
const IpAddress local_0 = link_local_of(gateway_mac);
const IpAddress local_1 = link_local_of(other_mac);

}  // namespace

TEST_CASE("the group of an address is reported with its first probe, and again when the address is used") {
  Bench6 bench(false);
  bench.wire.sent.clear();
  bench.pass(1ms);
  std::vector<Report> found = reports(bench);
  REQUIRE(found.size() == 4);  // of two addresses and two link-local ones
  CHECK(std::ranges::count(found, Report{0, IpAddress{}, 4, group_of_1}) == 2);  // fe80::...:1 has it too
  CHECK(std::ranges::count(found, Report{1, IpAddress{}, 4, group_of_1}) == 1);
  for (int i = 0; i < 11; ++i) bench.pass(100ms);
  found = reports(bench);
  REQUIRE(found.size() == 4);
  CHECK(std::ranges::all_of(found, [](const Report& report) { return report.record == 4; }));
  CHECK(found.back().source == (found.back().link == 0 ? local_0 : local_1));
}

TEST_CASE("a query for all groups is answered with those of its link, within the time that it gives") {
  Bench6 bench;
  bench.receive(query("::", 1000));
  CHECK(bench.wire.sent.empty());
  for (int i = 0; i < 11; ++i) bench.pass(100ms);
  const std::vector<Report> expected(2, Report{0, local_0, 2, group_of_1});
  CHECK(reports(bench) == expected);
  for (int i = 0; i < 20; ++i) bench.pass(1s);
  CHECK(bench.wire.sent.empty());
}

TEST_CASE("a query for a group is answered if it is ours") {
  Bench6 bench;
  bench.receive(query("ff02::1:ff00:2", 0));
  bench.pass(10ms);
  CHECK(bench.wire.sent.empty());
  bench.receive(query("ff02::1:ff00:1", 0));
  bench.pass(10ms);
  CHECK(reports(bench).size() == 2);
}

TEST_CASE("long delays are read as numbers with an exponent, and a later query does not put off an answer") {
  const auto delay_of = [](std::uint16_t code) {
    Ipv6View view;
    view.source = ip("fe80::1");
    view.hop_limit = 1;
    Frame message(24);
    store_be16(&message[4], code);
    MldQuery read;
    REQUIRE(MldQuery::parse(view, message, read) == DropReason::none);
    return read.delay_max;
  };
  CHECK(delay_of(0x7fff) == 32767ms);
  CHECK(delay_of(0x8000) == 32768ms);
  CHECK(delay_of(0xffff) == std::chrono::milliseconds(0x1fff << 10));
  Bench6 bench;
  bench.receive(query("::", 1000));
  bench.receive(query("::", 30000));
  for (int i = 0; i < 11; ++i) bench.pass(100ms);
  CHECK(reports(bench).size() == 2);
}

TEST_CASE("queries of who is no router on the link are dropped") {
  Bench6 bench;
  bench.receive(query("::", 0, "2001:db8::2"));
  bench.receive(query("::", 0, "fe80::fe", 64));
  bench.receive(query("2001:db8::1", 0));
  Frame message(20);
  message[0] = 130;
  bench.receive(ip6_frame({.source = "fe80::fe", .next_header = 58, .hop_limit = 1, .payload = message}));
  CHECK(bench.count(Counter::drop_mld_malformed) == 4);
  bench.pass(10ms);
  CHECK(bench.wire.sent.empty());
}

TEST_CASE("a group that no address of the link has any more is given up") {
  Bench6 bench;
  REQUIRE(bench.host.add_address(ip("2001:db8::77"), bench.now) == AddressError::none);
  REQUIRE(bench.host.add_address(ip("2001:db8::5:0:77"), bench.now) == AddressError::none);
  for (int i = 0; i < 6; ++i) bench.pass(1s);
  bench.wire.sent.clear();
  bench.host.remove_address(ip("2001:db8::77"));
  CHECK(reports(bench).empty());
  bench.host.remove_address(ip("2001:db8::5:0:77"));
  CHECK(reports(bench) == std::vector{Report{0, local_0, 3, ip("ff02::1:ff00:77")}});
}

TEST_CASE("of several hosts of a node one speaks for the groups") {
  Bench bench;
  bench.host.set_announcing(false);
  REQUIRE(bench.host.add_interface_address(0, prefix("2001:db8::1/64"), bench.now) == AddressError::none);
  for (int i = 0; i < 6; ++i) bench.pass(1s);
  bench.receive(query("::", 0));
  bench.pass(10ms);
  bench.host.remove_address(ip("2001:db8::1"));
  CHECK(bench.wire.sent.empty());
}
