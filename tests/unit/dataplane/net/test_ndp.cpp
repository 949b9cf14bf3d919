#include <catch2/catch_test_macros.hpp>

#include "tests/unit/dataplane/net/bench_ipv6.h"

using namespace byway;
using namespace byway::net;

namespace {

NdpFields advertisement(bool solicited, bool override_known, std::optional<MacAddress> mac) {
  return {.destination = solicited ? std::string_view("2001:db8::1") : std::string_view("ff02::1"),
          .target = "2001:db8::2",
          .solicitation = false,
          .solicited = solicited,
          .override_known = override_known,
          .mac = mac};
}

/// Where a packet to 2001:db8::2 goes now, and whether that was to be confirmed first.
struct Belief {
  MacAddress mac;
  bool is_probed = false;
};

Belief belief(Bench6& bench) {
  bench.wire.sent.clear();
  REQUIRE(bench.send6("2001:db8::2") == SendResult::sent);
  const Belief found{bench.wire.sent.back().ethernet().destination, bench.wire.sent.size() == 2};
  bench.wire.sent.clear();
  return found;
}

}  // namespace

TEST_CASE("a solicitation of an address of ours is answered to its sender alone") {
  Bench6 bench;
  bench.receive(ndp_frame(NdpFields{}));
  REQUIRE(bench.wire.sent.size() == 1);
  const SentNdp answer = sent_ndp(bench.wire.sent[0]);
  REQUIRE(answer.ok);
  CHECK(answer.ethernet.destination == peer_mac);
  CHECK(answer.ethernet.source == gateway_mac);
  CHECK(answer.ip.source == ip("2001:db8::1"));
  CHECK(answer.ip.destination == ip("2001:db8::2"));
  CHECK(answer.ip.hop_limit == 255);
  CHECK_FALSE(answer.message.is_solicitation);
  CHECK_FALSE(answer.message.router);
  CHECK(answer.message.solicited);
  CHECK(answer.message.override_known);
  CHECK(answer.message.target == ip("2001:db8::1"));
  CHECK(answer.message.mac == gateway_mac);
  CHECK(bench.count(Counter::ndp_solicitations_answered) == 1);
  // Who asked is known now, so that an answer of the transport needs no question of ours first.
  CHECK(belief(bench).mac == peer_mac);
}

TEST_CASE("a link-local neighbour is answered, about our link-local address too") {
  Bench6 bench;
  bench.receive(ndp_frame({.source = "fe80::2"}));
  REQUIRE(bench.wire.sent.size() == 1);
  CHECK(sent_ndp(bench.wire.sent[0]).ip.destination == ip("fe80::2"));
  const std::string own = text_of(link_local_of(gateway_mac));
  CHECK(own == "fe80::ff:fe00:1");
  bench.receive(ndp_frame({.source = "fe80::2", .target = own}));
  REQUIRE(bench.wire.sent.size() == 2);
  CHECK(sent_ndp(bench.wire.sent[1]).message.target == ip(own));
  bench.receive(ndp_frame({.source = "fe80::2", .target = own}), 1);
  CHECK(bench.wire.sent.size() == 2);
}

TEST_CASE("a probe for an address of ours is answered to all nodes, unsolicited, and not remembered") {
  Bench6 bench;
  bench.receive(ndp_frame({.source = "::", .mac = std::nullopt, .ethernet_source = other_mac}));
  REQUIRE(bench.wire.sent.size() == 1);
  const SentNdp answer = sent_ndp(bench.wire.sent[0]);
  REQUIRE(answer.ok);
  CHECK(answer.ethernet.destination == MacAddress{{0x33, 0x33, 0, 0, 0, 1}});
  CHECK(answer.ip.destination == ipv6_all_nodes);
  CHECK_FALSE(answer.message.solicited);
  CHECK(answer.message.mac == gateway_mac);
  CHECK(bench.host.neighbors().size() == 0);
}

TEST_CASE("who asks without saying its MAC address is asked for it before it is answered") {
  Bench6 bench;
  bench.receive(ndp_frame({.mac = std::nullopt}));
  REQUIRE(bench.wire.sent.size() == 1);
  CHECK(sent_ndp(bench.wire.sent[0]).message.is_solicitation);
  bench.receive(ndp_answer());
  REQUIRE(bench.wire.sent.size() == 2);
  const SentNdp answer = sent_ndp(bench.wire.sent[1]);
  REQUIRE(answer.ok);
  CHECK(answer.ip.hop_limit == 255);
  CHECK(answer.message.target == ip("2001:db8::1"));
  CHECK(answer.ethernet.destination == peer_mac);
}

TEST_CASE("solicitations about others, or by those who are no neighbours, draw no answer") {
  Bench6 bench;
  bench.receive(ndp_frame({.target = "2001:db8::3"}));
  bench.receive(ndp_frame({.target = "2001:db8:7::1"}));
  CHECK(bench.count(Counter::drop_ndp_not_for_us) == 2);
  bench.receive(ndp_frame({.source = "2001:db8:5::2"}));
  bench.receive(ndp_frame({.source = "2001:db8:7::2"}));
  CHECK(bench.count(Counter::drop_ndp_off_link) == 2);
  bench.receive(ndp_frame({.destination = "2001:db8::9"}));
  CHECK(bench.count(Counter::drop_ip_not_for_us) == 1);
  CHECK(bench.wire.sent.empty());
  CHECK(bench.host.neighbors().size() == 0);
}

