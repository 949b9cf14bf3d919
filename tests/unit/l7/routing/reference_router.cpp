#include "tests/unit/l7/routing/reference_router.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <vector>

namespace byway::test {

namespace {

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

/// Host without port and final dot, in lower case.
std::string host_of(std::string authority) {
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string::npos && (bracket == std::string::npos || colon > bracket)) {
    authority.resize(colon);
  }
  if (authority.ends_with('.')) authority.pop_back();
  return lower(authority);
}

/// "*.example.com" matches "test.example.com" and "foo.test.example.com", but not "example.com".
bool hostname_matches(const std::string& pattern, const std::string& host) {
  if (pattern.empty()) return true;
  if (!pattern.starts_with("*.")) return lower(pattern) == host;
  const std::string suffix = lower(pattern.substr(1));
  return host.size() > suffix.size() && host.ends_with(suffix);
}

/// Characters in a non-wildcard hostname, characters in a hostname.
std::pair<std::size_t, std::size_t> hostname_rank(const std::string& pattern) {
  return {pattern.starts_with("*.") ? 0 : pattern.size(), pattern.size()};
}

std::vector<std::string> elements_of(const std::string& path) {
  std::vector<std::string> result;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t slash = path.find('/', at + 1);
    result.push_back(path.substr(at + 1, slash == std::string::npos ? slash : slash - at - 1));
    at = slash == std::string::npos ? path.size() : slash;
  }
  return result;
}

std::string without_trailing_slash(std::string path) {
  if (path.ends_with('/')) path.pop_back();
  return path;
}

bool path_matches(const shm::MatchSpec& match, const std::string& path) {
  if (match.path_kind == shm::PathKind::exact) return path == match.path;
  if (!path.starts_with('/')) return false;
  const auto prefix = elements_of(without_trailing_slash(match.path));
  const auto actual = elements_of(path);
  return prefix.size() <= actual.size() && std::equal(prefix.begin(), prefix.end(), actual.begin());
}

/// Only the first condition on equivalent names counts.
std::vector<shm::NameValue> effective(const std::vector<shm::NameValue>& conditions, bool folds_case) {
  std::vector<shm::NameValue> result;
  std::set<std::string> seen;
  for (const shm::NameValue& condition : conditions) {
    if (seen.insert(folds_case ? lower(condition.name) : condition.name).second) result.push_back(condition);
  }
  return result;
}

bool headers_match(const std::vector<shm::NameValue>& conditions, const OwnedRequest& request) {
  for (const shm::NameValue& condition : conditions) {
    std::optional<std::string> joined;
    for (const auto& [name, value] : request.headers) {
      if (lower(name) != lower(condition.name)) continue;
      joined = joined ? *joined + ", " + value : value;
    }
    if (joined != condition.value) return false;
  }
  return true;
}

bool queries_match(const std::vector<shm::NameValue>& conditions, const std::string& query) {
  for (const shm::NameValue& condition : conditions) {
    std::optional<std::string> first;
    std::string rest = query;
    while (!rest.empty() && !first) {
      const std::string parameter = rest.substr(0, rest.find('&'));
      rest = parameter.size() == rest.size() ? "" : rest.substr(parameter.size() + 1);
      const std::size_t equals = parameter.find('=');
      if (!parameter.empty() && parameter.substr(0, equals) == condition.name) {
        first = equals == std::string::npos ? "" : parameter.substr(equals + 1);
      }
    }
    if (first != condition.value) return false;
  }
  return true;
}

std::optional<std::size_t> choose_listener(const shm::PolicySpec& policy, const shm::IpAddress& address,
                                           std::uint16_t tcp_port, const std::string& host) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < policy.listeners.size(); ++i) {
    const shm::ListenerSpec& listener = policy.listeners[i];
    const bool has_address = address.is_none()
                                 ? listener.addresses.empty()
                                 : std::ranges::find(listener.addresses, address) != listener.addresses.end();
    if (!has_address || listener.tcp_port != tcp_port || !hostname_matches(listener.hostname, host)) continue;
    if (!best || hostname_rank(listener.hostname) > hostname_rank(policy.listeners[*best].hostname)) {
      best = i;
    }
  }
  return best;
}

}  // namespace

ReferenceResult reference_route(const shm::PolicySpec& policy, const shm::IpAddress& address,
                                std::uint16_t tcp_port, const OwnedRequest& request) {
  const std::string host = host_of(request.authority);
  ReferenceResult result;
  result.listener = choose_listener(policy, address, tcp_port, host);
  if (!result.listener) return result;

  // Larger is better; what the text wants small is negated or compared the other way round below.
  using Better =
      std::tuple<std::pair<std::size_t, std::size_t>, bool, std::size_t, bool, std::size_t, std::size_t>;
  using Tie = std::tuple<std::int64_t, std::string, std::size_t, std::size_t>;
  std::optional<std::pair<Better, Tie>> best;
  static const std::vector<shm::MatchSpec> every_request(1);
  static const std::vector<std::string> every_host(1);
  for (std::size_t r = 0; r < policy.routes.size(); ++r) {
    const shm::RouteSpec& route = policy.routes[r];
    if (std::ranges::find(route.listeners, *result.listener) == route.listeners.end()) continue;
    for (const std::string& hostname : route.hostnames.empty() ? every_host : route.hostnames) {
      if (!hostname_matches(hostname, host)) continue;
      for (std::size_t u = 0; u < route.rules.size(); ++u) {
        const auto& matches = route.rules[u].matches.empty() ? every_request : route.rules[u].matches;
        for (std::size_t m = 0; m < matches.size(); ++m) {
          const shm::MatchSpec& match = matches[m];
          const auto headers = effective(match.headers, true);
          const auto queries = effective(match.queries, false);
          if (!path_matches(match, request.path)) continue;
          if (!match.method.empty() && match.method != request.method) continue;
          if (!headers_match(headers, request) || !queries_match(queries, request.query)) continue;
          const bool is_exact = match.path_kind == shm::PathKind::exact;
          const Better better{hostname_rank(hostname),
                              is_exact,
                              is_exact ? 0 : without_trailing_slash(match.path).size(),
                              !match.method.empty(),
                              headers.size(),
                              queries.size()};
          const Tie tie{route.created_s, route.route_namespace + "/" + route.route_name, u, m};
          if (best && (better < best->first || (better == best->first && tie >= best->second))) continue;
          best = {better, tie};
          result.match = {r, u, m};
        }
      }
    }
  }
  return result;
}

}  // namespace byway::test
