// The hash of network cards, and connections placed by it.
#include <rte_ethdev.h>
#include <rte_thash.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "dataplane/rss.h"
#include "dataplane/steering.h"
#include "tests/unit/dataplane/net/bench_ipv6.h"

using namespace byway;
using namespace byway::net;

namespace {

/// Of the verification suite; 12 octets of no meaning behind it make 52.
constexpr RssPlan::Key microsoft_key = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25,
                                        0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b,
                                        0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a,
                                        0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa, 1,    2,    3,    4,
                                        5,    6,    7,    8,    9,    10,   11,   12};

RssPlan::Key spreading_key(std::uint32_t seed) {
  std::mt19937 random(seed);
  RssPlan::Key key;
  do {
    for (std::uint8_t& byte : key) byte = static_cast<std::uint8_t>(random());
  } while (!spreads_ports(key));
  return key;
}

/// rte_softrss, which takes words in the order of the machine, and the key as it is.
std::uint32_t reference(const RssPlan::Key& key, const tcp::FlowKey& flow) {
  std::array<std::uint32_t, toeplitz_input_bytes_max / 4> words{};
  std::uint32_t count = 0;
  const std::size_t skipped = flow.remote.is_v4() ? 12 : 0;
  for (const IpAddress* address : {&flow.remote, &flow.local}) {
    for (std::size_t i = skipped; i < 16; i += 4) words[count++] = load_be32(&address->bytes[i]);
  }
  words[count++] = std::uint32_t{flow.remote_port} << 16 | flow.local_port;
  return rte_softrss(words.data(), count, key.data());
}

std::uint32_t hash_of(const Toeplitz& toeplitz, const tcp::FlowKey& flow) {
  return toeplitz.hash(flow.remote, flow.remote_port, flow.local, flow.local_port);
}

tcp::FlowKey random_flow(std::mt19937& random, bool is_v4) {
  const auto address = [&] {
    if (is_v4) return IpAddress::from_v4({static_cast<std::uint32_t>(random())});
    IpAddress out;
    for (std::uint8_t& byte : out.bytes) byte = static_cast<std::uint8_t>(random());
    out.bytes[0] = 0x20;
    return out;
  };
  const IpAddress local = address();
  return {local, address(), static_cast<std::uint16_t>(random()), static_cast<std::uint16_t>(random())};
}

rte_eth_dev_info card(std::uint16_t table = 128, std::uint8_t key_bytes = 40) {
  rte_eth_dev_info device{};
  device.reta_size = table;
  device.hash_key_size = key_bytes;
  device.flow_type_rss_offloads = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP;
  return device;
}

}  // namespace

