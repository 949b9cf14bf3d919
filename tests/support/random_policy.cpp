#include "tests/support/random_policy.h"

#include <algorithm>
#include <set>

namespace byway::test {

namespace {

constexpr std::string_view hostnames[] = {"",        "a.com",     "b.a.com",   "c.b.a.com",   "d.org",
                                          "*.a.com", "*.b.a.com", "*.com",     "*.c.b.a.com", "xb.a.com",
                                          "*.org",   "A.com",     "*.B.a.com", "com"};
constexpr std::string_view hosts[] = {
    "a.com",      "b.a.com",  "c.b.a.com",   "d.c.b.a.com", "xb.a.com",  "B.A.com", "d.org",    "e.d.org",
    "a.com:8080", "b.a.com.", "x.a.com.:80", "com",         "org",       "z.com",   "[::1]:80", "10.0.0.1:80",
    "",           ".a.com",   "..a.com",     "a..com",      "y.b.a.com", "xa.com",  "a.com.."};
constexpr std::string_view elements[] = {"a", "b", "ab", "abc", "v1", "%41", "A"};
constexpr std::string_view methods[] = {"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"};
constexpr std::string_view header_names[] = {"x", "X", "version", "Version", "env"};
constexpr std::string_view header_values[] = {"1", "2", "1, 2", ""};
constexpr std::string_view query_names[] = {"q", "Q", "page"};
constexpr std::string_view query_values[] = {"1", "2", "%31", ""};
constexpr std::string_view backend_names[] = {"ns/one:80", "ns/two:80", "ns/three:8080", "other/one:80"};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool find_header(const void* head, std::string_view name, std::uint32_t occurrence, std::string_view& value) {
  for (const auto& [field, content] : static_cast<const OwnedRequest*>(head)->headers) {
    if (!std::ranges::equal(field, name, {}, lower) || occurrence-- != 0) continue;
    value = content;
    return true;
  }
  return false;
}

}  // namespace

l7::routing::RequestView OwnedRequest::view() const {
  return {.authority = authority,
          .method = method,
          .path = path,
          .query = query,
          .headers = {.head = this, .find = &find_header}};
}

shm::PolicySpec RandomPolicy::policy() {
  shm::PolicySpec result;
  add_listeners(result);
  std::set<std::string> names;
  for (std::uint32_t i = below(10); i > 0; --i) {
    shm::RouteSpec made = route(result.listeners.size());
    if (names.insert(made.route_namespace + "/" + made.route_name).second) {
      result.routes.push_back(std::move(made));
    }
  }
  return result;
}

void RandomPolicy::add_listeners(shm::PolicySpec& policy) {
  std::set<std::string> taken;
  for (std::uint32_t i = below(7); i > 0; --i) {
    shm::ListenerSpec listener;
    listener.name = "ns/gateway/" + std::to_string(policy.listeners.size());
    listener.tcp_port = one_in(3) ? 81 : 80;
    for (std::uint32_t last = 1; last <= 2; ++last) {
      if (one_in(4)) listener.addresses.push_back(shm::IpAddress::from_ipv4(0x0a000000 + last));
    }
    listener.hostname = any_of(hostnames);
    if (one_in(3)) listener.trusted_proxies.push_back({shm::IpAddress::from_ipv4(0x0a0b0c0d), 104});
    std::vector<shm::IpAddress> places = listener.addresses;
    if (places.empty()) places.emplace_back();
    std::set<std::string> wanted;
    for (const shm::IpAddress& place : places) {
      std::string key(reinterpret_cast<const char*>(place.bytes), sizeof(place.bytes));
      key += std::to_string(listener.tcp_port) + "/";
      for (char c : listener.hostname) key += lower(c);
      wanted.insert(std::move(key));
    }
    const bool conflicts = std::ranges::any_of(wanted, [&](const auto& key) { return taken.contains(key); });
    if (conflicts) continue;
    taken.merge(wanted);
    policy.listeners.push_back(std::move(listener));
  }
}

shm::RouteSpec RandomPolicy::route(std::size_t listener_count) {
  // With "-" before "/" in ASCII, "a-b/x" sorts before "a/x" as one text, after it as a pair.
  constexpr std::string_view namespaces[] = {"a", "a-b", "b"};
  constexpr std::string_view names[] = {"w", "x", "y", "z"};
  shm::RouteSpec result;
  result.route_namespace = any_of(namespaces);
  result.route_name = any_of(names);
  result.created_s = below(3);
  for (std::uint32_t i = below(4); i > 0; --i) {
    const std::string_view hostname = any_of(hostnames);
    if (!hostname.empty()) result.hostnames.emplace_back(hostname);
  }
  for (std::size_t i = 0; i < listener_count; ++i) {
    if (!one_in(3)) result.listeners.push_back(i);
  }
  for (std::uint32_t i = below(4); i > 0; --i) result.rules.push_back(rule());
  return result;
}

shm::RuleSpec RandomPolicy::rule() {
  shm::RuleSpec result;
  for (std::uint32_t i = below(4); i > 0; --i) result.matches.push_back(match());
  for (std::uint32_t i = below(4); i > 0; --i) {
    shm::BackendRefSpec ref{.backend = std::string(any_of(backend_names)),
                            .weight = below(3),
                            .is_invalid = one_in(8),
                            .request_edits = {}};
    if (one_in(4)) ref.request_edits.push_back({shm::EditKind::remove, "X-Internal", ""});
    result.backends.push_back(std::move(ref));
  }
  if (one_in(3)) result.request_edits.push_back({shm::EditKind::set, "X-Route", "value"});
  result.request_timeout_ns = one_in(2) ? 0 : 1'000'000;
  return result;
}

shm::MatchSpec RandomPolicy::match() {
  shm::MatchSpec result;
  result.path_kind = one_in(3) ? shm::PathKind::exact : shm::PathKind::prefix;
  result.path = path(true);
  if (one_in(3)) result.method = any_of(methods);
  for (std::uint32_t i = one_in(2) ? below(4) : 0; i > 0; --i) {
    result.headers.push_back({std::string(any_of(header_names)), std::string(any_of(header_values))});
  }
  for (std::uint32_t i = one_in(3) ? below(3) : 0; i > 0; --i) {
    result.queries.push_back({std::string(any_of(query_names)), std::string(any_of(query_values))});
  }
  return result;
}

std::string RandomPolicy::path(bool is_pattern) {
  std::string result;
  for (std::uint32_t i = below(5); i > 0; --i) {
    result += '/';
    // An empty element makes "//", which a pattern may not hold.
    if (is_pattern || !one_in(12)) result += any_of(elements);
  }
  if (result.empty() || (one_in(4) && !(is_pattern && result.ends_with('/')))) result += '/';
  return result;
}

OwnedRequest RandomPolicy::request() {
  OwnedRequest result;
  result.authority = any_of(hosts);
  result.method = one_in(10) ? "BREW" : std::string(any_of(methods));
  result.path = one_in(30) ? "*" : path(false);
  for (std::uint32_t i = below(4); i > 0; --i) {
    result.headers.emplace_back(any_of(header_names), any_of(header_values));
  }
  for (std::uint32_t i = below(4); i > 0; --i) {
    if (!result.query.empty()) result.query += '&';
    if (one_in(10)) continue;
    result.query += any_of(query_names);
    if (one_in(6)) continue;
    result.query += '=';
    result.query += any_of(query_values);
  }
  return result;
}

std::vector<shm::BackendSpec> RandomPolicy::endpoints() {
  std::vector<shm::BackendSpec> result;
  for (std::string_view name : backend_names) {
    if (one_in(5)) continue;
    shm::BackendSpec backend{
        .name = std::string(name),
        .balance = one_in(2) ? shm::BalancePolicy::least_request : shm::BalancePolicy::round_robin,
        .endpoints = {}};
    for (std::uint32_t i = 0, count = below(4); i < count; ++i) {
      backend.endpoints.push_back(
          {.address = shm::IpAddress::from_ipv4(0x0a010000 + i), .tcp_port = 8080, .weight = 1 + below(3)});
    }
    result.push_back(std::move(backend));
  }
  return result;
}

}  // namespace byway::test
