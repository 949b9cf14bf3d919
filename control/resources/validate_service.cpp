// Service and EndpointSlice: Kubernetes' own validation, as far as it concerns what Byway reads.
#include <algorithm>

#include "control/resources/addresses.h"
#include "control/resources/checker.h"
#include "control/resources/core.pb.h"
#include "control/resources/validate.h"

namespace byway::control::resources {
namespace {

/// Kubernetes sets no bound on a Service's ports; a thousand is far beyond use and keeps checks short.
constexpr int service_ports_max = 1000;
// Bounds of EndpointSlice (discovery.k8s.io/v1).
constexpr int endpoints_max = 1000;
constexpr int endpoint_addresses_max = 100;
constexpr int endpoint_ports_max = 100;

void validate_service_ports(const ServiceSpec& spec, Checker& checker) {
  checker.count("ports", spec.ports_size(), service_ports_max);
  std::set<std::string_view> names;
  std::set<std::pair<int, std::string_view>> numbers;
  for (int i = 0; i < spec.ports_size(); ++i) {
    const ServicePort& port = spec.ports(i);
    const Checker::Scope scope(checker, "ports", i);
    if (spec.ports_size() > 1) checker.require("name", !port.name().empty());
    checker.dns_label("name", !port.name().empty(), port.name());
    if (!port.name().empty() && !names.insert(port.name()).second)
      checker.report(Cause::duplicate, "name", fmt::format("another port is named \"{}\"", port.name()));
    if (checker.require("port", port.has_port())) checker.tcp_port("port", true, port.port());
    const std::string_view protocol = port.has_protocol() ? std::string_view(port.protocol()) : "TCP";
    if (!numbers.insert({port.port(), protocol}).second)
      checker.report(Cause::duplicate, "port", fmt::format("another port has the number {}", port.port()));
    if (!port.has_target_port()) continue;
    if (port.target_port().has_text())
      checker.form("targetPort", true, port.target_port().text(), is_port_name,
                   "the name of a port (a-z, 0-9, -; at most 15, with a letter)");
    else
      checker.tcp_port("targetPort", true, port.target_port().number());
  }
}

/// Kubernetes keeps endpoints out of ranges that mean the node itself or nobody.
bool is_endpoint_address(std::string_view text, bool wants_ipv4) {
  const auto address = parse_address(text);
  return address && is_ipv4(*address) == wants_ipv4 && is_of_a_host(*address);
}

void validate_endpoint_addresses(const EndpointSlice& slice, const Endpoint& endpoint, Checker& checker) {
  const bool wants_ipv4 = slice.address_type() == "IPv4";
  if (!wants_ipv4 && slice.address_type() != "IPv6") return;
  for (int i = 0; i < endpoint.addresses_size(); ++i)
    if (!is_endpoint_address(endpoint.addresses(i), wants_ipv4))
      checker.report_item(
          Cause::invalid, "addresses", i,
          fmt::format("\"{}\" is not the {} address of an endpoint (not {}, loopback, "
                      "link-local or multicast)",
                      endpoint.addresses(i), slice.address_type(), wants_ipv4 ? "0.0.0.0" : "::"));
}

}  // namespace

void validate_spec(const Service& object, Checker& checker) {
  const auto& annotations = object.metadata().annotations();
  if (auto it = annotations.find(std::string(load_balancing_annotation)); it != annotations.end())
    if (it->second != "RoundRobin" && it->second != "LeastRequest") {
      const Checker::Scope metadata(checker, "metadata");
      const Checker::Scope list(checker, "annotations");
      checker.report(Cause::not_supported, load_balancing_annotation,
                     fmt::format("\"{}\" is not one of RoundRobin, LeastRequest", it->second));
    }
  const Checker::Scope scope(checker, "spec");
  const ServiceSpec& spec = object.spec();
  const bool is_external = spec.type() == "ExternalName";
  if (is_external)
    checker.require("externalName", !spec.external_name().empty());
  else if (spec.cluster_ip() != "None")
    checker.require("ports", spec.ports_size() > 0);
  validate_service_ports(spec, checker);
}

void validate_spec(const EndpointSlice& object, Checker& checker) {
  checker.require("addressType", !object.address_type().empty());
  checker.count("endpoints", object.endpoints_size(), endpoints_max);
  for (int i = 0; i < object.endpoints_size(); ++i) {
    const Checker::Scope scope(checker, "endpoints", i);
    const Endpoint& endpoint = object.endpoints(i);
    checker.require("addresses", endpoint.addresses_size() > 0);
    checker.count("addresses", endpoint.addresses_size(), endpoint_addresses_max);
    validate_endpoint_addresses(object, endpoint, checker);
  }
  checker.count("ports", object.ports_size(), endpoint_ports_max);
  std::set<std::string_view> names;
  for (int i = 0; i < object.ports_size(); ++i) {
    const Checker::Scope scope(checker, "ports", i);
    const EndpointPort& port = object.ports(i);
    checker.dns_label("name", !port.name().empty(), port.name());
    checker.tcp_port("port", port.has_port(), port.port());
    if (!names.insert(port.name()).second)
      checker.report(Cause::duplicate, "name", fmt::format("another port is named \"{}\"", port.name()));
  }
}

}  // namespace byway::control::resources