TEST_CASE("the hash is that of Microsoft's verification suite") {
  const Toeplitz toeplitz{std::span(microsoft_key).first<toeplitz_key_bytes>()};
  struct Vector {
    const char* local;
    std::uint16_t local_port;
    const char* remote;
    std::uint16_t remote_port;
    std::uint32_t hash;
  };
  constexpr Vector vectors[] = {
      {"161.142.100.80", 1766, "66.9.149.187", 2794, 0x51ccc178},
      {"65.69.140.83", 4739, "199.92.111.2", 14230, 0xc626b0ea},
      {"12.22.207.184", 38024, "24.19.198.95", 12898, 0x5c2b394a},
      {"209.142.163.6", 2217, "38.27.205.30", 48228, 0xafc7327f},
      {"202.188.127.2", 1303, "153.39.163.191", 44251, 0x10e828a2},
      {"3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794, 0x40207d3d},
      {"ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14230, 0xdde51bbf},
      {"fe80::200:f8ff:fe21:67cf", 38024, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251, 0x02d1feef},
  };
  for (const Vector& vector : vectors) {
    CAPTURE(vector.remote);
    CHECK(toeplitz.hash(net::ip(vector.remote), vector.remote_port, net::ip(vector.local),
                        vector.local_port) == vector.hash);
  }
}

TEST_CASE("the hash is that of DPDK for every flow and key") {
  std::mt19937 random(4711);
  for (int round = 0; round < 20; ++round) {
    RssPlan::Key key;
    for (std::uint8_t& byte : key) byte = static_cast<std::uint8_t>(random());
    const Toeplitz toeplitz{std::span(key).first<toeplitz_key_bytes>()};
    for (int i = 0; i < 200; ++i) {
      const tcp::FlowKey flow = random_flow(random, i % 2 == 0);
      REQUIRE(hash_of(toeplitz, flow) == reference(key, flow));
    }
  }
}

TEST_CASE("from 1 to 64 workers a connection finds a port for its worker, and all find about as many") {
  std::mt19937 random(1);
  const RssPlan::Key key = spreading_key(7);
  for (std::uint16_t workers = 1; workers <= 64; ++workers) {
    CAPTURE(workers);
    const RssPlan plan(key, workers, 128);
    Steering steering(99, workers);
    steering.add_link(&plan);
    for (const bool is_v4 : {true, false}) {
      tcp::FlowKey flow = random_flow(random, is_v4);
      std::array<int, 64> counts{};
      constexpr int ports = 128 * 16;
      flow.local_port = 128 * 313;
      for (int i = 0; i < ports; ++i, ++flow.local_port) {
        const std::uint32_t owner = steering.owner_of(flow, 0);
        REQUIRE(owner < workers);
        ++counts.at(owner);
      }
      for (std::uint16_t worker = 0; worker < workers; ++worker) {
        CHECK(counts.at(worker) >= 128 / workers * 16);
        CHECK(counts.at(worker) <= (128 / workers + 1) * 16);
      }
      const tcp::FlowKey other_link = flow;  // not named: spread in software, by both ends alike
      const tcp::FlowKey turned{flow.remote, flow.local, flow.remote_port, flow.local_port};
      CHECK(steering.owner_of(other_link, 1) == steering.owner_of(turned, 1));
    }
  }
}

TEST_CASE("clients' connections spread about evenly over 1 to 64 workers") {
  std::mt19937 random(2);
  for (const std::uint16_t workers : std::initializer_list<std::uint16_t>{1, 2, 3, 7, 16, 33, 64}) {
    CAPTURE(workers);
    const RssPlan plan(spreading_key(workers), workers, 512);
    std::array<int, 64> counts{};
    constexpr int flows = 64 * 1000;
    for (int i = 0; i < flows; ++i) {
      const tcp::FlowKey flow = random_flow(random, i % 2 == 0);
      ++counts.at(plan.queue_of(flow.remote, flow.remote_port, flow.local, flow.local_port));
    }
    for (std::uint16_t worker = 0; worker < workers; ++worker) {
      CHECK(counts.at(worker) > flows / workers * 8 / 10);
      CHECK(counts.at(worker) < flows / workers * 12 / 10);
    }
  }
}

TEST_CASE(
    "a segment is its receiver's where the device places it; what it quotes or is cut of, its connection's") {
  constexpr std::uint32_t workers = 16;
  const RssPlan plan(spreading_key(3), workers, 128);
  Steering steering(5, workers);
  steering.add_link(&plan);
  steering.add_link(nullptr);
  const tcp::FlowKey flow{net::ip("10.0.0.1"), net::ip("10.0.0.2"), 80, 40000};
  const tcp::FlowKey flow_v6{net::ip("2001:db8::1"), net::ip("2001:db8::2"), 80, 40000};
  const std::uint32_t owner = plan.queue_of(flow.remote, 40000, flow.local, 80);
  CHECK(steering.owner_of(flow, 0) == owner);
  const Frame segment = ip_frame({.payload = tcp_bytes("more than one piece of a packet holds")});
  CHECK_FALSE(steering.owner_of_received(segment, 0).has_value());
  CHECK(steering.owner_of_received(segment, 1) == steering.owner_of(flow, 1));
  CHECK(steering.owner_of(segment, 0) == owner);  // put together from pieces that came anywhere
  const Frame segment_v6 = ip6_frame({.payload = tcp_bytes()});
  CHECK_FALSE(steering.owner_of_received(segment_v6, 0).has_value());
  CHECK(steering.owner_of(segment_v6, 0) == steering.owner_of(flow_v6, 0));

  const auto pieces = in_pieces(segment, 24);
  const auto piece = steering.owner_of_received(pieces[0], 0);
  REQUIRE(piece.has_value());
  CHECK(steering.owner_of_received(pieces[1], 0) == piece);

  // An error quotes what we sent: its source is our end.
  Frame quoted_tcp = tcp_bytes("");
  store_be16(&quoted_tcp[0], 80);
  store_be16(&quoted_tcp[2], 40000);
  Frame message(8);
  message[0] = 3;
  const Frame quoted = ip_packet({.source = "10.0.0.1", .destination = "10.0.0.2", .payload = quoted_tcp});
  const Frame error =
      ip_frame({.source = "10.0.0.254", .protocol = Protocol::icmp, .payload = joined(message, quoted)});
  CHECK(steering.owner_of_received(error, 0) == owner);
}

TEST_CASE("only a device that hashes TCP ports by a key and a table of ours places connections") {
  const RssPlan::Key key = spreading_key(1);
  CHECK(plan_rss(card(), 4, key).has_value());
  CHECK(plan_rss(card(512, 52), 64, key).has_value());
  CHECK_FALSE(plan_rss(card(), 1, key).has_value());     // nothing to spread
  CHECK_FALSE(plan_rss(card(64), 65, key).has_value());  // some queue would get nothing
  CHECK_FALSE(plan_rss(card(0), 4, key).has_value());
  CHECK_FALSE(plan_rss(card(100), 4, key).has_value());
  CHECK_FALSE(plan_rss(card(128, 0), 4, key).has_value());
  rte_eth_dev_info addresses_only = card();
  addresses_only.flow_type_rss_offloads = RTE_ETH_RSS_IP;
  CHECK_FALSE(plan_rss(addresses_only, 4, key).has_value());
}

TEST_CASE("a key that sends neighbouring ports to one queue is refused") {
  CHECK_FALSE(spreads_ports({}));
  RssPlan::Key ones;
  ones.fill(0xff);
  CHECK_FALSE(spreads_ports(ones));
  CHECK(spreads_ports(spreading_key(12)));
}
