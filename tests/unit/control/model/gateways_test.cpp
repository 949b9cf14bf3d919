#include <catch2/catch_test_macros.hpp>
#include <string>

#include "tests/unit/control/support/resolution.h"

namespace byway::control {
namespace {

std::string with_gateway(std::string_view spec, std::string_view name = "second",
                         std::string_view created = "2026-01-01T00:00:00Z") {
  return std::string(base_yaml) +
         "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: " + std::string(name) +
         ", namespace: infra, creationTimestamp: '" + std::string(created) +
         "'}\nspec:\n  gatewayClassName: byway\n" + std::string(spec) + "\n---\n";
}

TEST_CASE("a Gateway of our class is served on its addresses, ports and hostnames") {
  const Resolved resolved{base_yaml};
  REQUIRE(resolved.policy().listeners.size() == 1);
  const shm::ListenerSpec& listener = resolved.policy().listeners[0];
  CHECK(listener.name == "infra/web/http");
  CHECK(listener.tcp_port == 80);
  CHECK(listener.hostname.empty());
  REQUIRE(listener.addresses.size() == 1);
  CHECK(listener.addresses[0].ipv4() == 0x0A500001);
  CHECK(resolved.class_condition("Accepted") == "True Accepted");
  CHECK(resolved.gateway_condition("Accepted") == "True Accepted");
  CHECK(resolved.gateway_condition("Programmed") == "True Programmed");
  CHECK(resolved.listener_condition("Accepted") == "True Accepted");
  CHECK(resolved.listener_condition("Conflicted") == "False NoConflicts");
  CHECK(resolved.listener_condition("ResolvedRefs") == "True ResolvedRefs");
  CHECK(resolved.listener_condition("Programmed") == "True Programmed");
  const auto* status = resolved.status<resources::GatewayStatus>("Gateway", "infra", "web");
  CHECK(status->addresses(0).value() == "10.80.0.1");
  CHECK(status->listeners(0).supported_kinds(0).kind() == "HTTPRoute");
  CHECK(status->conditions(0).observed_generation() == 3);
}

TEST_CASE("Gateways of other controllers are left alone") {
  const Resolved resolved{R"(
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: other}
spec: {controllerName: example.com/other}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: infra}
spec: {gatewayClassName: other, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
)" + route_yaml(parent)};
  CHECK(resolved.policy().listeners.empty());
  CHECK(resolved.gateway_condition("Accepted").empty());
  CHECK(resolved.class_condition("Accepted", "other").empty());
  CHECK(resolved.route_condition("Accepted").empty());
}

TEST_CASE("a Gateway waits for its class, and so do its routes") {
  const Resolved resolved{R"(
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: infra}
spec: {gatewayClassName: byway, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
)" + route_yaml(parent)};
  CHECK(resolved.policy().listeners.empty());
  CHECK(resolved.gateway_condition("Accepted") == "Unknown Pending");
  CHECK(resolved.gateway_condition("Programmed") == "Unknown Pending");
  CHECK(resolved.route_condition("Accepted") == "False Pending");
}

TEST_CASE("a class with parameters is not accepted, since there are none") {
  const Resolved resolved{
      "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: byway}\n"
      "spec: {controllerName: byway.dev/gateway, parametersRef: {group: a.b, kind: C, name: d}}\n"};
  CHECK(resolved.class_condition("Accepted") == "False InvalidParameters");
}

TEST_CASE("a listener of an unserved protocol does not keep the others from serving") {
  const Resolved resolved{
      with_gateway("  listeners: [{name: a, port: 8080, protocol: HTTP}, {name: b, port: 443, protocol: "
                   "HTTPS, tls: {mode: Terminate}}]")};
  CHECK(resolved.gateway_condition("Accepted", "second") == "True ListenersNotValid");
  CHECK(resolved.gateway_condition("Programmed", "second") == "True Programmed");
  CHECK(resolved.listener_condition("Accepted", 0, "second") == "True Accepted");
  CHECK(resolved.listener_condition("Accepted", 1, "second") == "False UnsupportedProtocol");
  CHECK(resolved.listener_condition("Programmed", 1, "second") == "False Invalid");
  CHECK(resolved.policy().listeners.size() == 2);
}

TEST_CASE("a Gateway without any served listener is not accepted") {
  const Resolved resolved{with_gateway("  listeners: [{name: b, port: 443, protocol: HTTPS}]")};
  CHECK(resolved.gateway_condition("Accepted", "second") == "False ListenersNotValid");
  CHECK(resolved.gateway_condition("Programmed", "second") == "False Invalid");
}

TEST_CASE("listeners of one port with different protocols are in conflict") {
  const Resolved resolved{
      with_gateway("  listeners: [{name: a, port: 443, protocol: HTTP}, {name: b, port: 443, protocol: "
                   "HTTPS}, {name: c, port: 443, protocol: UDP}]")};
  CHECK(resolved.listener_condition("Conflicted", 0, "second") == "True ProtocolConflict");
  CHECK(resolved.listener_condition("Conflicted", 1, "second") == "True ProtocolConflict");
  CHECK(resolved.listener_condition("Conflicted", 2, "second") == "False NoConflicts");
  CHECK(resolved.listener_condition("Accepted", 0, "second") == "False ProtocolConflict");
}

TEST_CASE("of two Gateways with one address, port and hostname the older keeps it") {
  const char* same =
      "  addresses: [{value: 10.80.0.9}, {value: 10.80.0.1}]\n  listeners: [{name: x, port: 80, protocol: "
      "HTTP}]";
  // The base's Gateway has no creation time, so it is the oldest.
  const Resolved younger{with_gateway(same)};
  CHECK(younger.listener_condition("Conflicted", 0, "second") == "True HostnameConflict");
  CHECK(younger.listener_condition("Accepted", 0, "second") == "False PortUnavailable");
  CHECK(younger.listener_condition("Accepted", 0, "web") == "True Accepted");
  CHECK(younger.policy().listeners.size() == 1);
  const Resolved another_host{
      with_gateway("  addresses: [{value: 10.80.0.1}]\n  listeners: [{name: x, port: 80, protocol: HTTP, "
                   "hostname: a.com}]")};
  CHECK(another_host.policy().listeners.size() == 2);
  const Resolved another_address{
      with_gateway("  addresses: [{value: 10.80.0.2}]\n  listeners: [{name: x, port: 80, protocol: HTTP}]")};
  CHECK(another_address.policy().listeners.size() == 2);
}

TEST_CASE("addresses that are not IP addresses are not supported") {
  for (const char* address :
       {"{value: '::ffff:10.80.0.2'}", "{type: Hostname, value: a.com}", "{type: IPAddress}"}) {
    INFO(address);
    const Resolved resolved{with_gateway("  addresses: [" + std::string(address) +
                                         "]\n  listeners: [{name: x, port: 80, protocol: HTTP}]")};
    CHECK(resolved.gateway_condition("Accepted", "second") == "False UnsupportedAddress");
    CHECK(resolved.gateway_condition("Programmed", "second") == "False Invalid");
    CHECK(resolved.policy().listeners.size() == 1);
  }
}

TEST_CASE("an IPv6 address of a Gateway reaches its listeners") {
  const Resolved resolved{with_gateway(
      "  addresses: [{value: '2001:DB8::0:1'}]\n  listeners: [{name: x, port: 80, protocol: HTTP}]")};
  CHECK(resolved.gateway_condition("Accepted", "second").starts_with("True"));
  REQUIRE(resolved.policy().listeners.size() == 2);
  REQUIRE(resolved.policy().listeners[1].addresses.size() == 1);
  CHECK(resolved.policy().listeners[1].addresses[0] ==
        shm::IpAddress{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}});
}

