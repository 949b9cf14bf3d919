// GatewayClass, Gateway and ReferenceGrant: the rules of the Gateway API's schema and its CEL expressions.
#include <ranges>

#include "control/resources/addresses.h"
#include "control/resources/checker.h"
#include "control/resources/gateway.pb.h"
#include "control/resources/route.pb.h"
#include "control/resources/validate.h"

namespace byway::control::resources {
namespace {

// Bounds of the schema (Gateway API 1.4).
constexpr int listeners_max = 64;
constexpr int addresses_max = 16;
constexpr int route_kinds_max = 8;
constexpr int grant_items_max = 16;

void validate_listener(const Listener& listener, Checker& checker) {
  if (checker.require("name", !listener.name().empty())) checker.dns_subdomain("name", true, listener.name());
  if (checker.require("port", listener.has_port())) checker.tcp_port("port", true, listener.port());
  checker.require("protocol", !listener.protocol().empty());
  checker.form(
      "hostname", listener.has_hostname() && !listener.hostname().empty(), listener.hostname(),
      [](std::string_view text) { return is_hostname(text, true); },
      "a host name or *.host name, and no IP address");
  const std::string& protocol = listener.protocol();
  const bool has_tls = protocol == "HTTPS" || protocol == "TLS";
  if (listener.has_tls() && !has_tls)
    checker.report(Cause::forbidden, "tls", fmt::format("must not be set for protocol {}", protocol));
  if ((protocol == "TCP" || protocol == "UDP") && !listener.hostname().empty())
    checker.report(Cause::forbidden, "hostname", fmt::format("must not be set for protocol {}", protocol));
  const Checker::Scope scope(checker, "allowedRoutes");
  checker.count("kinds", listener.allowed_routes().kinds_size(), route_kinds_max);
  for (int i = 0; i < listener.allowed_routes().kinds_size(); ++i) {
    const Checker::Scope item(checker, "kinds", i);
    checker.require("kind", !listener.allowed_routes().kinds(i).kind().empty());
  }
}

void validate_listeners(const GatewaySpec& spec, Checker& checker) {
  checker.require("listeners", spec.listeners_size() > 0);
  checker.count("listeners", spec.listeners_size(), listeners_max);
  std::set<std::string_view> names;
  std::set<std::tuple<int, std::string_view, std::string_view>> places;
  for (int i = 0; i < spec.listeners_size(); ++i) {
    const Listener& listener = spec.listeners(i);
    const Checker::Scope scope(checker, "listeners", i);
    validate_listener(listener, checker);
    if (!listener.name().empty() && !names.insert(listener.name()).second)
      checker.report(Cause::duplicate, "name",
                     fmt::format("another listener is named \"{}\"", listener.name()));
    if (!places.insert({listener.port(), listener.protocol(), listener.hostname()}).second)
      checker.report(Cause::duplicate, "another listener has the same port, protocol and hostname");
  }
}

void validate_addresses(const GatewaySpec& spec, Checker& checker) {
  checker.count("addresses", spec.addresses_size(), addresses_max);
  std::set<std::string_view> values;
  std::set<AddressBytes> addresses;
  for (int i = 0; i < spec.addresses_size(); ++i) {
    const GatewayAddress& address = spec.addresses(i);
    const Checker::Scope scope(checker, "addresses", i);
    const bool is_ip = !address.has_type() || address.type() == "IPAddress";
    const std::optional<AddressBytes> parsed = is_ip ? parse_address(address.value()) : std::nullopt;
    checker.form(
        "value", is_ip && address.has_value(), address.value(),
        [](std::string_view text) { return parse_address(text).has_value(); }, "an IP address");
    // One IPv6 address has many texts.
    const bool is_repeated = parsed ? !addresses.insert(*parsed).second
                                    : address.has_value() && !values.insert(address.value()).second;
    if (is_repeated)
      checker.report(Cause::duplicate, "value", fmt::format("{} is listed twice", address.value()));
  }
}

void validate_trusted_proxies(const Gateway& gateway, Checker& checker) {
  auto it = gateway.metadata().annotations().find(std::string(trusted_proxies_annotation));
  if (it == gateway.metadata().annotations().end()) return;
  const Checker::Scope metadata(checker, "metadata");
  const Checker::Scope annotations(checker, "annotations");
  std::size_t count = 0;
  for (auto part : std::views::split(std::string_view(it->second), ',')) {
    std::string_view text(part.begin(), part.end());
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    text = text.substr(0, text.find_last_not_of(' ') + 1);
    ++count;
    if (!parse_block(text))
      checker.report(Cause::invalid, trusted_proxies_annotation,
                     fmt::format("\"{}\" is not an IP address or block (as 10.0.0.0/8 or 2001:db8::/32, no "
                                 "bits beyond the prefix)",
                                 text));
  }
  if (count > trusted_proxies_max)
    checker.report(Cause::too_many, trusted_proxies_annotation,
                   fmt::format("has {} items, at most {} are allowed", count, trusted_proxies_max));
}

}  // namespace

void validate_spec(const GatewayClass& object, Checker& checker) {
  const Checker::Scope spec(checker, "spec");
  if (!checker.require("controllerName", !object.spec().controller_name().empty())) return;
  checker.form(
      "controllerName", true, object.spec().controller_name(),
      [](std::string_view text) {
        const std::size_t slash = text.find('/');
        return slash != text.npos && slash + 1 < text.size() && is_dns_subdomain(text.substr(0, slash)) &&
               text.size() <= 253 && path_objection(text.substr(slash)).empty();
      },
      "a domain and a path (as byway.dev/gateway)");
}

void validate_spec(const Gateway& object, Checker& checker) {
  {
    const Checker::Scope spec(checker, "spec");
    if (checker.require("gatewayClassName", !object.spec().gateway_class_name().empty()))
      checker.dns_subdomain("gatewayClassName", true, object.spec().gateway_class_name());
    validate_listeners(object.spec(), checker);
    validate_addresses(object.spec(), checker);
  }
  validate_trusted_proxies(object, checker);
}

void validate_spec(const ReferenceGrant& object, Checker& checker) {
  const Checker::Scope spec(checker, "spec");
  checker.require("from", object.spec().from_size() > 0);
  checker.require("to", object.spec().to_size() > 0);
  checker.count("from", object.spec().from_size(), grant_items_max);
  checker.count("to", object.spec().to_size(), grant_items_max);
  for (int i = 0; i < object.spec().from_size(); ++i) {
    const Checker::Scope item(checker, "from", i);
    const ReferenceGrantFrom& from = object.spec().from(i);
    checker.require("group", from.has_group());
    checker.require("kind", !from.kind().empty());
    if (checker.require("namespace", !from.namespace_().empty()))
      checker.dns_label("namespace", true, from.namespace_());
  }
  for (int i = 0; i < object.spec().to_size(); ++i) {
    const Checker::Scope item(checker, "to", i);
    checker.require("group", object.spec().to(i).has_group());
    checker.require("kind", !object.spec().to(i).kind().empty());
  }
}

}  // namespace byway::control::resources
