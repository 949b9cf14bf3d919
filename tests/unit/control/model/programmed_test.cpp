#include "control/model/programmed.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "tests/unit/control/support/resolution.h"

namespace byway::control {
namespace {

std::string gateway_at(std::string_view addresses) {
  std::string yaml(base_yaml);
  const std::string_view place = "  addresses: [{value: 10.80.0.1}]\n";
  yaml.replace(yaml.find(place), place.size(), addresses);
  return yaml;
}

const resources::GatewayStatus& status_of(const Resolved& resolved) {
  return *resolved.status<resources::GatewayStatus>("Gateway", "infra", "web");
}

std::string message_of(const Resolved& resolved) {
  for (const resources::Condition& condition : status_of(resolved).conditions())
    if (condition.type() == "Programmed") return condition.message();
  return "";
}

TEST_CASE("a Gateway on addresses that the node has a place for is programmed there") {
  const auto node = node_of({{0x0A500001, 24}, {0x0A510001, 24}});
  const Resolved resolved{
      gateway_at("  addresses: [{value: 10.80.0.1}, {type: IPAddress, value: 10.81.0.200}]\n"), node.get(),
      true};
  CHECK(resolved.gateway_condition("Programmed") == "True Programmed");
  CHECK(resolved.listener_condition("Programmed") == "True Programmed");
  REQUIRE(status_of(resolved).addresses_size() == 2);
  CHECK(status_of(resolved).addresses(0).value() == "10.80.0.1");
  CHECK(status_of(resolved).addresses(0).type() == "IPAddress");
  CHECK(status_of(resolved).addresses(1).value() == "10.81.0.200");
}

TEST_CASE(
    "an address in no port's network makes the Gateway not programmed and is named; others are served") {
  const auto node = node_of({{0x0A500001, 24}});
  const Resolved resolved{gateway_at("  addresses: [{value: 172.16.0.1}, {value: 10.80.0.9}]\n"), node.get(),
                          true};
  CHECK(resolved.gateway_condition("Accepted") == "True Accepted");
  CHECK(resolved.gateway_condition("Programmed") == "False AddressNotUsable");
  CHECK(message_of(resolved) ==
        "172.16.0.1: no port's network has a place for it; the node's addresses are 10.80.0.1/24");
  CHECK(resolved.listener_condition("Programmed") == "True Programmed");
  REQUIRE(status_of(resolved).addresses_size() == 1);
  CHECK(status_of(resolved).addresses(0).value() == "10.80.0.9");
  // The snapshot has both: the data plane answers where it can.
  CHECK(resolved.policy().listeners.at(0).addresses.size() == 2);
}

TEST_CASE("an IPv6 address in a port's network is programmed, and shown in its canonical form") {
  auto node = std::make_shared<NodeAddresses>();
  node->push_back({{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, 64});
  const Resolved resolved{
      gateway_at("  addresses: [{value: '2001:DB8:0::5'}, {value: '2001:db8:1::5'}, {value: 'fe80::5'}]\n"),
      node.get(), true};
  CHECK(resolved.gateway_condition("Programmed") == "False AddressNotUsable");
  CHECK(message_of(resolved) ==
        "2001:db8:1::5, fe80::5: no port's network has a place for it; the node's addresses are "
        "2001:db8::1/64");
  REQUIRE(status_of(resolved).addresses_size() == 1);
  CHECK(status_of(resolved).addresses(0).value() == "2001:db8::5");
}

TEST_CASE("without a usable address no listener is programmed") {
  const auto node = node_of({{0x0A500001, 24}});
  for (const char* address : {"172.16.0.1", "10.80.0.0", "10.80.0.255"}) {
    INFO(address);
    const Resolved resolved{gateway_at("  addresses: [{value: " + std::string(address) + "}]\n"), node.get(),
                            true};
    CHECK(resolved.gateway_condition("Programmed") == "False AddressNotUsable");
    CHECK(resolved.listener_condition("Programmed") == "False Pending");
    CHECK(resolved.listener_condition("Accepted") == "True Accepted");
    CHECK(status_of(resolved).addresses_size() == 0);
  }
}

TEST_CASE("a Gateway without addresses is programmed on the node's, as many as the standard has place for") {
  const auto node = node_of({{0x0A500001, 24}, {0x0A510001, 24}});
  const Resolved resolved{gateway_at(""), node.get(), true};
  CHECK(resolved.gateway_condition("Programmed") == "True Programmed");
  REQUIRE(status_of(resolved).addresses_size() == 2);
  CHECK(status_of(resolved).addresses(1).value() == "10.81.0.1");
  NodeAddresses many(20, node->front());
  CHECK(status_of(Resolved{gateway_at(""), &many, true}).addresses_size() == 16);
}

TEST_CASE("a Gateway without addresses on a node without any has none assigned") {
  const NodeAddresses none;
  const Resolved resolved{gateway_at(""), &none, true};
  CHECK(resolved.gateway_condition("Programmed") == "False AddressNotAssigned");
  CHECK(resolved.listener_condition("Programmed") == "False Pending");
}

TEST_CASE("without a data plane, or before it runs the Gateway, Programmed is pending") {
  const Resolved without{base_yaml, nullptr, false};
  CHECK(without.gateway_condition("Programmed") == "False Pending");
  CHECK(without.listener_condition("Programmed") == "False Pending");
  CHECK(message_of(without) == "no data plane is connected");
  CHECK(status_of(without).addresses_size() == 0);
  const auto node = node_of({{0x0A500001, 24}});
  const Resolved early{base_yaml, node.get(), false};
  CHECK(early.gateway_condition("Programmed") == "False Pending");
  CHECK(early.listener_condition("Programmed") == "False Pending");
  CHECK(message_of(early) == "the data plane does not run it yet");
}

TEST_CASE(
    "what was programmed before a restart stays so until the data plane has answered, if it is the same") {
  const Resolved now{base_yaml, nullptr, false};
  const auto& gateway = *static_cast<const resources::Gateway*>(now.object("Gateway", "infra", "web"));
  resources::GatewayStatus held;
  held.CopyFrom(status_of(Resolved{base_yaml}));
  const auto programmed_with = [&](std::int64_t generation) {
    for (resources::Condition& condition : *held.mutable_conditions())
      condition.set_observed_generation(generation);
    resources::GatewayStatus status;
    status.CopyFrom(now.unprogrammed("infra", "web"));
    model::write_programmed(gateway, {nullptr, false, &held}, status);
    return status.conditions(1).status() + " " +
           (status.addresses().empty() ? "" : status.addresses(0).value());
  };
  CHECK(programmed_with(3) == "True 10.80.0.1");
  CHECK(programmed_with(2) == "False ");
}

TEST_CASE("a Gateway that is not served for another reason keeps that reason and shows no address") {
  const auto node = node_of({{0x0A500001, 24}});
  const Resolved resolved{gateway_at("  addresses: [{type: Hostname, value: a.com}]\n"), node.get(), true};
  CHECK(resolved.gateway_condition("Accepted") == "False UnsupportedAddress");
  CHECK(resolved.gateway_condition("Programmed") == "False Invalid");
  CHECK(status_of(resolved).addresses_size() == 0);
}

}  // namespace
}  // namespace byway::control