TEST_CASE("kinds of routes that are not served are named, and keep HTTPRoutes out if none is") {
  const Resolved mixed{
      with_gateway("  listeners: [{name: x, port: 81, protocol: HTTP, allowedRoutes: {kinds: [{kind: "
                   "HTTPRoute}, {kind: GRPCRoute}]}}]")};
  CHECK(mixed.listener_condition("ResolvedRefs", 0, "second") == "False InvalidRouteKinds");
  CHECK(mixed.policy().listeners.size() == 2);
  const Resolved none{with_gateway(
      "  listeners: [{name: x, port: 81, protocol: HTTP, allowedRoutes: {kinds: [{kind: GRPCRoute}]}}]")};
  CHECK(none.policy().listeners.size() == 1);
  CHECK(none.status<resources::GatewayStatus>("Gateway", "infra", "second")
            ->listeners(0)
            .supported_kinds_size() == 0);
}

TEST_CASE("trusted proxies of the annotation reach the listener as mapped blocks") {
  std::string yaml(base_yaml);
  const std::string_view place = "name: web, namespace: infra, generation: 3";
  yaml.insert(yaml.find(place) + place.size(),
              ", annotations: {byway.dev/trusted-proxies: '10.0.0.0/8,192.168.1.1,::/0'}");
  const Resolved resolved{yaml};
  const auto& proxies = resolved.policy().listeners.at(0).trusted_proxies;
  REQUIRE(proxies.size() == 3);
  CHECK(proxies[0].contains(shm::IpAddress::from_ipv4(0x0A010203)));
  CHECK_FALSE(proxies[0].contains(shm::IpAddress::from_ipv4(0x0B010203)));
  CHECK(proxies[1].contains(shm::IpAddress::from_ipv4(0xC0A80101)));
  CHECK_FALSE(proxies[1].contains(shm::IpAddress::from_ipv4(0xC0A80102)));
  CHECK(proxies[2].contains(shm::IpAddress{{0x20, 0x01}}));
  CHECK_FALSE(proxies[2].contains(shm::IpAddress::from_ipv4(0xC0A80102)));
}

}  // namespace
}  // namespace byway::control
