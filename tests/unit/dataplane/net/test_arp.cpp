#include <catch2/catch_test_macros.hpp>

#include "tests/unit/dataplane/net/bench.h"

using namespace byway;
using namespace byway::net;

TEST_CASE("an ARP request for an address of ours is answered to its sender alone") {
  Bench bench;
  bench.receive(arp_frame({}));
  REQUIRE(bench.wire.sent.size() == 1);
  const auto& sent = bench.wire.sent[0];
  CHECK(sent.ethernet().destination == peer_mac);
  CHECK(sent.ethernet().source == gateway_mac);
  CHECK(sent.arp().operation == ArpOperation::reply);
  CHECK(sent.arp().sender_mac == gateway_mac);
  CHECK(sent.arp().sender_ip == ip("10.0.0.1").v4());
  CHECK(sent.arp().target_mac == peer_mac);
  CHECK(sent.arp().target_ip == ip("10.0.0.2").v4());
  CHECK(bench.count(Counter::arp_requests_answered) == 1);
}

TEST_CASE("ARP about addresses of others, or of another port of ours, draws no answer") {
  Bench bench;
  bench.receive(arp_frame({.target_ip = "10.0.0.3"}));
  bench.receive(arp_frame({.target_ip = "192.168.7.1"}));
  CHECK(bench.wire.sent.empty());
  CHECK(bench.count(Counter::drop_arp_not_for_us) == 2);
  bench.receive(arp_frame({.sender_ip = "10.9.9.9"}));
  bench.receive(arp_frame({.sender_ip = "127.0.0.1"}));
  CHECK(bench.wire.sent.empty());
  CHECK(bench.count(Counter::drop_arp_off_link) == 2);
}

TEST_CASE("an ARP probe for an address of ours is answered and not remembered (RFC 5227 2.1.1)") {
  Bench bench;
  bench.receive(arp_frame({.sender_ip = "0.0.0.0"}));
  CHECK(bench.wire.sent.size() == 1);
  CHECK(bench.host.neighbors().size() == 0);
}

TEST_CASE("malformed ARP packets are dropped") {
  Bench bench;
  const Frame good = arp_frame({});
  const auto broken = [&](std::size_t offset, std::uint8_t value) {
    Frame frame = good;
    frame[ethernet_header_bytes + offset] = value;
    return frame;
  };
  const std::size_t hardware_type = 1;
  const std::size_t protocol_type = 2;
  const std::size_t mac_size = 4;
  const std::size_t ip_size = 5;
  const std::size_t operation = 7;
  const std::size_t sender_mac = 8;
  bench.receive(broken(hardware_type, 6));
  bench.receive(broken(protocol_type, 9));
  bench.receive(broken(mac_size, 8));
  bench.receive(broken(ip_size, 16));
  bench.receive(broken(operation, 3));
  bench.receive(broken(sender_mac, 3));  // a group address
  bench.receive(Frame(good.begin(), good.end() - 1));
  bench.receive(arp_frame({.operation = ArpOperation::reply, .sender_ip = "0.0.0.0"}));
  CHECK(bench.count(Counter::drop_arp_malformed) == 8);
  CHECK(bench.wire.sent.empty());
}

TEST_CASE("a packet waits for the answer to one ARP request and then leaves") {
  Bench bench;
  CHECK(bench.send("10.0.0.2", "one") == SendResult::sent);
  CHECK(bench.send("10.0.0.2", "two") == SendResult::sent);
  REQUIRE(bench.wire.sent.size() == 1);
  CHECK(bench.wire.sent[0].ethernet().destination == MacAddress::broadcast());
  CHECK(bench.wire.sent[0].arp().sender_ip == ip("10.0.0.1").v4());
  CHECK(bench.wire.sent[0].arp().target_ip == ip("10.0.0.2").v4());
  bench.receive(arp_frame({.operation = ArpOperation::reply, .ethernet_target = gateway_mac}));
  REQUIRE(bench.wire.sent.size() == 3);
  CHECK(bench.wire.sent[1].ethernet().destination == peer_mac);
  CHECK(std::string(bench.wire.sent[1].bytes.end() - 3, bench.wire.sent[1].bytes.end()) == "one");
  CHECK(std::string(bench.wire.sent[2].bytes.end() - 3, bench.wire.sent[2].bytes.end()) == "two");
  CHECK(bench.heap.live() == 0);
}

TEST_CASE("a destination behind a gateway is sent to the gateway") {
  Bench bench;
  CHECK(bench.send("8.8.8.8") == SendResult::sent);
  REQUIRE(bench.wire.sent.size() == 1);
  CHECK(bench.wire.sent[0].arp().target_ip == ip("10.0.0.254").v4());
  bench.receive(arp_frame({.operation = ArpOperation::reply,
                           .sender_mac = other_mac,
                           .sender_ip = "10.0.0.254",
                           .ethernet_target = gateway_mac}));
  CHECK(bench.wire.sent.back().ethernet().destination == other_mac);
}

