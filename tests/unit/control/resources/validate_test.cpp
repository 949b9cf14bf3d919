#include "control/resources/validate.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "tests/unit/control/support/yaml.h"

namespace byway::control::resources {
namespace {

/// The errors of one object, each as "Cause path: reason".
std::vector<std::string> errors_of(std::string_view yaml) {
  auto objects = objects_from(yaml);
  REQUIRE(objects.size() == 1);
  std::vector<std::string> texts;
  for (const Finding& finding : validate(*objects[0].key.kind, *objects[0].message).errors)
    texts.push_back(std::string(to_string(finding.cause)).substr(10) + " " + finding.path + ": " +
                    finding.reason);
  return texts;
}

using Errors = std::vector<std::string>;

std::string gateway(std::string_view spec, std::string_view metadata = "") {
  return "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: web" +
         std::string(metadata) + "}\nspec:\n  gatewayClassName: byway\n" + std::string(spec);
}

std::string route(std::string_view spec) {
  return "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: web}\nspec:\n" +
         std::string(spec);
}

std::string rule(std::string_view rule_text) {
  return route("  rules:\n  - " + std::string(rule_text) + "\n");
}

TEST_CASE("a plain Gateway and a plain HTTPRoute are good") {
  CHECK(errors_of(gateway("  listeners: [{name: http, port: 80, protocol: HTTP, hostname: '*.a.com'}]\n")) ==
        Errors{});
  CHECK(errors_of(rule("{matches: [{path: {type: Exact, value: /x}, method: GET}], backendRefs: [{name: v1, "
                       "port: 80, weight: 0}]}")) == Errors{});
  CHECK(errors_of(route("  hostnames: [a.com]\n")) == Errors{});
}

TEST_CASE("what a Gateway lacks or repeats is named") {
  CHECK(errors_of(gateway("  addresses: []\n")) == Errors{"Required spec.listeners: is required"});
  CHECK(errors_of(gateway(
            "  listeners: [{name: a, port: 80, protocol: HTTP}, {name: b, port: 80, protocol: HTTP}]\n")) ==
        Errors{"Duplicate spec.listeners[1]: another listener has the same port, protocol and hostname"});
  CHECK(errors_of(gateway(
            "  listeners: [{name: a, port: 80, protocol: HTTP}, {name: a, port: 81, protocol: HTTP}]\n")) ==
        Errors{"Duplicate spec.listeners[1].name: another listener is named \"a\""});
  CHECK(errors_of(gateway("  listeners: [{name: a, port: 0, protocol: HTTP}]\n")) ==
        Errors{"Invalid spec.listeners[0].port: 0 is not between 1 and 65535"});
  CHECK(errors_of(gateway("  listeners: [{name: a, port: 80, protocol: HTTP, tls: {mode: Terminate}}]\n")) ==
        Errors{"Forbidden spec.listeners[0].tls: must not be set for protocol HTTP"});
  CHECK(errors_of(gateway("  listeners: [{name: a, port: 80, protocol: HTTP, hostname: 1.2.3.4}]\n")) ==
        Errors{"Invalid spec.listeners[0].hostname: \"1.2.3.4\" is not a host name or *.host name, and no IP "
               "address"});
  CHECK(errors_of(gateway("  listeners: [{name: a, port: 80, protocol: http}]\n")) ==
        Errors{"NotSupported spec.listeners[0].protocol: \"http\" is not one of HTTP, HTTPS, TLS, TCP, UDP, "
               "did you mean \"HTTP\"?"});
  CHECK(errors_of(gateway("  listeners: [{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: "
                          "{from: Selector}}}]\n")) ==
        Errors{"Forbidden spec.listeners[0].allowedRoutes.namespaces.from: Selector: Byway keeps no "
               "Namespace objects whose labels a selector could choose"});
  CHECK(errors_of(gateway("  listeners: [{name: a, port: 80, protocol: HTTP}]\n  addresses: [{value: "
                          "10.0.0.300}, {value: 10.0.0.1}, {value: 10.0.0.1}, {value: '2001:db8::1'}, "
                          "{value: '2001:DB8:0::1'}]\n")) ==
        Errors{"Invalid spec.addresses[0].value: \"10.0.0.300\" is not an IP address",
               "Duplicate spec.addresses[2].value: 10.0.0.1 is listed twice",
               "Duplicate spec.addresses[4].value: 2001:DB8:0::1 is listed twice"});
}

TEST_CASE("trusted proxies are address blocks, and other byway.dev annotations do not exist") {
  const std::string listeners = "  listeners: [{name: a, port: 80, protocol: HTTP}]\n";
  CHECK(errors_of(gateway(
            listeners,
            ", annotations: {byway.dev/trusted-proxies: '10.0.0.0/8, 192.168.1.1, 2001:db8::/32'}")) ==
        Errors{});
  CHECK(errors_of(gateway(listeners, ", annotations: {byway.dev/trusted-proxies: '10.0.0.1/8'}")) ==
        Errors{"Invalid metadata.annotations[\"byway.dev/trusted-proxies\"]: \"10.0.0.1/8\" is not an IP "
               "address or block (as 10.0.0.0/8 or 2001:db8::/32, no bits beyond the prefix)"});
  CHECK(errors_of(gateway(listeners, ", annotations: {byway.dev/trusted-proxies: '10.0.0.0/8,'}")).size() ==
        1);
  CHECK(errors_of(gateway(listeners, ", annotations: {byway.dev/trusted-proxies: ''}")) == Errors{});
  CHECK(errors_of(gateway(listeners, ", annotations: {byway.dev/trusted-proxy: 10.0.0.0/8}")) ==
        Errors{"NotSupported metadata.annotations[\"byway.dev/trusted-proxy\"]: no such annotation for "
               "Gateway, did you mean \"byway.dev/trusted-proxies\"?"});
  CHECK(errors_of(gateway(listeners, ", annotations: {other.dev/anything: x}")) == Errors{});
}

TEST_CASE("matches of a route are checked as the Gateway API says") {
  CHECK(errors_of(rule("{matches: [{path: {value: /a//b}}]}")) ==
        Errors{"Invalid spec.rules[0].matches[0].path.value: \"/a//b\" must not hold //"});
  CHECK(errors_of(rule("{matches: [{path: {type: Prefix, value: /a}}]}")) ==
        Errors{"NotSupported spec.rules[0].matches[0].path.type: \"Prefix\" is not one of Exact, PathPrefix, "
               "RegularExpression"});
  CHECK(errors_of(rule("{matches: [{path: {type: RegularExpression, value: '[a-z]+'}}]}")) == Errors{});
  CHECK(errors_of(rule("{matches: [{headers: [{name: X-A, value: '1'}, {name: x-a, value: '2'}]}]}")) ==
        Errors{"Duplicate spec.rules[0].matches[0].headers[1].name: \"x-a\" is matched twice, and only the "
               "first would count"});
  CHECK(errors_of(rule("{matches: [{queryParams: [{name: a, value: '1'}, {name: A, value: '2'}]}]}")) ==
        Errors{});
  CHECK(errors_of(rule("{matches: [{headers: [{name: 'a b', value: ''}]}]}")) ==
        Errors{"Invalid spec.rules[0].matches[0].headers[0].name: \"a b\" is not a token (RFC 9110 5.6.2)",
               "Required spec.rules[0].matches[0].headers[0].value: is required"});
  CHECK(errors_of(rule("{matches: [{method: get}]}")).at(0).contains("did you mean \"GET\"?"));
}

TEST_CASE("a match list is taken up to its bound and refused beyond") {
  auto matches = [](int count) {
    std::string text = "{matches: [";
    for (int i = 0; i < count; ++i) text += "{path: {value: /a" + std::to_string(i) + "}},";
    return rule(text + "]}");
  };
  CHECK(errors_of(matches(64)) == Errors{});
  CHECK(errors_of(matches(65)) ==
        Errors{"TooMany spec.rules[0].matches: has 65 items, at most 64 are allowed"});
  std::string three_rules = "  rules:\n";
  for (int i = 0; i < 3; ++i)
    three_rules += "  - matches: [" + [] {
      std::string t;
      for (int j = 0; j < 43; ++j) t += "{method: GET},";
      return t;
    }() + "]\n";
  CHECK(errors_of(route(three_rules)) ==
        Errors{"TooMany spec.rules: have 129 matches together, at most 128 are allowed"});
}

TEST_CASE("header edits cannot touch the framing of a message, nor one header twice") {
  auto filter = [](std::string_view edits) {
    return rule("{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {" + std::string(edits) +
                "}}]}");
  };
  CHECK(errors_of(filter("set: [{name: X-A, value: '1'}], add: [{name: X-B, value: '2'}], remove: [X-C]")) ==
        Errors{});
  const std::string at = "spec.rules[0].filters[0].requestHeaderModifier.";
  CHECK(errors_of(filter("set: [{name: Transfer-Encoding, value: chunked}]")) ==
        Errors{"Forbidden " + at +
               "set[0]: Transfer-Encoding is written by the gateway itself and cannot be edited"});
  CHECK(errors_of(filter("remove: [Content-Length]")).size() == 1);
  CHECK(errors_of(filter("set: [{name: X-A, value: '1'}], remove: [x-a]")) ==
        Errors{"Duplicate " + at + "remove[0]: x-a has an action already; one action for each header"});
  CHECK(errors_of(filter("add: [{name: X-A, value: \"a\\nX-B: b\"}]")).size() == 1);
  CHECK(errors_of(filter("add: [{name: \"X-A:\", value: b}]")).size() == 1);
}

TEST_CASE("an edit that the data plane would leave out is refused") {
  // l7/http1/write.cpp writes these fields by itself and drops every edit of them.
  std::vector<std::string_view> owned = {"Host", "Content-Length"};
#define BYWAY_FIELD(identifier, text, kind) \
  if (std::string_view(#kind) == "hop_by_hop") owned.push_back(text);
#include "l7/field_names.def"
#undef BYWAY_FIELD
  CHECK(owned.size() > 10);
  for (std::string_view name : owned) {
    INFO(name);
    CHECK(errors_of(rule("{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [" +
                         std::string(name) + "]}}]}"))
              .size() == 1);
  }
}

TEST_CASE("a filter has the member that its type names, and no other") {
  CHECK(errors_of(rule("{filters: [{type: RequestHeaderModifier}]}")) ==
        Errors{"Required spec.rules[0].filters[0].requestHeaderModifier: is required"});
  CHECK(errors_of(
            rule("{filters: [{type: RequestHeaderModifier, requestHeaderModifier: {}, urlRewrite: {}}]}")) ==
        Errors{
            "Forbidden spec.rules[0].filters[0].urlRewrite: must not be set for type RequestHeaderModifier"});
  CHECK(
      errors_of(rule(
          "{filters: [{type: RequestRedirect, requestRedirect: {}}], backendRefs: [{name: a, port: 80}]}")) ==
      Errors{"Invalid spec.rules[0].backendRefs: a rule with RequestRedirect has no backends"});
}

TEST_CASE("backends need a port, and weights and timeouts have bounds") {
  CHECK(errors_of(rule("{backendRefs: [{name: a}]}")) ==
        Errors{"Required spec.rules[0].backendRefs[0].port: is required for a Service"});
  CHECK(errors_of(rule("{backendRefs: [{name: a, port: 80, weight: 1000001}]}")) ==
        Errors{"Invalid spec.rules[0].backendRefs[0].weight: 1000001 is not between 0 and 1000000"});
  CHECK(errors_of(rule("{backendRefs: [{name: a, port: 80, weight: -1}]}")).size() == 1);
  CHECK(errors_of(rule("{timeouts: {request: 1s, backendRequest: 2s}}")) ==
        Errors{"Invalid spec.rules[0].timeouts.backendRequest: must not be longer than request"});
  CHECK(errors_of(rule("{timeouts: {request: 0s, backendRequest: 2s}}")) == Errors{});
  CHECK(errors_of(rule("{timeouts: {request: 1.5s}}")).size() == 1);
  CHECK(errors_of(rule("{retry: {attempts: 2}}")) ==
        Errors{"Forbidden spec.rules[0].retry: retries by policy are not served in this version"});
}

TEST_CASE("two references to one parent name different sections") {
  CHECK(errors_of(route("  parentRefs: [{name: g, sectionName: a}, {name: g, sectionName: b}]\n")) ==
        Errors{});
  CHECK(errors_of(route("  parentRefs: [{name: g}, {name: g, namespace: other}]\n")) == Errors{});
  CHECK(errors_of(route("  parentRefs: [{name: g}, {name: g}]\n")) ==
        Errors{"Duplicate spec.parentRefs[1]: the same parent is named twice"});
  CHECK(errors_of(route("  parentRefs: [{name: g}, {name: g, sectionName: a}]\n")) ==
        Errors{"Invalid spec.parentRefs[1]: each reference to one parent needs a sectionName or a port of "
               "its own"});
}

std::string service(std::string_view spec) {
  return "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n" + std::string(spec);
}
std::string slice(std::string_view rest) {
  return "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1}\n" +
         std::string(rest);
}

TEST_CASE("Services and EndpointSlices are checked as Kubernetes does") {
  CHECK(errors_of(service(
            "  ports: [{name: a, port: 80, targetPort: web}, {name: b, port: 81, targetPort: 8080}]\n")) ==
        Errors{});
  CHECK(errors_of(service("  clusterIP: None\n")) == Errors{});
  CHECK(errors_of(service("  selector: {app: x}\n")) == Errors{"Required spec.ports: is required"});
  CHECK(errors_of(service("  ports: [{port: 80}, {port: 80}]\n")) ==
        Errors{"Required spec.ports[0].name: is required", "Required spec.ports[1].name: is required",
               "Duplicate spec.ports[1].port: another port has the number 80"});
  CHECK(errors_of(slice("addressType: IPv4\nendpoints: [{addresses: [10.0.0.1]}]\nports: [{port: 80}]\n")) ==
        Errors{});
  CHECK(errors_of(slice("addressType: IPv4\nendpoints: []\n")) == Errors{});
  CHECK(errors_of(slice("addressType: IPv6\nendpoints: [{addresses: ['2001:db8::1']}]\n")) == Errors{});
  CHECK(errors_of(slice("addressType: IPv6\nendpoints: [{addresses: [10.0.0.1]}]\n")) ==
        Errors{"Invalid endpoints[0].addresses[0]: \"10.0.0.1\" is not the IPv6 address of an endpoint (not "
               "::, loopback, link-local or multicast)"});
  for (const char* address : {"::", "::1", "fe80::1", "ff02::1", "::ffff:10.0.0.1", "host"}) {
    INFO(address);
    CHECK(errors_of(slice("addressType: IPv6\nendpoints: [{addresses: ['" + std::string(address) + "']}]\n"))
              .size() == 1);
  }
  for (const char* address : {"127.0.0.1", "0.0.0.0", "169.254.1.1", "224.0.0.1", "::1", "host"}) {
    INFO(address);
    CHECK(errors_of(slice("addressType: IPv4\nendpoints: [{addresses: ['" + std::string(address) + "']}]\n"))
              .size() == 1);
  }
}

TEST_CASE("names and labels have Kubernetes' forms") {
  CHECK(errors_of("apiVersion: v1\nkind: Service\nmetadata: {name: 1web}\nspec: {ports: [{port: 80}]}\n")
            .size() == 1);
  CHECK(errors_of("apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: a.b, "
                  "namespace: x}\nspec: {controllerName: byway.dev/gateway}\n") ==
        Errors{"Forbidden metadata.namespace: a GatewayClass belongs to no namespace"});
  CHECK(errors_of("apiVersion: v1\nkind: Service\nmetadata: {name: web, labels: {'a b': x, c: 'd e'}}\nspec: "
                  "{ports: [{port: 80}]}\n")
            .size() == 2);
}

}  // namespace
}  // namespace byway::control::resources
