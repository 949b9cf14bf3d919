#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tools/dataplane/channel_access.h"

using namespace byway;
using namespace byway::tools;

namespace {

bool contains(const auto& list, auto id) {
  return std::ranges::find(list, id) != list.end();
}

}  // namespace

TEST_CASE("root, the own user and the own group may connect although node.yaml names nobody") {
  const auto options = channel_options(NodeConfig{});
  REQUIRE(options.has_value());
  CHECK(contains(options->allowed_users, uid_t{0}));
  CHECK(contains(options->allowed_users, ::geteuid()));
  CHECK(options->allowed_groups == std::vector{::getegid()});
}

TEST_CASE("users and groups of node.yaml may connect as well, and must exist") {
  NodeConfig config;
  config.control_users = {"nobody", "4242"};
  config.control_groups = {"17", "root"};
  const auto options = channel_options(config);
  REQUIRE(options.has_value());
  CHECK(contains(options->allowed_users, uid_t{65534}));
  CHECK(contains(options->allowed_users, uid_t{4242}));
  CHECK(contains(options->allowed_groups, gid_t{17}));
  CHECK(contains(options->allowed_groups, gid_t{0}));
  config.control_groups = {"no-such-group"};
  CHECK(channel_options(config).error() == "control.groups: there is no group no-such-group");
}

TEST_CASE("the agent is told the addresses of all ports with the lengths of their networks") {
  NodeConfig config;
  config.runtime_dir = "/run/x";
  config.ports.resize(2);
  config.ports[0].addresses = {*net::parse_prefix("10.0.0.1/24"), *net::parse_prefix("10.1.0.1/16")};
  config.ports[1].addresses = {*net::parse_prefix("192.168.0.1/30")};
  const auto options = channel_options(config);
  REQUIRE(options.has_value());
  CHECK(options->socket_path == "/run/x/dataplane.sock");
  REQUIRE(options->node_addresses.size() == 3);
  CHECK(options->node_addresses[1] == shm::NodeAddress{shm::IpAddress::from_ipv4(0x0A010001), 96 + 16});
  CHECK(options->node_addresses[2] == shm::NodeAddress{shm::IpAddress::from_ipv4(0xC0A80001), 96 + 30});
}
