#include "control/shm/policy_builder.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "control/shm/dump.h"
#include "control/shm/endpoints_builder.h"
#include "control/shm/verify.h"
#include "tests/support/random_policy.h"

namespace byway::shm {
namespace {

PolicySpec one_route() {
  PolicySpec policy;
  policy.listeners.push_back({.name = "ns/g/l", .tcp_port = 80});
  RouteSpec route{.route_namespace = "ns", .route_name = "r", .listeners = {0}};
  route.rules.push_back({.backends = {{.backend = "ns/b:80"}}});
  policy.routes.push_back(route);
  return policy;
}

/// What build_policy says is wrong; "" if nothing is.
std::string error_of(const PolicySpec& policy) {
  const auto blob = build_policy(policy);
  return blob ? "" : blob.error().what;
}

template <class Change>
std::string error_after(Change change) {
  PolicySpec policy = one_route();
  change(policy);
  return error_of(policy);
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("an empty policy is a valid blob") {
  const auto blob = build_policy({});
  REQUIRE(blob.has_value());
  CHECK(verify_policy(*blob).has_value());
}

TEST_CASE("equal policies give equal bytes") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto first = build_policy(test::RandomPolicy{seed}.policy());
    const auto second = build_policy(test::RandomPolicy{seed}.policy());
    REQUIRE(first.has_value());
    CHECK(*first == *second);
  }
}

TEST_CASE("a snapshot dumps as text") {
  PolicySpec policy = one_route();
  policy.listeners[0].hostname = "*.A.com";
  policy.listeners[0].trusted_proxies = {{IpAddress::from_ipv4(0x0a0102ff), 120}};
  RouteSpec& route = policy.routes[0];
  route.hostnames = {"b.a.com", "b.org"};
  route.rules[0].name = "first";
  route.rules[0].request_timeout_ns = 1'000'000;
  route.rules[0].request_edits = {{EditKind::set, "X-A", "1"}, {EditKind::remove, "X-B", ""}};
  route.rules[0].backends = {{.backend = "ns/b:80", .weight = 90},
                             {.backend = "ns/c:80", .weight = 10, .is_invalid = true}};
  MatchSpec match{.path = "/x/"};
  match.method = "GET";
  match.headers = {{"Version", "2"}};
  match.queries = {{"q", "1"}};
  route.rules[0].matches = {match, {.path_kind = PathKind::exact, .path = "/y"}};
  const auto blob = build_policy(policy);
  REQUIRE(blob.has_value());
  const auto view = verify_policy(*blob);
  REQUIRE(view.has_value());
  CHECK(
      dump(*view) ==
      "group node:80\n"
      "  host *.a.com -> ns/g/l\n"
      "listener ns/g/l port 80 host \"*.a.com\"\n"
      "  limits line 8192 fields 100 head 61440 connect 5000000000ns idle 300000000000ns drain 5000000000ns\n"
      "  trusts 10.1.2.0/24\n"
      "  route host b.a.com\n"
      "    exact /y\n"
      "      method any -> rule 0 match 1\n"
      "    prefix /x\n"
      "      method GET header version=2 query q=1 -> rule 0 match 0\n"
      "rule 0 ns/r #0 first id " +
          std::to_string(stable_id("ns/r/first")) +
          "\n"
          "  timeouts request 1000000ns backend 0ns\n"
          "  set X-A 1\n"
          "  remove X-B \n"
          "  backend ns/b:80 weight 90/100\n"
          "  backend ns/c:80 weight 10/100 invalid\n");
}

TEST_CASE("a rule keeps its id by name, without one by position") {
  RouteSpec route{.route_namespace = "ns", .route_name = "r"};
  route.rules.resize(2);
  CHECK(rule_id(route, 0) != rule_id(route, 1));
  route.rules[1].name = "named";
  const std::uint64_t id = rule_id(route, 1);
  route.rules.insert(route.rules.begin(), RuleSpec{});
  CHECK(rule_id(route, 2) == id);
}

TEST_CASE("listeners that conflict are an error that names both") {
  PolicySpec policy;
  policy.listeners.push_back({.name = "ns/g/one", .tcp_port = 80, .hostname = "a.com"});
  policy.listeners.push_back({.name = "ns/g/two", .tcp_port = 80, .hostname = "A.com"});
  CHECK(contains(error_of(policy), "ns/g/one and ns/g/two"));
  policy.listeners[1].tcp_port = 81;
  CHECK(error_of(policy).empty());
  policy.listeners[0].hostname = policy.listeners[1].hostname = "";
  policy.listeners[1].tcp_port = 80;
  CHECK(contains(error_of(policy), "ns/g/one and ns/g/two"));
  policy.listeners[1].addresses = {IpAddress::from_ipv4(0x0a000001)};
  CHECK(error_of(policy).empty());
}

TEST_CASE("what a listener may not be is an error") {
  CHECK(error_after([](PolicySpec&) {}).empty());
  CHECK(contains(error_after([](auto& p) { p.listeners[0].tcp_port = 0; }), "port 0"));
  CHECK(contains(error_after([](auto& p) { p.listeners[0].name = ""; }), "empty"));
  CHECK(contains(error_after([](auto& p) { p.listeners[0].hostname = "a_b"; }), "RFC 1123"));
  CHECK(contains(error_after([](auto& p) { p.listeners[0].limits.head_bytes = 0; }), "limit"));
  CHECK(contains(error_after([](auto& p) { p.listeners[0].limits.idle_timeout_ns = timeout_ns_max + 1; }),
                 "year"));
  CHECK(contains(error_after([](auto& p) { p.listeners[0].trusted_proxies = {{{}, 129}}; }), "prefix"));
  CHECK(contains(error_after([](auto& p) { p.listeners[0].addresses = {IpAddress{}}; }), "zero"));
  CHECK(contains(error_after([](auto& p) { p.listeners.push_back(p.listeners[0]); }), "twice"));
  const auto with_addresses = [](std::uint32_t count) {
    return error_after([count](auto& p) {
      for (std::uint32_t i = 0; i < count; ++i) {
        p.listeners[0].addresses.push_back(IpAddress::from_ipv4(0x0a000000 + i));
      }
    });
  };
  CHECK(with_addresses(listener_addresses_max).empty());
  CHECK(contains(with_addresses(listener_addresses_max + 1), "addresses"));
}

TEST_CASE("what a route may not be is an error") {
  CHECK(contains(error_after([](auto& p) { p.routes.push_back(p.routes[0]); }), "twice"));
  CHECK(contains(error_after([](auto& p) { p.routes[0].listeners = {1}; }), "no listener"));
  CHECK(contains(error_after([](auto& p) { p.routes[0].hostnames = {"*"}; }), "RFC 1123"));
  CHECK(contains(error_after([](auto& p) { p.routes[0].rules[0].backends[0].weight = weight_max + 1; }),
                 "weight"));
  CHECK(
      contains(error_after([](auto& p) { p.routes[0].rules[0].backends.resize(17, {.backend = "ns/b:80"}); }),
               "backendRefs"));
  CHECK(contains(error_after([](auto& p) { p.routes[0].rules[0].request_timeout_ns = timeout_ns_max + 1; }),
                 "timeout"));
}

TEST_CASE("what a match may not be is an error") {
  const auto with_match = [](const MatchSpec& match) {
    return error_after([&match](auto& p) { p.routes[0].rules[0].matches = {match}; });
  };
  CHECK(with_match({.path = "/" + std::string(path_bytes_max - 1, 'a')}).empty());
  CHECK(contains(with_match({.path = "/" + std::string(path_bytes_max, 'a')}), "too long"));
  CHECK(contains(with_match({.path = "a"}), "begin"));
  CHECK(contains(with_match({.path = "/a//b"}), "//"));
  CHECK(contains(with_match({.path = ""}), "begin"));
  CHECK(contains(with_match({.method = "get"}), "method"));
  CHECK(contains(with_match({.headers = {{"a b", ""}}}), "a b"));
  CHECK(contains(with_match({.queries = {{"", ""}}}), "name"));
  std::vector<NameValue> many;
  for (std::uint32_t i = 0; i < match_conditions_max; ++i) many.push_back({"h" + std::to_string(i), ""});
  CHECK(with_match({.headers = many}).empty());
  many.push_back({"one-more", ""});
  CHECK(contains(with_match({.headers = many}), "many"));
}

TEST_CASE("a header edit cannot break a message apart") {
  const auto with_edit = [](const HeaderEditSpec& edit) {
    return error_after([&edit](auto& p) { p.routes[0].rules[0].request_edits = {edit}; });
  };
  CHECK(with_edit({EditKind::set, "X-A", "b c"}).empty());
  CHECK(with_edit({EditKind::add, "X-A", ""}).empty());
  CHECK_FALSE(with_edit({EditKind::set, "X-A", "b\r\nX-B: c"}).empty());
  CHECK_FALSE(with_edit({EditKind::set, "X-A", std::string("b\0c", 3)}).empty());
  CHECK_FALSE(with_edit({EditKind::set, "X-A", " b"}).empty());
  CHECK_FALSE(with_edit({EditKind::set, "X A", "b"}).empty());
  CHECK_FALSE(with_edit({EditKind::set, "X-A:", "b"}).empty());
  CHECK_FALSE(with_edit({EditKind::set, "", "b"}).empty());
  CHECK_FALSE(with_edit({EditKind::remove, "X-A", "b"}).empty());
}

TEST_CASE("as many matches as allowed may share one path, one more is an error") {
  PolicySpec policy = one_route();
  policy.routes[0].rules[0].matches.assign(candidates_per_path_max, {});
  CHECK(error_of(policy).empty());
  policy.routes[0].rules[0].matches.emplace_back();
  CHECK(contains(error_of(policy), "share"));
}

TEST_CASE("the deepest path that fits makes a tree within its bound") {
  PolicySpec policy = one_route();
  // Each prefix of "/a/a/a..." ends a match, so nothing is joined: a chain of single elements.
  std::string path;
  std::vector<MatchSpec>& matches = policy.routes[0].rules[0].matches;
  while (path.size() + 2 <= path_bytes_max) {
    path += "/a";
    matches.push_back({.path = path});
  }
  const auto blob = build_policy(policy);
  REQUIRE(blob.has_value());
  const auto view = verify_policy(*blob);
  REQUIRE(view.has_value());
  CHECK(view->table(view->root().prefix_nodes).back().depth == prefix_depth_max);
}

TEST_CASE("endpoints of a backend are sorted, and bad ones are errors") {
  const auto build_one = [](std::vector<EndpointSpec> endpoints) {
    return build_endpoints({{.name = "ns/b:80", .endpoints = std::move(endpoints)}});
  };
  const IpAddress first = IpAddress::from_ipv4(0x0a000001);
  const IpAddress second = IpAddress::from_ipv4(0x0a000002);
  const auto blob = build_one({{.address = second, .tcp_port = 80}, {.address = first, .tcp_port = 80}});
  REQUIRE(blob.has_value());
  const auto view = verify_endpoints(*blob);
  REQUIRE(view.has_value());
  const std::uint32_t index = view->find_backend(stable_id("ns/b:80"));
  REQUIRE(index == 0);
  CHECK(view->endpoints(view->backends()[index])[0].address == first);
  CHECK(view->find_backend(stable_id("ns/c:80")) == no_index);
  CHECK(dump(*view) == "backend ns/b:80 round_robin\n  10.0.0.1:80 weight 1\n  10.0.0.2:80 weight 1\n");

  CHECK_FALSE(
      build_one({{.address = first, .tcp_port = 80}, {.address = first, .tcp_port = 80}}).has_value());
  CHECK_FALSE(build_one({{.address = first, .tcp_port = 0}}).has_value());
  CHECK_FALSE(build_one({{.address = {}, .tcp_port = 80}}).has_value());
  CHECK_FALSE(build_one({{.address = first, .tcp_port = 80, .weight = 0}}).has_value());
  CHECK_FALSE(build_endpoints({{.name = "ns/b:80"}, {.name = "ns/b:80"}}).has_value());
  CHECK_FALSE(build_endpoints({{.name = ""}}).has_value());
}

TEST_CASE("many backends are each found by their id") {
  std::vector<BackendSpec> backends;
  for (int i = 0; i < 1000; ++i) backends.push_back({.name = "ns/b" + std::to_string(i) + ":80"});
  const auto blob = build_endpoints(backends);
  REQUIRE(blob.has_value());
  const auto view = verify_endpoints(*blob);
  REQUIRE(view.has_value());
  for (const BackendSpec& backend : backends) {
    const std::uint32_t index = view->find_backend(stable_id(backend.name));
    REQUIRE(index != no_index);
    CHECK(view->text(view->backends()[index].name) == backend.name);
  }
}

}  // namespace
}  // namespace byway::shm
