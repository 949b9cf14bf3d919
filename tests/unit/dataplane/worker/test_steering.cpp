#include <array>
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "dataplane/steering.h"
#include "tests/unit/dataplane/net/bench_ipv6.h"

using namespace byway;
using namespace byway::net;

namespace {

tcp::FlowKey flow(std::uint32_t local, std::uint16_t local_port, std::uint32_t remote,
                  std::uint16_t remote_port) {
  return {IpAddress::from_v4({local}), IpAddress::from_v4({remote}), local_port, remote_port};
}

template <typename What>
auto owner_in(const Steering& steering, const What& what) {
  return steering.owner_of(what, 0);
}

}  // namespace

TEST_CASE("both directions of a connection have one owner, in whichever way it is asked for") {
  const Steering steering(0x1234, 5);
  const tcp::FlowKey out = flow(0x0a000001, 80, 0x0a000002, 40000);
  const tcp::FlowKey in = flow(0x0a000002, 40000, 0x0a000001, 80);
  CHECK(owner_in(steering, out) == owner_in(steering, in));
  CHECK(owner_in(steering, ip_frame({.payload = tcp_bytes()})) == owner_in(steering, out));
}

TEST_CASE("connections spread evenly over the workers, otherwise under another key") {
  constexpr std::uint32_t workers = 4;
  const Steering one(1, workers);
  const Steering other(2, workers);
  std::array<int, workers> counts{};
  int moved = 0;
  for (std::uint16_t port = 1024; port < 1024 + 8000; ++port) {
    const tcp::FlowKey key = flow(0x0a000001, 80, 0x0a000002, port);
    ++counts.at(owner_in(one, key));
    moved += owner_in(one, key) != owner_in(other, key) ? 1 : 0;
  }
  for (const int count : counts) {
    CHECK(count > 1800);
    CHECK(count < 2200);
  }
  CHECK(moved > 5000);
}

TEST_CASE("an ICMP error goes to the owner of the connection that it is about") {
  const Steering steering(7, 16);
  const Frame quoted = ip_packet({.source = "10.0.0.1", .destination = "10.0.0.9", .payload = tcp_bytes("")});
  Frame message(8);
  message[0] = 3;
  const Frame error =
      ip_frame({.source = "10.0.0.254", .protocol = Protocol::icmp, .payload = joined(message, quoted)});
  CHECK(owner_in(steering, error) == owner_in(steering, flow(0x0a000001, 40000, 0x0a000009, 80)));
}

TEST_CASE("what is no connection's belongs to its receiver, and no frame is read past its end") {
  const Steering steering(7, 16);
  CHECK_FALSE(owner_in(steering, arp_frame({})).has_value());
  CHECK(is_about_neighbors(arp_frame({})));
  const Frame segment = ip_frame({.payload = tcp_bytes()});
  CHECK_FALSE(is_about_neighbors(segment));
  CHECK_FALSE(owner_in(steering, ip_frame({.protocol = Protocol::icmp, .payload = Frame(8, 8)})).has_value());
  for (std::size_t size = 0; size < 14 + 20 + 4; ++size) {
    const Frame cut(segment.begin(),
                    segment.begin() + static_cast<std::ptrdiff_t>(size));  // exact for the sanitizer
    CHECK_FALSE(owner_in(steering, cut).has_value());
  }
  Frame options = segment;
  options[14] = 0x4f;
  CHECK_FALSE(owner_in(steering, options).has_value());
}

TEST_CASE("connections over IPv6 have one owner from both sides, and spread") {
  constexpr std::uint32_t workers = 4;
  const Steering steering(0x1234, workers);
  const tcp::FlowKey out{ip("2001:db8::1"), ip("2001:db8::2"), 80, 40000};
  const tcp::FlowKey in{ip("2001:db8::2"), ip("2001:db8::1"), 40000, 80};
  CHECK(owner_in(steering, out) == owner_in(steering, in));
  CHECK(owner_in(steering, ip6_frame({.payload = tcp_bytes()})) == owner_in(steering, out));
  CHECK(owner_in(steering,
                 ip6_frame({.extensions = extension(6), .first_extension = 60, .payload = tcp_bytes()})) ==
        owner_in(steering, out));
  std::array<int, workers> by_port{};
  std::array<int, workers> by_address{};
  for (std::uint16_t i = 0; i < 8000; ++i) {
    tcp::FlowKey key = out;
    key.remote_port = static_cast<std::uint16_t>(1024 + i);
    ++by_port.at(owner_in(steering, key));
    key = out;
    store_be16(&key.remote.bytes[i % 7 * 2], i);
    ++by_address.at(owner_in(steering, key));
  }
  for (const auto& counts : {by_port, by_address}) {
    for (const int count : counts) {
      CHECK(count > 1800);
      CHECK(count < 2200);
    }
  }
}

TEST_CASE("an ICMPv6 error goes to the owner of the connection that it is about") {
  const Steering steering(7, 16);
  const Frame quoted =
      ip6_packet({.source = "2001:db8::1", .destination = "2001:db8:9::9", .payload = tcp_bytes("")});
  Frame message(8);
  message[0] = 2;
  const Frame error = ip6_frame({.next_header = 58, .payload = joined(message, quoted)});
  CHECK(owner_in(steering, error) ==
        owner_in(steering, tcp::FlowKey{ip("2001:db8::1"), ip("2001:db8:9::9"), 40000, 80}));
  message[0] = 128;
  CHECK_FALSE(owner_in(steering, ip6_frame({.next_header = 58, .payload = message})).has_value());
}

TEST_CASE("neighbour solicitations and advertisements concern all workers, other ICMPv6 one") {
  const Steering steering(7, 16);
  const Frame solicitation = ndp_frame(NdpFields{});
  CHECK_FALSE(owner_in(steering, solicitation).has_value());
  CHECK(is_about_neighbors(solicitation));
  CHECK(is_about_neighbors(ndp_answer()));
  Frame echo(8);
  echo[0] = 128;
  CHECK_FALSE(is_about_neighbors(ip6_frame({.next_header = 58, .payload = echo})));
  const Frame segment = ip6_frame({.payload = tcp_bytes()});
  CHECK_FALSE(is_about_neighbors(segment));
  for (std::size_t size = 0; size < 14 + 40 + 4; ++size) {
    const Frame cut(segment.begin(), segment.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK_FALSE(owner_in(steering, cut).has_value());
    CHECK_FALSE(is_about_neighbors(
        Frame(solicitation.begin(),
              solicitation.begin() + std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(size), 54))));
  }
}

TEST_CASE(
    "all pieces of a packet go to one worker, those of others to others, and the whole to its connection's") {
  const Steering steering(11, 16);
  const Frame whole = ip_frame({.payload = tcp_bytes("more than one piece of a packet holds")});
  std::array<int, 16> counts{};
  for (std::uint16_t identification = 0; identification < 1600; ++identification) {
    const auto pieces = in_pieces(whole, 24, identification);
    REQUIRE(pieces.size() == 3);
    const auto owner = owner_in(steering, pieces[0]);
    REQUIRE(owner.has_value());
    CHECK(owner_in(steering, pieces[1]) == owner);
    CHECK(owner_in(steering, pieces[2]) == owner);
    ++counts.at(*owner);
  }
  for (const int count : counts) CHECK(count > 50);
  CHECK(owner_in(steering, whole) == owner_in(steering, flow(0x0a000001, 80, 0x0a000002, 40000)));
}
