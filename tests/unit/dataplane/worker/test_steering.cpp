#include <array>
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "dataplane/steering.h"
#include "tests/unit/dataplane/net/bench.h"

using namespace byway;
using namespace byway::net;

namespace {

tcp::FlowKey flow(std::uint32_t local, std::uint16_t local_port, std::uint32_t remote,
                  std::uint16_t remote_port) {
  return {IpAddress::from_v4({local}), IpAddress::from_v4({remote}), local_port, remote_port};
}

}  // namespace

TEST_CASE("both directions of a connection have one owner, in whichever way it is asked for") {
  const Steering steering(0x1234, 5);
  const tcp::FlowKey out = flow(0x0a000001, 80, 0x0a000002, 40000);
  const tcp::FlowKey in = flow(0x0a000002, 40000, 0x0a000001, 80);
  CHECK(steering.owner_of(out) == steering.owner_of(in));
  CHECK(steering.owner_of(ip_frame({.payload = tcp_bytes()})) == steering.owner_of(out));
}

TEST_CASE("connections spread evenly over the workers, otherwise under another key") {
  constexpr std::uint32_t workers = 4;
  const Steering one(1, workers);
  const Steering other(2, workers);
  std::array<int, workers> counts{};
  int moved = 0;
  for (std::uint16_t port = 1024; port < 1024 + 8000; ++port) {
    const tcp::FlowKey key = flow(0x0a000001, 80, 0x0a000002, port);
    ++counts.at(one.owner_of(key));
    moved += one.owner_of(key) != other.owner_of(key) ? 1 : 0;
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
  CHECK(steering.owner_of(error) == steering.owner_of(flow(0x0a000001, 40000, 0x0a000009, 80)));
}

TEST_CASE("what is no connection's belongs to its receiver, and no frame is read past its end") {
  const Steering steering(7, 16);
  CHECK_FALSE(steering.owner_of(arp_frame({})).has_value());
  CHECK(is_arp(arp_frame({})));
  const Frame segment = ip_frame({.payload = tcp_bytes()});
  CHECK_FALSE(is_arp(segment));
  CHECK_FALSE(steering.owner_of(ip_frame({.protocol = Protocol::icmp, .payload = Frame(8, 8)})).has_value());
  for (std::size_t size = 0; size < 14 + 20 + 4; ++size) {
    const Frame cut(segment.begin(),
                    segment.begin() + static_cast<std::ptrdiff_t>(size));  // exact for the sanitizer
    CHECK_FALSE(steering.owner_of(cut).has_value());
  }
  Frame options = segment;
  options[14] = 0x4f;
  CHECK_FALSE(steering.owner_of(options).has_value());
}
