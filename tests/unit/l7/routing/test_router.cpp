// The rules of the Gateway API one by one; test_reference.cpp mixes them.
#include "l7/routing/router.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <utility>
#include <vector>

#include "control/shm/policy_builder.h"
#include "control/shm/verify.h"
#include "tests/support/random_policy.h"

namespace byway::l7::routing {
namespace {

using shm::MatchSpec;
using shm::PathKind;
using shm::RouteSpec;
using test::OwnedRequest;

/// A policy under test: one listener unless more are added; routes are known by their names.
class Table {
 public:
  Table() { listen(""); }
  explicit Table(std::vector<std::string> listener_hostnames) {
    for (const std::string& hostname : listener_hostnames) listen(hostname);
  }

  /// A route of one rule, attached to all listeners there are.
  RouteSpec& add(const std::string& name, std::vector<MatchSpec> matches,
                 std::vector<std::string> hostnames = {}) {
    RouteSpec route;
    route.route_namespace = "ns";
    route.route_name = name;
    route.hostnames = std::move(hostnames);
    for (std::size_t i = 0; i < policy_.listeners.size(); ++i) route.listeners.push_back(i);
    route.rules.emplace_back();
    route.rules.back().matches = std::move(matches);
    policy_.routes.push_back(std::move(route));
    return policy_.routes.back();
  }

  /// Name of the route that takes the request; "" if none does.
  std::string where(const OwnedRequest& request) {
    const auto blob = shm::build_policy(policy_);
    REQUIRE(blob.has_value());
    const auto view = shm::verify_policy(*blob);
    REQUIRE(view.has_value());
    const std::uint32_t group = view->find_group(shm::IpAddress::from_ipv4(0x0a000001), 80, true);
    REQUIRE(group != shm::no_index);
    const RouteResult result = route(*view, group, request.view());
    if (result.verdict != RouteVerdict::found) {
      CHECK(result.rule_index == shm::no_index);
      return "";
    }
    return std::string(view->text(view->rules()[result.rule_index].route_name));
  }
  std::string where(const std::string& path) { return where(OwnedRequest{"a.com", "GET", path, "", {}}); }
  std::string at_host(const std::string& host) { return where(OwnedRequest{host, "GET", "/", "", {}}); }

 private:
  void listen(const std::string& hostname) {
    shm::ListenerSpec listener;
    listener.name = "ns/gateway/" + std::to_string(policy_.listeners.size());
    listener.tcp_port = 80;
    listener.hostname = hostname;
    policy_.listeners.push_back(listener);
  }

