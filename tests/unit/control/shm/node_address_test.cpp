#include "control/shm/node_address.h"

#include <catch2/catch_test_macros.hpp>
#include <vector>

namespace byway::shm {
namespace {

NodeAddress own(std::uint32_t ipv4, std::uint32_t length) {
  return {IpAddress::from_ipv4(ipv4), 96 + length};
}

bool can_answer(std::uint32_t ipv4, const std::vector<NodeAddress>& node) {
  return can_answer_on(IpAddress::from_ipv4(ipv4), node);
}

}  // namespace

TEST_CASE("the node answers on its own addresses and in its ports' networks, nowhere else",
          "[node_address]") {
  const std::vector<NodeAddress> node{own(0x0A500001, 24), own(0x0A090001, 16)};
  CHECK(can_answer(0x0A500001, node));
  CHECK(can_answer(0x0A5000FE, node));
  CHECK(can_answer(0x0A0912FF, node));
  CHECK_FALSE(can_answer(0x0A500101, node));
  CHECK_FALSE(can_answer(0xAC100001, node));
  CHECK_FALSE(can_answer(0x0A500001, {}));
}

TEST_CASE("the name of a network and its broadcast address are nobody's, but in networks of two",
          "[node_address]") {
  CHECK_FALSE(can_answer(0x0A500000, {own(0x0A500001, 24)}));
  CHECK_FALSE(can_answer(0x0A5000FF, {own(0x0A500001, 24)}));
  CHECK_FALSE(can_answer(0x0A500003, {own(0x0A500001, 30)}));
  CHECK(can_answer(0x0A500000, {own(0x0A500001, 31)}));
  CHECK(can_answer(0x0A500001, {own(0x0A500001, 32)}));
  CHECK_FALSE(can_answer(0x0A500002, {own(0x0A500001, 32)}));
}

TEST_CASE("the node answers on IPv6 addresses of its ports' networks, but not on that of all their routers",
          "[node_address]") {
  const auto at = [](std::uint8_t host) {
    return IpAddress{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host}};
  };
  const std::vector<NodeAddress> node{{at(1), 64}, own(0x0A500001, 24)};
  CHECK(can_answer_on(at(1), node));
  CHECK(can_answer_on(at(0xff), node));
  CHECK_FALSE(can_answer_on(at(0), node));
  CHECK_FALSE(can_answer_on(IpAddress{{0x20, 0x01, 0x0d, 0xb9}}, node));
  CHECK(can_answer_on(at(0), std::vector<NodeAddress>{{at(1), 127}}));
}

TEST_CASE("an address of a node has a length that fits it", "[node_address]") {
  CHECK(is_sound(own(0x0A500001, 24)));
  CHECK(is_sound(own(0x0A500001, 32)));
  CHECK(is_sound(NodeAddress{{{0x20, 0x01}}, 64}));
  CHECK_FALSE(is_sound(NodeAddress{{{0x20, 0x01}}, 0}));
  CHECK_FALSE(is_sound(NodeAddress{{{0x20, 0x01}}, 129}));
  CHECK_FALSE(is_sound(NodeAddress{IpAddress::from_ipv4(0x0A500001), 24}));
  CHECK_FALSE(is_sound(NodeAddress{{}, 96}));
}

}  // namespace byway::shm