TEST_CASE("messages that fail a check of RFC 4861 7.1 are dropped") {
  Bench6 bench;
  std::uint64_t expected = 0;
  const auto is_refused = [&](const NdpFields& fields, const Frame& message) {
    bench.receive(ndp_frame(fields, message));
    CHECK(bench.count(Counter::drop_ndp_malformed) == ++expected);
  };
  const auto changed = [](Frame message, std::size_t at, std::uint8_t value) {
    message[at] = value;
    return message;
  };
  const NdpFields fields;
  const Frame good = ndp_message(fields);
  is_refused({.hop_limit = 254}, good);
  is_refused(fields, changed(good, 1, 1));                     // code
  is_refused(fields, Frame(good.begin(), good.begin() + 23));  // too short for a target
  is_refused(fields, changed(good, 8, 0xff));                  // the target is a group
  is_refused(fields, changed(good, 25, 0));                    // an option of length 0
  is_refused(fields, changed(good, 25, 2));                    // one that is longer than the message
  is_refused(fields, Frame(good.begin(), good.end() - 1));     // one that is cut off
  is_refused(fields, changed(good, 26, 3));                    // a MAC address of a group
  is_refused(fields, joined(changed(good, 25, 2), Frame(8)));  // an address of another length
  const Frame option{200, 1, 0, 0, 0, 0, 0, 0};
  Frame many = good;
  for (std::size_t i = 1; i < ndp_options_max; ++i) many = joined(many, option);
  bench.receive(ndp_frame(fields, many));
  CHECK(bench.count(Counter::drop_ndp_malformed) == expected);  // as many as are looked at
  is_refused(fields, joined(many, option));
  // A probe names no MAC address and goes to the group of its target.
  is_refused({.source = "::"}, good);
  const NdpFields probe{.source = "::", .destination = "ff02::1", .mac = std::nullopt};
  is_refused(probe, ndp_message(probe));
  const NdpFields from_nobody{
      .source = "::", .destination = "ff02::1", .target = "2001:db8::2", .solicitation = false};
  is_refused(from_nobody, ndp_message(from_nobody));
  // An answer is not for all.
  const NdpFields to_all{
      .destination = "ff02::1", .target = "2001:db8::2", .solicitation = false, .solicited = true};
  is_refused(to_all, ndp_message(to_all));
  CHECK(bench.host.neighbors().size() == 1);  // of the one that had many options
}

TEST_CASE("neighbour discovery in fragments is dropped, atomic ones included (RFC 6980)") {
  Bench6 bench;
  const NdpFields fields;
  bench.receive(ip6_frame({.destination = text_of(solicited_node_group(ip(fields.target))),
                           .next_header = 58,
                           .hop_limit = 255,
                           .extensions = fragment_header(58, 0, false),
                           .first_extension = 44,
                           .payload = ndp_message(fields),
                           .ethernet_target = gateway_mac}));
  CHECK(bench.count(Counter::drop_ndp_malformed) == 1);
}

TEST_CASE("routers are not followed: their messages are counted and dropped") {
  Bench6 bench;
  for (const int type : {133, 134, 137}) {
    Frame message(40);
    message[0] = static_cast<std::uint8_t>(type);
    bench.receive(ip6_frame({.source = "fe80::fe", .next_header = 58, .hop_limit = 255, .payload = message}));
  }
  CHECK(bench.count(Counter::drop_ndp_router) == 3);
}

TEST_CASE("an IPv6 packet waits for the answer to one solicitation and then leaves") {
  Bench6 bench;
  CHECK(bench.send6("2001:db8::2", "one") == SendResult::sent);
  CHECK(bench.send6("2001:db8::2", "two") == SendResult::sent);
  REQUIRE(bench.wire.sent.size() == 1);
  const SentNdp question = sent_ndp(bench.wire.sent[0]);
  REQUIRE(question.ok);
  CHECK(question.ethernet.destination == MacAddress{{0x33, 0x33, 0xff, 0, 0, 2}});
  CHECK(question.ip.source == ip("2001:db8::1"));
  CHECK(question.ip.destination == ip("ff02::1:ff00:2"));
  CHECK(question.message.target == ip("2001:db8::2"));
  CHECK(question.message.mac == gateway_mac);
  bench.receive(ndp_answer());
  REQUIRE(bench.wire.sent.size() == 3);
  CHECK(bench.wire.sent[1].ethernet().destination == peer_mac);
  CHECK(bench.wire.sent[2].ethernet().destination == peer_mac);
  CHECK(bench.heap.live() == 0);
}