TEST_CASE("the queue of an unresolved neighbour is bounded, and so are all queues together") {
  Bench bench;
  for (std::uint32_t i = 0; i < neighbor_pending_max; ++i) CHECK(bench.send("10.0.0.2") == SendResult::sent);
  CHECK(bench.send("10.0.0.2") == SendResult::lost);
  CHECK(bench.count(Counter::drop_tx_neighbor_queue) == 1);
  std::uint32_t waiting = neighbor_pending_max;
  for (int host = 10; host < 100; ++host) {
    for (int i = 0; i < 3; ++i)
      waiting += bench.send("10.0.0." + std::to_string(host)) == SendResult::sent ? 1 : 0;
  }
  CHECK(waiting == neighbor_pending_total_max);
  CHECK(bench.heap.live() == neighbor_pending_total_max);
}

TEST_CASE("an absent neighbour costs one request a second, three in all, then is unreachable for a while") {
  Bench bench;
  CHECK(bench.send("10.0.0.2") == SendResult::sent);
  for (int i = 0; i < 9; ++i) bench.pass(100ms);
  CHECK(bench.wire.sent.size() == 1);
  bench.pass(200ms);
  CHECK(bench.wire.sent.size() == 2);
  bench.pass(1100ms);
  CHECK(bench.wire.sent.size() == 3);
  CHECK(bench.heap.live() == 1);
  bench.pass(1100ms);
  CHECK(bench.wire.sent.size() == 3);
  CHECK(bench.heap.live() == 0);
  CHECK(bench.count(Counter::neighbors_failed) == 1);
  CHECK(bench.count(Counter::drop_tx_unreachable) == 1);
  CHECK(bench.send("10.0.0.2") == SendResult::unreachable);
  CHECK(bench.wire.sent.size() == 3);
  bench.pass(neighbor_failed_time + 100ms);
  CHECK(bench.host.neighbors().size() == 0);
  CHECK(bench.send("10.0.0.2") == SendResult::sent);
  CHECK(bench.wire.sent.size() == 4);
}

TEST_CASE("a known neighbour is confirmed after 30 s by asking it alone, then everybody, while it is used") {
  Bench bench;
  (void)bench.send("10.0.0.2");
  bench.receive(arp_frame({.operation = ArpOperation::reply, .ethernet_target = gateway_mac}));
  bench.wire.sent.clear();
  bench.pass(29s);
  (void)bench.send("10.0.0.2");
  CHECK(bench.wire.sent.size() == 1);  // the packet alone
  bench.pass(2s);
  bench.wire.sent.clear();
  CHECK(bench.send("10.0.0.2") == SendResult::sent);
  REQUIRE(bench.wire.sent.size() == 2);  // the request, and the packet to the address that was known
  CHECK(bench.wire.sent[0].ethernet().destination == peer_mac);
  CHECK(bench.wire.sent[1].ethernet().destination == peer_mac);
  bench.wire.sent.clear();
  for (int i = 0; i < 5; ++i) bench.pass(1100ms);
  REQUIRE(bench.wire.sent.size() == 5);
  CHECK(bench.wire.sent[1].ethernet().destination == peer_mac);
  CHECK(bench.wire.sent[2].ethernet().destination == MacAddress::broadcast());
  bench.pass(1100ms);
  CHECK(bench.send("10.0.0.2") == SendResult::unreachable);
}

TEST_CASE("a neighbour that has moved is heard at its new address") {
  Bench bench;
  bench.introduce();
  bench.receive(arp_frame({.sender_mac = other_mac, .target_ip = "10.0.0.2"}));  // an announcement
  (void)bench.send("10.0.0.2");
  CHECK(bench.wire.sent.back().ethernet().destination == other_mac);
}

TEST_CASE("announcements and answers of strangers leave no trace") {
  Bench bench;
  bench.receive(arp_frame({.target_ip = "10.0.0.2"}));
  bench.receive(arp_frame({.operation = ArpOperation::reply, .ethernet_target = gateway_mac}));
  CHECK(bench.host.neighbors().size() == 0);
}

TEST_CASE("a full neighbour table gives up one that was not used for long") {
  Bench bench;
  // A /24 holds fewer than the table does: a wider network shows the bound.
  (void)bench.host.add_interface_address(0, prefix("172.16.0.1/16"), bench.now);
  for (std::uint32_t i = 0; i < neighbors_max + 10; ++i) {
    bench.now = bench.now + 1us;
    const std::string sender = "172.16." + std::to_string(1 + i / 200) + "." + std::to_string(1 + i % 200);
    bench.receive(arp_frame({.sender_ip = sender, .target_ip = "172.16.0.1"}));
  }
  CHECK(bench.host.neighbors().size() == neighbors_max);
  CHECK(bench.count(Counter::neighbors) == neighbors_max);
  CHECK(bench.count(Counter::neighbors_evicted) == 10);
}

