#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <random>

#include "control/shm/dump.h"
#include "control/shm/policy_builder.h"
#include "tests/support/random_policy.h"
#include "tests/unit/control/shm/tampered.h"

namespace byway::shm {
namespace {

using Blob = test::Tampered<PolicyRoot>;
using R = VerifyReason;
constexpr R accepted = test::accepted;

/// One of everything, at known places.
PolicySpec full_policy() {
  PolicySpec policy;
  const IpAddress one = IpAddress::from_ipv4(0x0a000001);
  const IpAddress two = IpAddress::from_ipv4(0x0a000002);
  policy.listeners = {{.name = "ns/g/any", .tcp_port = 80},
                      {.name = "ns/g/wild", .tcp_port = 80, .hostname = "*.a.com"},
                      {.name = "ns/g/exact", .tcp_port = 80, .addresses = {one, two}, .hostname = "b.a.com"}};
  policy.listeners[0].trusted_proxies = {{one, 104}};
  RouteSpec route{.route_namespace = "ns", .route_name = "r", .listeners = {0, 1, 2}};
  route.hostnames = {"b.a.com", "*.a.com"};
  MatchSpec narrow{.path = "/a/b"};
  narrow.method = "GET";
  narrow.headers = {{"version", "1"}};
  narrow.queries = {{"q", "1"}};
  RuleSpec rule{.matches = {narrow,
                            {.path = "/a/b"},
                            {.path = "/a/c"},
                            {.path = "/d"},
                            {.path_kind = PathKind::exact, .path = "/x"}},
                .request_edits = {{EditKind::set, "X-A", "1"}, {EditKind::remove, "X-B", ""}},
                .backends = {{.backend = "ns/b:80", .weight = 3}, {.backend = "ns/c:80", .weight = 4}}};
  route.rules = {rule};
  policy.routes = {route};
  route.route_name = "everywhere";
  route.hostnames = {};
  route.rules = {{.backends = {{.backend = "ns/b:80"}}}};
  policy.routes.push_back(route);
  route.route_name = "exact-only";
  route.hostnames = {"z.a.com"};
  route.rules[0].matches = {{.path_kind = PathKind::exact, .path = "/x"}};
  policy.routes.push_back(route);
  return policy;
}

Blob policy_blob() {
  auto blob = build_policy(full_policy());
  REQUIRE(blob.has_value());
  return Blob{*std::move(blob)};
}

template <class Change>
VerifyReason reason_after(Change change) {
  Blob blob = policy_blob();
  change(blob);
  return test::reason_of(verify_policy(blob.sealed()));
}

/// Applies `change` to record `index` of the root's table `member`.
template <class T, class Change>
VerifyReason in(Table<T> PolicyRoot::* member, std::size_t index, Change change) {
  return reason_after([&](Blob& blob) {
    REQUIRE(index < (blob.root().*member).count);
    change(blob.at(blob.root().*member, index));
  });
}

/// Index of the first record for which `is_wanted` holds.
template <class T, class IsWanted>
std::size_t first_of(Table<T> PolicyRoot::* member, IsWanted is_wanted) {
  Blob blob = policy_blob();
  const Table<T> table = blob.root().*member;
  for (std::size_t i = 0; i < table.count; ++i) {
    if (is_wanted(blob.at(table, i))) return i;
  }
  FAIL("no such record");
  return 0;
}

TEST_CASE("a built policy is accepted") {
  CHECK(verify_policy(policy_blob().bytes()).has_value());
}

TEST_CASE("each table of a policy lies in its canonical place") {
  Blob original = policy_blob();
  auto* words = reinterpret_cast<std::uint32_t*>(&original.root());
  // Offsets and counts alternate, but for the seeds of hash tables, which no place depends on.
  for (std::size_t i = 0; i < sizeof(PolicyRoot) / 4; ++i) {
    // Not 1: a count of strings that reaches into the zeros behind them harms nobody.
    for (std::uint32_t delta : {8U, 64U, 0xffff'ffffU, 0x8000'0000U}) {
      const std::uint32_t kept = words[i];
      words[i] = kept + delta;
      INFO("word " << i << " delta " << delta);
      CHECK_FALSE(verify_policy(original.sealed()).has_value());
      words[i] = kept;
    }
  }
}

TEST_CASE("listeners are checked") {
  const auto listener = [](auto change) { return in(&PolicyRoot::listeners, 0, change); };
  CHECK(listener([](Listener& l) { l.id ^= 1; }) == R::bad_value);
  CHECK(listener([](Listener& l) { l.name.size = 0; }) == R::bad_string);
  CHECK(listener([](Listener& l) { l.hostname = l.name; }) == R::bad_value);
  CHECK(listener([](Listener& l) { l.hostname.offset = 1; }) == R::bad_string);
  CHECK(listener([](Listener& l) { l.tcp_port = 0; }) == R::bad_value);
  CHECK(listener([](Listener& l) { l.tcp_port = 81; }) == R::bad_value);
  CHECK(listener([](Listener& l) { l.protocol = static_cast<ListenerProtocol>(2); }) == R::bad_enum);
  CHECK(listener([](Listener& l) { l.any_host = 1000; }) == R::bad_index);
  CHECK(listener([](Listener& l) { l.any_host = no_index; }) == R::bad_value);
  CHECK(listener([](Listener& l) { ++l.exact_hosts; }) == R::bad_value);
  CHECK(listener([](Listener& l) { ++l.wildcard_bytes_max; }) == R::bad_value);
  CHECK(listener([](Listener& l) { l.addresses.end = 1000; }) == R::bad_range);
  CHECK(listener([](Listener& l) { l.addresses = {0, 1}; }) == R::bad_value);
  CHECK(listener([](Listener& l) { l.trusted_proxies.end = 2; }) == R::bad_range);
  CHECK(listener([](Listener& l) { l.limits.reserved = 1; }) == R::bad_reserved);
  CHECK(listener([](Listener& l) { l.limits.request_line_bytes = 0; }) == R::bad_value);
  CHECK(listener([](Listener& l) { l.limits.header_fields = 0; }) == R::bad_value);
  CHECK(listener([](Listener& l) { l.limits.head_bytes = 0; }) == R::bad_value);
  CHECK(listener([](Listener& l) { l.limits.connect_timeout_ns = 0; }) == R::bad_value);
  CHECK(listener([](Listener& l) { l.limits.idle_timeout_ns = timeout_ns_max + 1; }) == R::bad_value);
  CHECK(listener([](Listener& l) { l.limits.drain_ns = timeout_ns_max + 1; }) == R::bad_value);
  CHECK(in(&PolicyRoot::cidrs, 0, [](Cidr& c) { c.prefix_bits = 129; }) == R::bad_value);
  CHECK(in(&PolicyRoot::cidrs, 0, [](Cidr& c) { c.address.bytes[15] = 1; }) == R::bad_value);
  CHECK(in(&PolicyRoot::addresses, 0, [](IpAddress& a) { a = {}; }) == R::bad_value);
  CHECK(in(&PolicyRoot::addresses, 1, [](IpAddress& a) { a = IpAddress::from_ipv4(1); }) == R::bad_order);
}

TEST_CASE("groups and their hosts are checked") {
  const auto group = [](std::size_t index, auto change) { return in(&PolicyRoot::groups, index, change); };
  CHECK(group(0, [](ListenerGroup& g) { g.tcp_port = 0; }) == R::bad_value);
  CHECK(group(2, [](ListenerGroup& g) { g.tcp_port = 0x10000; }) == R::bad_value);
  CHECK(reason_after([](Blob& b) {
          b.at(b.root().groups, 0).tcp_port = 0;
          b.at(b.root().listeners, 0).tcp_port = 0;
          b.at(b.root().listeners, 1).tcp_port = 0;
        }) == R::bad_value);
  CHECK(group(0, [](ListenerGroup& g) { g.tcp_port = 79; }) == R::bad_value);
  CHECK(group(1, [](ListenerGroup& g) { g.address = {}; }) == R::bad_order);
  CHECK(group(0, [](ListenerGroup& g) { g.any_listener = 3; }) == R::bad_index);
  CHECK(group(0, [](ListenerGroup& g) { g.any_listener = 1; }) == R::bad_value);
  CHECK(group(1, [](ListenerGroup& g) { g.any_listener = 0; }) == R::bad_value);
  CHECK(group(0, [](ListenerGroup& g) { ++g.exact_listeners; }) == R::bad_value);
  CHECK(group(0, [](ListenerGroup& g) { g.wildcard_bytes_max = 0; }) == R::bad_value);
  const auto host = [](auto change) { return in(&PolicyRoot::listener_hosts, 0, change); };
  CHECK(host([](ListenerHost& h) { h.group_index = 3; }) == R::bad_index);
  CHECK(host([](ListenerHost& h) { h.group_index = 1; }) == R::bad_value);
  CHECK(host([](ListenerHost& h) { h.listener_index = 3; }) == R::bad_index);
  CHECK(host([](ListenerHost& h) { h.listener_index = 2; }) == R::bad_string);
  CHECK(host([](ListenerHost& h) { h.kind = HostKind::any; }) == R::bad_enum);
  CHECK(host([](ListenerHost& h) { h.kind = HostKind::exact; }) == R::bad_string);
  CHECK(host([](ListenerHost& h) { h.reserved = 1; }) == R::bad_reserved);
  CHECK(host([](ListenerHost& h) { h.pattern.size = 0; }) == R::bad_string);
}

TEST_CASE("route hosts are checked") {
  const std::size_t exact =
      first_of(&PolicyRoot::route_hosts, [](auto& h) { return h.kind == HostKind::exact; });
  const std::size_t any = first_of(&PolicyRoot::route_hosts, [](auto& h) { return h.kind == HostKind::any; });
  const auto host = [&](auto change) { return in(&PolicyRoot::route_hosts, exact, change); };
  CHECK(host([](RouteHost& h) { h.listener_index = 3; }) == R::bad_index);
  CHECK(host([](RouteHost& h) { h.listener_index = 1; }) != accepted);
  CHECK(host([](RouteHost& h) { h.kind = static_cast<HostKind>(0); }) == R::bad_enum);
  CHECK(host([](RouteHost& h) { h.kind = HostKind::wildcard; }) == R::bad_string);
  CHECK(host([](RouteHost& h) { h.pattern = {0, 0}; }) == R::bad_string);
  CHECK(host([](RouteHost& h) { ++h.exact_paths; }) == R::bad_value);
  CHECK(host([](RouteHost& h) { h.prefix_root = 1000; }) == R::bad_index);
  CHECK(host([](RouteHost& h) { ++h.prefix_root; }) == R::bad_tree);
  CHECK(host([](RouteHost& h) { h.prefix_root = no_index; }) == R::bad_tree);
  const std::size_t without_tree =
      first_of(&PolicyRoot::route_hosts, [](auto& h) { return h.prefix_root == no_index; });
  CHECK(in(&PolicyRoot::route_hosts, without_tree, [](RouteHost& h) { h.prefix_root = 0; }) == R::bad_tree);
  const std::size_t wild =
      first_of(&PolicyRoot::route_hosts, [](auto& h) { return h.kind == HostKind::wildcard; });
  CHECK(in(&PolicyRoot::route_hosts, wild, [](RouteHost& h) {
          h.kind = HostKind::any;
          h.pattern = {0, 0};
        }) == R::bad_order);
  CHECK(in(&PolicyRoot::route_hosts, any, [](RouteHost& h) { h.pattern = {300, 1}; }) == R::bad_string);
  CHECK(reason_after([&](Blob& b) {
          RouteHost& h = b.at(b.root().route_hosts, exact);
          b.set_char(h.pattern, 0, 'B');
        }) == R::bad_string);
}

TEST_CASE("exact paths and candidates are checked") {
  const auto path = [](auto change) { return in(&PolicyRoot::exact_paths, 0, change); };
  CHECK(path([](ExactPath& p) { p.host_index = 1000; }) == R::bad_index);
  CHECK(path([](ExactPath& p) { p.reserved = 1; }) == R::bad_reserved);
  CHECK(path([](ExactPath& p) { p.path = {0, 0}; }) == R::bad_string);
  CHECK(path([](ExactPath& p) { ++p.path.offset; }) == R::bad_string);
  CHECK(path([](ExactPath& p) { p.candidates.end = p.candidates.first; }) == R::bad_range);
  CHECK(path([](ExactPath& p) { p.candidates.end = 1000; }) == R::bad_range);
  CHECK(path([](ExactPath& p) { p.candidates.end += 1; }) != accepted);
  const std::size_t narrow =
      first_of(&PolicyRoot::candidates, [](auto& c) { return c.method == Method::get; });
  const auto candidate = [&](auto change) { return in(&PolicyRoot::candidates, narrow, change); };
  CHECK(candidate([](Candidate& c) { c.rule_index = 3; }) == R::bad_index);
  CHECK(candidate([](Candidate& c) { c.method = Method::other; }) == R::bad_enum);
  CHECK(candidate([](Candidate& c) { c.reserved = 1; }) == R::bad_reserved);
  CHECK(candidate([](Candidate& c) { c.headers.end = 1000; }) == R::bad_range);
  CHECK(candidate([](Candidate& c) { c.queries = {1, 0}; }) == R::bad_range);
  CHECK(in(&PolicyRoot::candidates, narrow + 1, [](Candidate& c) {
          c.method = Method::get;
          c.headers = {0, 1};
          c.queries = {0, 1};
        }) == accepted);
  CHECK(reason_after([&](Blob& b) {
          std::swap(b.at(b.root().candidates, narrow), b.at(b.root().candidates, narrow + 1));
        }) == R::bad_order);
}

TEST_CASE("candidate lists are together as long as their table") {
  // The list that goes beyond is named, not the table in the end: it is also the bound on the work.
  Blob blob = policy_blob();
  const Table<PrefixNode> nodes = blob.root().prefix_nodes;
  PrefixNode& last = blob.at(nodes, nodes.count - 1);
  PrefixNode& before = blob.at(nodes, nodes.count - 2);
  before.candidates = last.candidates;
  last.candidates = {before.candidates.first - 1, before.candidates.end};
  const auto result = verify_policy(blob.sealed());
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().reason == R::bad_range);
  CHECK(result.error().offset ==
        nodes.offset + (nodes.count - 1) * sizeof(PrefixNode) + offsetof(PrefixNode, candidates));
}

TEST_CASE("an exact path without candidates is refused though the lists add up") {
  Blob blob = policy_blob();
  ExactPath& path = blob.at(blob.root().exact_paths);
  const Table<PrefixNode> nodes = blob.root().prefix_nodes;
  const std::uint32_t host = path.host_index;
  path.candidates.end = path.candidates.first;
  for (std::size_t i = 0; i < nodes.count; ++i) {
    PrefixNode& node = blob.at(nodes, i);
    // "/d": the last list of its host; it takes its neighbour's candidate for the one that was taken away.
    if (node.host_index == host && i + 1 < nodes.count && blob.at(nodes, i + 1).host_index != host) {
      --node.candidates.first;
    }
  }
  CHECK(test::reason_of(verify_policy(blob.sealed())) == R::bad_range);
}

TEST_CASE("prefix trees are checked") {
  const std::size_t child =
      first_of(&PolicyRoot::prefix_nodes, [](auto& n) { return n.parent != no_index && n.depth == 2; });
  const auto node = [&](auto change) { return in(&PolicyRoot::prefix_nodes, child, change); };
  const auto self = static_cast<std::uint32_t>(child);
  CHECK(node([](PrefixNode& n) { n.host_index = 1000; }) == R::bad_index);
  CHECK(node([](PrefixNode& n) { ++n.host_index; }) == R::bad_tree);
  CHECK(node([=](PrefixNode& n) { n.parent = self; }) == R::bad_tree);
  CHECK(node([=](PrefixNode& n) { n.parent = self + 1; }) == R::bad_tree);
  CHECK(node([](PrefixNode& n) { n.parent = no_index; }) == R::bad_tree);
  CHECK(node([](PrefixNode& n) { n.parent = 0; }) == R::bad_tree);
  CHECK(node([](PrefixNode& n) { ++n.depth; }) == R::bad_tree);
  CHECK(node([](PrefixNode& n) { ++n.children; }) == R::bad_tree);
  CHECK(node([](PrefixNode& n) { n.label = {0, 0}; }) == R::bad_tree);
  CHECK(node([](PrefixNode& n) { n.label.size = 1; }) == R::bad_tree);
  CHECK(node([](PrefixNode& n) { n.candidates.end = 1000; }) == R::bad_range);
  CHECK(node([](PrefixNode& n) { n.candidates = {0, 0}; }) == R::bad_range);
  CHECK(reason_after([&](Blob& b) { b.set_char(b.at(b.root().prefix_nodes, child).label, 1, '/'); }) ==
        R::bad_tree);
}

TEST_CASE("conditions, rules, backends and edits are checked") {
  const auto header = [](auto change) { return in(&PolicyRoot::header_matches, 0, change); };
  CHECK(header([](HeaderMatch& m) { m.name = {0, 0}; }) == R::bad_string);
  CHECK(header([](HeaderMatch& m) { m.value.offset = 1; }) == R::bad_string);
  CHECK(header([](HeaderMatch& m) { m.kind = static_cast<ValueKind>(2); }) == R::bad_enum);
  CHECK(header([](HeaderMatch& m) { m.reserved = 1; }) == R::bad_reserved);
  CHECK(reason_after([](Blob& b) { b.set_char(b.at(b.root().header_matches).name, 0, 'V'); }) ==
        R::bad_string);
  CHECK(in(&PolicyRoot::query_matches, 0, [](QueryMatch& m) { m.name = {0, 0}; }) == R::bad_string);

  const auto rule = [](auto change) { return in(&PolicyRoot::rules, 0, change); };
  CHECK(rule([](Rule& r) { r.route_namespace = {0, 0}; }) == R::bad_string);
  CHECK(rule([](Rule& r) { r.route_name = {0, 0}; }) == R::bad_string);
  CHECK(rule([](Rule& r) { r.rule_name = {1, 1}; }) == R::bad_string);
  CHECK(rule([](Rule& r) { ++r.weight_sum; }) == R::bad_weights);
  CHECK(rule([](Rule& r) { r.request_timeout_ns = timeout_ns_max + 1; }) == R::bad_value);
  CHECK(rule([](Rule& r) { r.backend_request_timeout_ns = timeout_ns_max + 1; }) == R::bad_value);
  CHECK(rule([](Rule& r) { r.request_edits.end = 1000; }) == R::bad_range);
  CHECK(rule([](Rule& r) { r.backend_refs.end = 1000; }) == R::bad_range);
  CHECK(rule([](Rule& r) { r.backend_refs.first = 1; }) == R::bad_weights);

  const auto ref = [](auto change) { return in(&PolicyRoot::backend_refs, 0, change); };
  CHECK(ref([](BackendRef& r) { r.backend_index = 2; }) == R::bad_index);
  CHECK(ref([](BackendRef& r) { ++r.weight; }) == R::bad_weights);
  CHECK(ref([](BackendRef& r) { ++r.weight_end; }) == R::bad_weights);
  CHECK(ref([](BackendRef& r) { r.weight = weight_max + 1; }) == R::bad_value);
  CHECK(ref([](BackendRef& r) { r.flags = 2; }) == R::bad_reserved);
  CHECK(ref([](BackendRef& r) { r.request_edits.end = 1000; }) == R::bad_range);
  CHECK(in(&PolicyRoot::backends, 0, [](PolicyBackend& b) { b.id ^= 1; }) == R::bad_value);
  CHECK(reason_after([](Blob& b) { std::swap(b.at(b.root().backends, 0), b.at(b.root().backends, 1)); }) ==
        R::bad_order);

  CHECK(in(&PolicyRoot::header_edits, 0, [](HeaderEdit& e) { e.kind = static_cast<EditKind>(4); }) ==
        R::bad_enum);
  CHECK(in(&PolicyRoot::header_edits, 0, [](HeaderEdit& e) { e.kind = EditKind::remove; }) == R::bad_string);
  CHECK(in(&PolicyRoot::header_edits, 0, [](HeaderEdit& e) { e.reserved = 1; }) == R::bad_reserved);
  CHECK(reason_after([](Blob& b) { b.set_char(b.at(b.root().header_edits).name, 1, ':'); }) == R::bad_string);
  CHECK(reason_after([](Blob& b) { b.set_char(b.at(b.root().header_edits).value, 0, '\n'); }) ==
        R::bad_string);
}

TEST_CASE("records that a lookup would not find are refused") {
  for (HashTable PolicyRoot::* member : {&PolicyRoot::listener_host_slots, &PolicyRoot::route_host_slots,
                                         &PolicyRoot::exact_path_slots, &PolicyRoot::prefix_node_slots}) {
    const auto slots = [member](auto change) {
      return reason_after([&](Blob& b) {
        const Table<HashSlot> table = (b.root().*member).slots;
        change(&b.at(table), table.count);
      });
    };
    const auto used = [](HashSlot* first, std::uint32_t count) {
      return std::find_if(first, first + count, [](const HashSlot& s) { return s.index != no_index; });
    };
    CHECK(slots([&](HashSlot* s, std::uint32_t n) { *used(s, n) = {0, no_index}; }) == R::bad_hash);
    CHECK(slots([&](HashSlot* s, std::uint32_t n) { used(s, n)->tag ^= 1; }) == R::bad_hash);
    CHECK(slots([&](HashSlot* s, std::uint32_t n) { used(s, n)->index = 100'000; }) == R::bad_hash);
    CHECK(slots([&](HashSlot* s, std::uint32_t n) {
            // The same record in a slot of its own once more.
            const HashSlot copy = *used(s, n);
            *std::find_if(s, s + n, [](const HashSlot& slot) { return slot.index == no_index; }) = copy;
          }) == R::bad_hash);
    CHECK(slots([](HashSlot* s, std::uint32_t n) {
            std::find_if(s, s + n, [](const HashSlot& slot) { return slot.index == no_index; })->tag = 1;
          }) == R::bad_hash);
    CHECK(reason_after([&](Blob& b) { (b.root().*member).seed += 12345; }) == R::bad_hash);
  }
}

TEST_CASE("changed bytes are refused or harmless") {
  // What the fuzzer does for hours, for a moment: change a few bytes, mend the checksum; what passes is read
  // in full and routed over. The sanitizers watch.
  std::mt19937_64 random{42};
  int passed = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    test::RandomPolicy source{seed};
    const auto built = build_policy(source.policy());
    REQUIRE(built.has_value());
    for (int round = 0; round < 60; ++round) {
      Blob blob{*built};
      const std::size_t first = sizeof(BlobHeader);
      for (std::uint64_t i = random() % 3; i < 3; ++i) {
        std::byte& target = blob.bytes()[first + random() % (blob.bytes().size() - first)];
        target = random() % 2 == 0 ? std::byte{0xff} : target ^ static_cast<std::byte>(random() % 8);
      }
      const auto view = verify_policy(blob.sealed());
      if (!view) continue;
      ++passed;
      CHECK(dump(*view).empty() == (view->groups().empty() && view->rules().empty()));
      for (std::uint32_t group = 0; group < view->groups().size(); ++group) {
        const auto result = l7::routing::route(*view, group, source.request().view());
        if (result.rule_index == no_index) continue;
        const Rule& rule = view->rules()[result.rule_index];
        const std::uint32_t chosen = l7::routing::choose_backend(*view, rule, 0xffff'ffff);
        CHECK((chosen == no_index || chosen < view->backend_refs(rule).size()));
      }
    }
  }
  CHECK(passed > 100);
}

}  // namespace
}  // namespace byway::shm
