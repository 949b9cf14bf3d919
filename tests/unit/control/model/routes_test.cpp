#include "control/model/routes.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "control/compile/compile.h"
#include "tests/unit/control/support/resolution.h"

namespace byway::control {
namespace {

std::string with_route(std::string_view spec) {
  return std::string(base_yaml) + route_yaml(spec);
}

std::string with_rule(std::string_view rule) {
  return with_route(std::string(parent) + "  rules:\n  - " + std::string(rule));
}

/// The one rule of the one route.
const shm::RuleSpec& rule_of(const Resolved& resolved) {
  REQUIRE(resolved.policy().routes.size() == 1);
  REQUIRE(resolved.policy().routes[0].rules.size() == 1);
  return resolved.policy().routes[0].rules[0];
}

TEST_CASE("a route is attached to its Gateway's listener with all that it says") {
  const Resolved resolved{with_route(std::string(parent) + R"(
  hostnames: [a.com]
  rules:
  - name: one
    matches:
    - {path: {type: Exact, value: /x}, method: POST, headers: [{name: X-A, value: '1'}], queryParams: [{name: q, value: '2'}]}
    - {path: {value: /y}}
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier: {set: [{name: S, value: s}], add: [{name: A, value: a}], remove: [R]}
    timeouts: {request: 2s, backendRequest: 500ms}
    backendRefs: [{name: v1, port: 80, weight: 0}, {name: v1, port: 81}])")};
  REQUIRE(resolved.policy().routes.size() == 1);
  const shm::RouteSpec& route = resolved.policy().routes[0];
  CHECK(route.route_namespace == "shop");
  CHECK(route.route_name == "web");
  CHECK(route.hostnames == std::vector<std::string>{"a.com"});
  CHECK(route.listeners == std::vector<std::size_t>{0});
  const shm::RuleSpec& rule = rule_of(resolved);
  CHECK(rule.name == "one");
  REQUIRE(rule.matches.size() == 2);
  CHECK(rule.matches[0].path_kind == shm::PathKind::exact);
  CHECK(rule.matches[0].path == "/x");
  CHECK(rule.matches[0].method == "POST");
  CHECK(rule.matches[0].headers.at(0).name == "X-A");
  CHECK(rule.matches[0].queries.at(0).value == "2");
  CHECK(rule.matches[1].path_kind == shm::PathKind::prefix);
  REQUIRE(rule.request_edits.size() == 3);
  CHECK(rule.request_edits[0].kind == shm::EditKind::set);
  CHECK(rule.request_edits[1].kind == shm::EditKind::add);
  CHECK(rule.request_edits[2].kind == shm::EditKind::remove);
  CHECK(rule.request_timeout_ns == 2'000'000'000);
  CHECK(rule.backend_request_timeout_ns == 500'000'000);
  REQUIRE(rule.backends.size() == 2);
  CHECK(rule.backends[0].backend == "shop/v1:80");
  CHECK(rule.backends[0].weight == 0);
  CHECK(rule.backends[1].weight == 1);
  CHECK_FALSE(rule.backends[1].is_invalid);
  CHECK(resolved.route_condition("Accepted") == "True Accepted");
  CHECK(resolved.route_condition("ResolvedRefs") == "True ResolvedRefs");
  CHECK(
      resolved.status<resources::GatewayStatus>("Gateway", "infra", "web")->listeners(0).attached_routes() ==
      1);
  CHECK(compile(resolved.model(), nullptr, true));
}

TEST_CASE("a route without rules takes every request and has no backend") {
  const Resolved resolved{with_route(parent)};
  CHECK(rule_of(resolved).matches.empty());
  CHECK(rule_of(resolved).backends.empty());
}

TEST_CASE("a timeout of 0s is none") {
  CHECK(rule_of(Resolved{with_rule("timeouts: {request: 0s}")}).request_timeout_ns == 0);
}

TEST_CASE("a parent that does not exist, or has no such listener, is a condition") {
  CHECK(Resolved{with_route("  parentRefs: [{name: web}]")}.route_condition("Accepted") ==
        "False NoMatchingParent");
  CHECK(Resolved{with_route("  parentRefs: [{name: web, namespace: infra, sectionName: nope}]")}
            .route_condition("Accepted") == "False NoMatchingParent");
  CHECK(Resolved{with_route("  parentRefs: [{name: web, namespace: infra, port: 81}]")}.route_condition(
            "Accepted") == "False NoMatchingParent");
  CHECK(Resolved{with_route("  parentRefs: [{name: web, namespace: infra, port: 80, sectionName: http}]")}
            .route_condition("Accepted") == "True Accepted");
}

TEST_CASE("each parent has a status of its own") {
  const Resolved resolved{
      with_route("  parentRefs: [{name: web, namespace: infra}, {name: nope, namespace: infra}]")};
  CHECK(resolved.route_condition("Accepted", 0) == "True Accepted");
  CHECK(resolved.route_condition("Accepted", 1) == "False NoMatchingParent");
  CHECK(resolved.policy().routes.size() == 1);
}

std::string with_listener(std::string_view listener, std::string_view route_spec) {
  std::string yaml = with_route(route_spec);
  const std::string_view old =
      "{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}";
  return yaml.replace(yaml.find(old), old.size(), listener);
}

TEST_CASE("routes of other namespaces attach only where the listener allows them") {
  CHECK(Resolved{with_listener("{name: http, port: 80, protocol: HTTP}", parent)}.route_condition(
            "Accepted") == "False NotAllowedByListeners");
  CHECK(Resolved{
            with_listener("{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Same}}}",
                          parent)}
            .route_condition("Accepted") == "False NotAllowedByListeners");
  CHECK(Resolved{
            with_listener("{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: None}}}",
                          parent)}
            .route_condition("Accepted") == "False NotAllowedByListeners");
  CHECK(Resolved{
            with_listener("{name: http, port: 80, protocol: HTTPS, allowedRoutes: {namespaces: {from: All}}}",
                          parent)}
            .route_condition("Accepted") == "False NotAllowedByListeners");
}

TEST_CASE("a route whose hostnames are all outside the listener's is not accepted") {
  const auto accepted = [](std::string_view listener_host, std::string_view route_host) {
    const Resolved resolved{
        with_listener("{name: http, port: 80, protocol: HTTP, hostname: '" + std::string(listener_host) +
                          "', allowedRoutes: {namespaces: {from: All}}}",
                      std::string(parent) + "  hostnames: ['" + std::string(route_host) + "']")};
    CHECK(compile(resolved.model(), nullptr, true));
    return resolved.route_condition("Accepted");
  };
  CHECK(accepted("a.com", "a.com") == "True Accepted");
  CHECK(accepted("a.com", "b.com") == "False NoMatchingListenerHostname");
  CHECK(accepted("*.a.com", "x.a.com") == "True Accepted");
  CHECK(accepted("*.a.com", "a.com") == "False NoMatchingListenerHostname");
  CHECK(accepted("x.a.com", "*.a.com") == "True Accepted");
}

TEST_CASE("hostnames meet where some host would fit both") {
  using model::hostnames_meet;
  CHECK(hostnames_meet("", "a.com"));
  CHECK(hostnames_meet("a.com", ""));
  CHECK(hostnames_meet("*.a.com", "*.a.com"));
  CHECK(hostnames_meet("*.a.com", "*.b.a.com"));
  CHECK(hostnames_meet("*.b.a.com", "*.a.com"));
  CHECK(hostnames_meet("*.a.com", "x.y.a.com"));
  CHECK(hostnames_meet("x.y.a.com", "*.a.com"));
  CHECK_FALSE(hostnames_meet("*.a.com", "a.com"));
  CHECK_FALSE(hostnames_meet("a.com", "*.a.com"));
  CHECK_FALSE(hostnames_meet("*.a.com", "xa.com"));
  CHECK_FALSE(hostnames_meet("*.a.com", "*.xa.com"));
  CHECK_FALSE(hostnames_meet("*.a.com", ".a.com"));
}

TEST_CASE("what this version does not do makes the route unaccepted, and it is not served") {
  for (const char* rule :
       {"matches: [{path: {type: RegularExpression, value: '/[a-z]'}}]",
        "matches: [{headers: [{type: RegularExpression, name: a, value: b}]}]",
        "matches: [{queryParams: [{type: RegularExpression, name: a, value: b}]}]",
        "matches: [{method: CONNECT}]", "filters: [{type: RequestRedirect, requestRedirect: {}}]",
        "filters: [{type: URLRewrite, urlRewrite: {}}]",
        "filters: [{type: RequestMirror, requestMirror: {}}]",
        "backendRefs: [{name: v1, port: 80, filters: [{type: ResponseHeaderModifier, "
        "responseHeaderModifier: {}}]}]"}) {
    INFO(rule);
    const Resolved resolved{with_rule(rule)};
    CHECK(resolved.route_condition("Accepted") == "False UnsupportedValue");
    CHECK(resolved.policy().routes.empty());
  }
}

TEST_CASE("a reference that does not resolve keeps its weight and is answered with 500") {
  struct Case {
    const char *ref, *reason;
  };
  for (const Case& c : {
           Case{"{name: nope, port: 80}", "False BackendNotFound"},
           Case{"{name: v1, port: 82}", "False BackendNotFound"},
           Case{"{kind: ConfigMap, name: v1, port: 80}", "False InvalidKind"},
           Case{"{group: example.com, kind: Service, name: v1, port: 80}", "False InvalidKind"},
           Case{"{name: v1, namespace: default, port: 80}", "False RefNotPermitted"},
       }) {
    INFO(c.ref);
    const Resolved resolved{
        with_rule("backendRefs: [{name: v1, port: 80, weight: 9}, " + std::string(c.ref) + "]")};
    CHECK(resolved.route_condition("ResolvedRefs") == c.reason);
    CHECK(resolved.route_condition("Accepted") == "True Accepted");
    const shm::RuleSpec& rule = rule_of(resolved);
    CHECK_FALSE(rule.backends[0].is_invalid);
    CHECK(rule.backends[1].is_invalid);
    CHECK(rule.backends[1].weight == 1);
    CHECK(resolved.model().backends.size() == 1);
    CHECK(compile(resolved.model(), nullptr, true));
  }
}

TEST_CASE("Services of other protocols, and external names, do not resolve") {
  const auto resolve_service = [](std::string_view spec) {
    const std::string service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: shop}\nspec: {" + std::string(spec) +
        "}\n---\n";
    return Resolved{with_rule("backendRefs: [{name: s, port: 80}]") + service}.route_condition(
        "ResolvedRefs");
  };
  CHECK(resolve_service("ports: [{port: 80, appProtocol: http}]") == "True ResolvedRefs");
  CHECK(resolve_service("ports: [{port: 80, appProtocol: kubernetes.io/h2c}]") ==
        "False UnsupportedProtocol");
  CHECK(resolve_service("ports: [{port: 80, protocol: UDP}]") == "False UnsupportedProtocol");
  CHECK(resolve_service("ports: [{name: u, port: 80, protocol: UDP}, {name: t, port: 80}]") ==
        "True ResolvedRefs");
  CHECK(resolve_service("type: ExternalName, externalName: a.com, ports: [{port: 80}]") ==
        "False BackendNotFound");
}

TEST_CASE("a grant in the Service's namespace lets routes of another one refer to it") {
  const auto grant = [](std::string_view from, std::string_view to) {
    const std::string yaml =
        "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\nmetadata: {name: g, namespace: "
        "store}\nspec: {from: [{" +
        std::string(from) + "}], to: [{" + std::string(to) +
        "}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: store}\nspec: {ports: "
        "[{port: 80}]}\n---\n";
    return Resolved{with_rule("backendRefs: [{name: s, namespace: store, port: 80}]") + yaml}.route_condition(
        "ResolvedRefs");
  };
  const char* from = "group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop";
  CHECK(grant(from, "group: '', kind: Service") == "True ResolvedRefs");
  CHECK(grant(from, "group: '', kind: Service, name: s") == "True ResolvedRefs");
  CHECK(grant(from, "group: '', kind: Service, name: other") == "False RefNotPermitted");
  CHECK(grant(from, "group: '', kind: Secret") == "False RefNotPermitted");
  CHECK(grant("group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default",
              "group: '', kind: Service") == "False RefNotPermitted");
  CHECK(grant("group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: shop",
              "group: '', kind: Service") == "False RefNotPermitted");
}

std::vector<std::string> endpoints_of(const Resolved& resolved, const std::string& backend) {
  std::vector<std::string> texts;
  for (const shm::BackendSpec& spec : resolved.model().backends)
    if (spec.name == backend)
      for (const shm::EndpointSpec& endpoint : spec.endpoints)
        texts.push_back(std::to_string(endpoint.address.ipv4() & 255) + ":" +
                        std::to_string(endpoint.tcp_port));
  return texts;
}

std::string with_slice(std::string_view endpoints, std::string_view ports = "{name: web, port: 8080}") {
  return "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: v1-b, namespace: shop, "
         "labels: {kubernetes.io/service-name: v1}}\n"
         "addressType: IPv4\nendpoints: [" +
         std::string(endpoints) + "]\nports: [" + std::string(ports) + "]\n---\n";
}

TEST_CASE("endpoints come from the slices of the Service, by the port's name, ready ones only") {
  const std::string route = with_rule("backendRefs: [{name: v1, port: 80}, {name: v1, port: 81}]");
  using Texts = std::vector<std::string>;
  CHECK(endpoints_of(Resolved{route}, "shop/v1:80") == Texts{"2:8080"});
  CHECK(endpoints_of(Resolved{route}, "shop/v1:81") == Texts{"2:9090"});
  // An endpoint may be in two slices while it moves from one to the other.
  CHECK(endpoints_of(
            Resolved{
                route +
                with_slice("{addresses: [10.81.0.2]}, {addresses: [10.81.0.4], conditions: {ready: true}}")},
            "shop/v1:80") == Texts{"2:8080", "4:8080"});
  // Of several addresses of one endpoint the first counts.
  CHECK(endpoints_of(Resolved{route + with_slice("{addresses: [10.81.0.5, 10.81.0.6]}")}, "shop/v1:80") ==
        Texts{"2:8080", "5:8080"});
  CHECK(endpoints_of(Resolved{route + with_slice("{addresses: [10.81.0.7]}",
                                                 "{name: web, port: 8080, protocol: UDP}")},
                     "shop/v1:80") == Texts{"2:8080"});
  CHECK(endpoints_of(Resolved{route + with_slice("{addresses: [10.81.0.7]}", "{name: web}")}, "shop/v1:80") ==
        Texts{"2:8080"});
}

TEST_CASE("endpoints that serve while they terminate are used only where none is ready") {
  std::string route = with_rule("backendRefs: [{name: v1, port: 80}]");
  const std::string terminating = with_slice(
      "{addresses: [10.81.0.8], conditions: {ready: false, serving: true, terminating: true}}, "
      "{addresses: [10.81.0.9], conditions: {ready: false, serving: false, terminating: true}}");
  using Texts = std::vector<std::string>;
  CHECK(endpoints_of(Resolved{route + terminating}, "shop/v1:80") == Texts{"2:8080"});
  const std::string_view ready = "{addresses: [10.81.0.2]}, ";
  route.replace(route.find(ready), ready.size(), "");
  CHECK(endpoints_of(Resolved{route + terminating}, "shop/v1:80") == Texts{"8:8080"});
  CHECK(endpoints_of(Resolved{route}, "shop/v1:80") == Texts{});
}

TEST_CASE("a Service says how its endpoints are chosen") {
  std::string yaml = with_rule("backendRefs: [{name: v1, port: 80}]");
  CHECK(Resolved{yaml}.model().backends.at(0).balance == shm::BalancePolicy::round_robin);
  const std::string_view place = "metadata: {name: v1, namespace: shop";
  yaml.insert(yaml.find(place) + place.size(), ", annotations: {byway.dev/load-balancing: LeastRequest}");
  CHECK(Resolved{yaml}.model().backends.at(0).balance == shm::BalancePolicy::least_request);
}

TEST_CASE("edits of a backend are that backend's alone") {
  const Resolved resolved{
      with_rule("backendRefs: [{name: v1, port: 80, filters: [{type: RequestHeaderModifier, "
                "requestHeaderModifier: {set: [{name: A, value: b}]}}]}, {name: v1, port: 81}]")};
  CHECK(rule_of(resolved).request_edits.empty());
  CHECK(rule_of(resolved).backends[0].request_edits.size() == 1);
  CHECK(rule_of(resolved).backends[1].request_edits.empty());
}

TEST_CASE("the order in which objects arrive does not matter") {
  // The map orders them; what could differ is the age of routes, which decides ties: it is part of the model.
  std::string yaml = with_route(parent);
  const std::string_view place = "metadata: {name: web, namespace: shop, generation: 2";
  yaml.insert(yaml.find(place) + place.size(), ", creationTimestamp: '2026-01-02T03:04:05Z'");
  CHECK(Resolved{yaml}.policy().routes.at(0).created_s == 1767323045);
}

}  // namespace
}  // namespace byway::control