TEST_CASE("our addresses are announced twice, two seconds apart (RFC 5227 2.3)") {
  Bench bench(false);
  bench.pass(1ms);
  REQUIRE(bench.wire.sent.size() == 2);  // one an address
  CHECK(bench.wire.sent[0].arp().sender_ip == bench.wire.sent[0].arp().target_ip);
  CHECK(bench.wire.sent[0].ethernet().destination == MacAddress::broadcast());
  bench.pass(1900ms);
  CHECK(bench.wire.sent.size() == 2);
  bench.pass(200ms);
  CHECK(bench.wire.sent.size() == 4);
  bench.pass(10s);
  CHECK(bench.wire.sent.size() == 4);
}

TEST_CASE("a station that claims our address is counted and met by one defence in ten seconds") {
  Bench bench;
  const Frame claim = arp_frame({.sender_mac = other_mac, .sender_ip = "10.0.0.1", .target_ip = "10.0.0.9"});
  bench.receive(claim);
  bench.receive(claim);
  CHECK(bench.count(Counter::drop_arp_conflict) == 2);
  CHECK(bench.wire.sent.size() == 1);
  bench.pass(11s);
  bench.receive(claim);
  CHECK(bench.wire.sent.size() == 2);
  CHECK(bench.host.neighbors().size() == 0);
}

TEST_CASE("a virtual address is answered on the port whose prefix holds it, until it is removed") {
  Bench bench;
  CHECK(bench.host.add_address(ip("172.16.0.1"), bench.now) == AddressError::no_link);
  CHECK(bench.host.add_address(ip("10.0.0.1"), bench.now) == AddressError::duplicate);
  REQUIRE(bench.host.add_address(ip("10.0.0.77"), bench.now) == AddressError::none);
  bench.receive(arp_frame({.target_ip = "10.0.0.77"}));
  CHECK(bench.count(Counter::arp_requests_answered) == 1);
  bench.receive(arp_frame({.target_ip = "10.0.0.77"}), 1);
  CHECK(bench.count(Counter::arp_requests_answered) == 1);
  bench.receive(ip_frame({.destination = "10.0.0.77", .payload = tcp_bytes()}));
  CHECK(bench.ingress.segment_count == 1);
  bench.ingress.segments[0].payload = Slice();
  bench.host.remove_address(ip("10.0.0.77"));
  bench.receive(arp_frame({.target_ip = "10.0.0.77"}));
  CHECK(bench.count(Counter::arp_requests_answered) == 1);
}

TEST_CASE("own addresses are bounded") {
  OwnAddresses addresses;
  OwnAddress address;
  for (std::uint32_t i = 0; i < own_addresses_max; ++i) {
    address.address = IpAddress::from_v4({i * 7919});
    REQUIRE(addresses.add(address) == AddressError::none);
  }
  address.address = IpAddress::from_v4({1});
  CHECK(addresses.add(address) == AddressError::table_full);
  CHECK(addresses.find(IpAddress::from_v4({7919})) != nullptr);
  CHECK(addresses.find(IpAddress::from_v4({7918})) == nullptr);
}

TEST_CASE("packets that waited for a next hop that does not answer are told of as unreachable") {
  Bench bench;
  Rope nothing(bench.slices);
  const Frame header = tcp_bytes("");
  Outgoing out;
  out.source = ip("10.0.0.1");
  out.destination = ip("10.0.0.99");
  out.header = header;
  CHECK(bench.host.send(out, std::move(nothing), bench.now) == SendResult::sent);
  CHECK(bench.send("10.0.0.98") == SendResult::sent);
  bench.receive(arp_frame({.sender_mac = other_mac, .sender_ip = "10.0.0.98"}));
  for (int i = 0; i < 29; ++i) bench.pass(100ms);
  CHECK(bench.wire.errors.empty());
  for (int i = 0; i < 6; ++i) bench.pass(100ms);
  REQUIRE(bench.wire.errors.size() == 1);
  const IcmpError& error = bench.wire.errors[0];
  CHECK(error.kind == ErrorKind::host_unreachable);
  CHECK(error.source == ip("10.0.0.1"));
  CHECK(error.destination == ip("10.0.0.99"));
  CHECK(error.protocol == 6);
  CHECK(load_be16(&error.transport[0]) == 40000);
  CHECK(load_be16(&error.transport[2]) == 80);
  CHECK(bench.count(Counter::drop_tx_unreachable) == 1);
}