  shm::PolicySpec policy_;
};

MatchSpec prefix(const std::string& path) {
  return {.path_kind = PathKind::prefix, .path = path};
}
MatchSpec exact(const std::string& path) {
  return {.path_kind = PathKind::exact, .path = path};
}

TEST_CASE("a prefix matches whole path elements, with or without a slash at its end") {
  for (const char* value : {"/abc", "/abc/"}) {
    Table table;
    table.add("r", {prefix(value)});
    CHECK(table.where("/abc") == "r");
    CHECK(table.where("/abc/") == "r");
    CHECK(table.where("/abc/def") == "r");
    CHECK(table.where("/abc//def") == "r");
    CHECK(table.where("/abcd") == "");
    CHECK(table.where("/ABC") == "");
    CHECK(table.where("//abc") == "");
    CHECK(table.where("/") == "");
  }
}

TEST_CASE("a prefix of several elements does not match part of them") {
  Table table;
  table.add("r", {prefix("/a/b/c")});
  CHECK(table.where("/a/b/c/d") == "r");
  CHECK(table.where("/a/b") == "");
  CHECK(table.where("/a/b/cc") == "");
  CHECK(table.where("/a/x/c") == "");
}

TEST_CASE("an exact path matches itself only") {
  Table table;
  table.add("r", {exact("/abc")});
  CHECK(table.where("/abc") == "r");
  CHECK(table.where("/abc/") == "");
  CHECK(table.where("/Abc") == "");
  CHECK(table.where("/abcd") == "");
}

TEST_CASE("a rule without matches takes every request with a path") {
  Table table;
  table.add("r", {});
  CHECK(table.where("/") == "r");
  CHECK(table.where("/any/thing") == "r");
  CHECK(table.where("*") == "");
  CHECK(table.where("") == "");
}

TEST_CASE("an exact path goes before any prefix, the longest prefix before shorter ones") {
  Table table;
  table.add("root", {prefix("/")});
  table.add("short", {prefix("/a")});
  table.add("long", {prefix("/a/b/c")});
  table.add("exact", {exact("/a/b/c")});
  CHECK(table.where("/a/b/c") == "exact");
  CHECK(table.where("/a/b/c/") == "long");
  CHECK(table.where("/a/b") == "short");
  CHECK(table.where("/b") == "root");
}

TEST_CASE("a longer prefix goes before a shorter one with method and headers") {
  Table table;
  MatchSpec narrow = prefix("/a");
  narrow.method = "GET";
  narrow.headers = {{"x", "1"}};
  table.add("narrow", {narrow});
  table.add("long", {prefix("/a/b")});
  CHECK(table.where(OwnedRequest{"a.com", "GET", "/a/b", "", {{"X", "1"}}}) == "long");
}

TEST_CASE("where the longest prefix's conditions fail, the next shorter prefix is tried") {
  Table table;
  MatchSpec narrow = prefix("/a/b");
  narrow.method = "POST";
  table.add("narrow", {narrow});
  table.add("wide", {prefix("/a")});
  CHECK(table.where("/a/b/c") == "wide");
  MatchSpec exact_post = exact("/a/b/c");
  exact_post.method = "POST";
  table.add("exact", {exact_post});
  CHECK(table.where("/a/b/c") == "wide");
}

TEST_CASE("method goes before headers, headers before query parameters") {
  Table table;
  MatchSpec with_method = prefix("/");
  with_method.method = "GET";
  MatchSpec with_headers = prefix("/");
  with_headers.headers = {{"x", "1"}, {"y", "1"}};
  MatchSpec with_queries = prefix("/");
  with_queries.queries = {{"q", "1"}, {"r", "1"}, {"s", "1"}};
  table.add("queries", {with_queries});
  table.add("headers", {with_headers});
  table.add("method", {with_method});
  const OwnedRequest all{"a.com", "GET", "/", "q=1&r=1&s=1", {{"x", "1"}, {"y", "1"}}};
  CHECK(table.where(all) == "method");
  OwnedRequest post = all;
  post.method = "POST";
  CHECK(table.where(post) == "headers");
  post.headers.pop_back();
  CHECK(table.where(post) == "queries");
}

TEST_CASE("of header conditions with equivalent names only the first counts") {
  Table table;
  MatchSpec twice = prefix("/");
  twice.headers = {{"Foo", "1"}, {"foo", "2"}};
  MatchSpec once = prefix("/");
  once.headers = {{"foo", "1"}};
  table.add("a-once", {once});
  table.add("b-twice", {twice});
  // The ignored condition neither hinders nor adds precedence, so the name decides.
  CHECK(table.where(OwnedRequest{"a.com", "GET", "/", "", {{"FOO", "1"}}}) == "a-once");
}

TEST_CASE("ties go to the older route, then to the name, then to the earlier rule") {
  Table table;
  table.add("b", {prefix("/")}).created_s = 5;
  table.add("c", {prefix("/")}).created_s = 4;
  CHECK(table.where("/") == "c");
  table.add("a", {prefix("/")}).created_s = 4;
  CHECK(table.where("/") == "a");
}

TEST_CASE("names are ordered as namespace/name, one text") {
  Table table;
  table.add("x", {prefix("/")}).route_namespace = "a";
  table.add("y", {prefix("/")}).route_namespace = "a-b";
  // "a-b/y" is before "a/x" because '-' is before '/'.
  CHECK(table.where("/") == "y");
}

TEST_CASE("a wildcard matches any depth, but not the bare domain") {
  Table table;
  table.add("wild", {}, {"*.a.com"});
  CHECK(table.at_host("b.a.com") == "wild");
  CHECK(table.at_host("c.b.a.com") == "wild");
  CHECK(table.at_host("a.com") == "");
  CHECK(table.at_host("xa.com") == "");
  CHECK(table.at_host(".a.com") == "");
}

TEST_CASE("an exact hostname goes before wildcards, longer wildcards before shorter, any host last") {
  Table table;
  table.add("any", {});
  table.add("short", {}, {"*.com"});
  table.add("long", {}, {"*.a.com"});
  table.add("exact", {}, {"b.a.com"});
  CHECK(table.at_host("b.a.com") == "exact");
  CHECK(table.at_host("c.a.com") == "long");
  CHECK(table.at_host("c.b.a.com") == "long");
  CHECK(table.at_host("b.com") == "short");
  CHECK(table.at_host("a.org") == "any");
  CHECK(table.at_host("") == "any");
}

TEST_CASE("where no match of the exact host agrees, less specific hosts are tried") {
  Table table;
  table.add("exact", {exact("/only")}, {"b.a.com"});
  table.add("wild", {prefix("/x")}, {"*.a.com"});
  table.add("any", {});
  CHECK(table.where(OwnedRequest{"b.a.com", "GET", "/only", "", {}}) == "exact");
  CHECK(table.where(OwnedRequest{"b.a.com", "GET", "/x/y", "", {}}) == "wild");
  CHECK(table.where(OwnedRequest{"b.a.com", "GET", "/z", "", {}}) == "any");
}

TEST_CASE("the hostname goes before the path") {
  Table table;
  table.add("host", {prefix("/")}, {"b.a.com"});
  table.add("path", {exact("/x")}, {"*.a.com"});
  CHECK(table.where(OwnedRequest{"b.a.com", "GET", "/x", "", {}}) == "host");
}

TEST_CASE("route hostnames outside the listener's are ignored") {
  Table table{{"*.a.com"}};
  table.add("r", {}, {"b.a.com", "b.org"});
  CHECK(table.at_host("b.a.com") == "r");
  CHECK(table.at_host("b.org") == "");
}

TEST_CASE("precedence goes by the route's own hostname, not by what it shares with the listener's") {
  // GatewayRouteHostnameIntersectionPrecedence: on a listener for b.a.com both routes share just that host.
  Table table{{"b.a.com"}};
  table.add("a-wild", {}, {"*.a.com"});
  table.add("b-exact", {}, {"b.a.com"});
  CHECK(table.at_host("b.a.com") == "b-exact");
}

TEST_CASE("a request uses its most specific listener and no other") {
  Table isolated{{"", "*.a.com", "b.a.com"}};
  isolated.add("any", {}).listeners = {0};
  isolated.add("wild", {}).listeners = {1};
  isolated.add("exact", {prefix("/x")}).listeners = {2};
  CHECK(isolated.at_host("c.org") == "any");
  CHECK(isolated.at_host("c.a.com") == "wild");
  CHECK(isolated.where(OwnedRequest{"b.a.com", "GET", "/x", "", {}}) == "exact");
  CHECK(isolated.where(OwnedRequest{"b.a.com", "GET", "/", "", {}}) == "");
}

TEST_CASE("without a listener for the host the verdict says so") {
  shm::PolicySpec policy;
  policy.listeners.push_back({.name = "ns/g/l", .tcp_port = 80, .hostname = "a.com"});
  const auto blob = shm::build_policy(policy);
  REQUIRE(blob.has_value());
  const auto view = shm::verify_policy(*blob);
  REQUIRE(view.has_value());
  const OwnedRequest here{"a.com", "GET", "/", "", {}};
  const OwnedRequest elsewhere{"b.com", "GET", "/", "", {}};
  CHECK(route(*view, 0, here.view()).verdict == RouteVerdict::no_route);
  CHECK(route(*view, 0, here.view()).listener_index == 0);
  CHECK(route(*view, 0, elsewhere.view()).verdict == RouteVerdict::no_listener);
}

TEST_CASE("a connection belongs to the group of its address, else of the node, and only of its port") {
  shm::PolicySpec policy;
  policy.listeners.push_back({.name = "ns/g/own", .tcp_port = 80});
  policy.listeners.push_back(
      {.name = "ns/g/one", .tcp_port = 80, .addresses = {shm::IpAddress::from_ipv4(0x0a000001)}});
  const auto blob = shm::build_policy(policy);
  REQUIRE(blob.has_value());
  const auto view = shm::verify_policy(*blob);
  REQUIRE(view.has_value());
  const auto listener_at = [&](std::uint32_t address, std::uint16_t tcp_port, bool is_node_address) {
    const std::uint32_t group =
        view->find_group(shm::IpAddress::from_ipv4(address), tcp_port, is_node_address);
    return group == shm::no_index ? shm::no_index : view->groups()[group].any_listener;
  };
  CHECK(listener_at(0x0a000001, 80, false) == 1);
  CHECK(listener_at(0x0a000001, 80, true) == 1);
  CHECK(listener_at(0x0a000002, 80, true) == 0);
  CHECK(listener_at(0x0a000002, 80, false) == shm::no_index);
  CHECK(listener_at(0x0a000001, 81, true) == shm::no_index);
  CHECK(view->find_group(shm::IpAddress{}, 80, false) == shm::no_index);
}

/// How many of all 2^32 random numbers choose each reference, found by bisection: the choice is monotonic.
std::vector<std::uint64_t> shares(const std::vector<std::uint32_t>& weights) {
  shm::PolicySpec policy;
  policy.listeners.push_back({.name = "ns/g/l", .tcp_port = 80});
  RouteSpec route;
  route.route_namespace = "ns";
  route.route_name = "r";
  route.rules.emplace_back();
  for (std::size_t i = 0; i < weights.size(); ++i) {
    route.rules[0].backends.push_back({.backend = "ns/b:" + std::to_string(i), .weight = weights[i]});
  }
  policy.routes.push_back(route);
  const auto blob = shm::build_policy(policy);
  REQUIRE(blob.has_value());
  const auto view = shm::verify_policy(*blob);
  REQUIRE(view.has_value());
  const shm::Rule& rule = view->rules()[0];
  constexpr std::uint64_t all = 1ULL << 32;
  std::vector<std::uint64_t> result(weights.size());
  if (choose_backend(*view, rule, 0) == shm::no_index) {
    CHECK(choose_backend(*view, rule, 0xffff'ffff) == shm::no_index);
    return result;
  }
  for (std::uint64_t at = 0; at < all;) {
    const std::uint32_t chosen = choose_backend(*view, rule, static_cast<std::uint32_t>(at));
    REQUIRE(chosen < weights.size());
    std::uint64_t low = at;
    std::uint64_t high = all;
    while (high - low > 1) {
      const std::uint64_t middle = (low + high) / 2;
      (choose_backend(*view, rule, static_cast<std::uint32_t>(middle)) == chosen ? low : high) = middle;
    }
    result[chosen] += high - at;
    at = high;
  }
  return result;
}

TEST_CASE("each backend's share of random numbers is weight / sum, off by one number at most") {
  constexpr std::uint64_t all = 1ULL << 32;
  for (const std::vector<std::uint32_t>& weights : {std::vector<std::uint32_t>{90, 10},
                                                    {1, 1, 1},
                                                    {1},
                                                    {0, 100},
                                                    {50, 0, 50},
                                                    {1'000'000, 1},
                                                    {7, 5, 3}}) {
    std::uint64_t sum = 0;
    for (std::uint32_t weight : weights) sum += weight;
    const auto result = shares(weights);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const std::uint64_t wanted = all * weights[i] / sum;
      CHECK(result[i] + 1 >= wanted);
      CHECK(result[i] <= wanted + 1);
      if (weights[i] == 0) CHECK(result[i] == 0);
    }
  }
}

TEST_CASE("without backends, or with weights of 0 only, nothing is chosen") {
  CHECK(shares({}).empty());
  CHECK(shares({0, 0}) == std::vector<std::uint64_t>{0, 0});
}

}  // namespace
}  // namespace byway::l7::routing