TEST_CASE("a destination behind a link-local gateway is sent to it, from an address that reaches further") {
  Bench6 bench;
  CHECK(bench.host.path(ip("2001:4860::8"))->source == ip("2001:db8::1"));
  CHECK(bench.send6("2001:4860::8") == SendResult::sent);
  REQUIRE(bench.wire.sent.size() == 1);
  CHECK(sent_ndp(bench.wire.sent[0]).message.target == ip("fe80::fe"));
  CHECK(sent_ndp(bench.wire.sent[0]).ip.source == link_local_of(gateway_mac));
  bench.receive(ndp_answer("fe80::fe", other_mac));
  CHECK(bench.wire.sent.back().ethernet().destination == other_mac);
}

TEST_CASE("an absent IPv6 neighbour is asked for three times and then told of as unreachable") {
  Bench6 bench;
  Rope nothing(bench.slices);
  const Frame header = tcp_bytes("");
  Outgoing out;
  out.source = ip("2001:db8::1");
  out.destination = ip("2001:db8::99");
  out.header = header;
  CHECK(bench.host.send(out, std::move(nothing), bench.now) == SendResult::sent);
  for (int i = 0; i < 35; ++i) bench.pass(100ms);
  CHECK(bench.count(Counter::ndp_solicitations_sent) == 3);
  REQUIRE(bench.wire.errors.size() == 1);
  const IcmpError& error = bench.wire.errors[0];
  CHECK(error.kind == ErrorKind::host_unreachable);
  CHECK(error.source == ip("2001:db8::1"));
  CHECK(error.destination == ip("2001:db8::99"));
  CHECK(error.protocol == 6);
  CHECK(load_be16(&error.transport[0]) == 40000);
  CHECK(bench.send6("2001:db8::99") == SendResult::unreachable);
}

TEST_CASE("a known IPv6 neighbour is confirmed after 30 s by asking it alone, then its group") {
  Bench6 bench;
  bench.introduce6();
  bench.pass(31s);
  bench.wire.sent.clear();
  CHECK(bench.send6("2001:db8::2") == SendResult::sent);
  REQUIRE(bench.wire.sent.size() == 2);
  CHECK(bench.wire.sent[0].ethernet().destination == peer_mac);
  CHECK(sent_ndp(bench.wire.sent[0]).ip.destination == ip("2001:db8::2"));
  bench.wire.sent.clear();
  for (int i = 0; i < 5; ++i) bench.pass(1100ms);
  REQUIRE(bench.wire.sent.size() == 5);
  CHECK(sent_ndp(bench.wire.sent[1]).ip.destination == ip("2001:db8::2"));
  CHECK(sent_ndp(bench.wire.sent[2]).ip.destination == ip("ff02::1:ff00:2"));
  bench.pass(1100ms);
  CHECK(bench.send6("2001:db8::2") == SendResult::unreachable);
}

TEST_CASE("an advertisement that does not override leaves a known address, and makes it doubtful") {
  Bench6 bench;
  bench.introduce6();
  bench.receive(ndp_frame(advertisement(false, false, other_mac)));
  const Belief now = belief(bench);
  CHECK(now.mac == peer_mac);
  CHECK(now.is_probed);
}

TEST_CASE("an advertisement that overrides replaces the address, which only an answer confirms") {
  Bench6 bench;
  bench.introduce6();
  bench.receive(ndp_frame(advertisement(false, true, other_mac)));
  Belief now = belief(bench);
  CHECK(now.mac == other_mac);
  CHECK(now.is_probed);
  bench.receive(ndp_frame(advertisement(true, true, peer_mac)));
  now = belief(bench);
  CHECK(now.mac == peer_mac);
  CHECK_FALSE(now.is_probed);
}

TEST_CASE("an answer without an address confirms the one that is known, and resolves none that is not") {
  Bench6 bench;
  CHECK(bench.send6("2001:db8::2") == SendResult::sent);
  bench.wire.sent.clear();
  bench.receive(ndp_frame(advertisement(true, true, std::nullopt)));
  CHECK(bench.wire.sent.empty());  // the packet waits on
  bench.receive(ndp_answer());
  CHECK(bench.wire.sent.size() == 1);
  bench.pass(31s);
  CHECK(belief(bench).is_probed);
  bench.receive(ndp_frame(advertisement(true, false, std::nullopt)));
  CHECK_FALSE(belief(bench).is_probed);
}

TEST_CASE("an unsolicited advertisement confirms nothing, and of strangers it leaves no trace") {
  Bench6 bench;
  bench.receive(ndp_frame(advertisement(false, true, peer_mac)));
  bench.receive(ndp_frame(advertisement(true, true, peer_mac)));
  CHECK(bench.host.neighbors().size() == 0);
  bench.introduce6();
  bench.pass(31s);
  bench.receive(ndp_frame(advertisement(false, true, peer_mac)));
  CHECK(belief(bench).is_probed);
}

TEST_CASE("a frame that is answered elsewhere teaches, and draws no answer") {
  Bench6 bench;
  RxFrame frame;
  frame.bytes = bench.heap.copy(ndp_frame(NdpFields{}));
  frame.observe_only = true;
  bench.host.on_burst({&frame, 1}, bench.now, bench.ingress);
  CHECK(bench.wire.sent.empty());
  CHECK(bench.host.neighbors().size() == 1);
}
