#include "l7/routing/router.h"

namespace byway::l7::routing {

namespace {

using shm::no_index;

/// A request with what is derived from it once.
struct Question {
  const shm::PolicyView& policy;
  const RequestView& request;
  shm::Method method;
};

bool agrees(const Question& ask, const shm::Candidate& candidate) {
  if (candidate.method != shm::Method::any && candidate.method != ask.method) return false;
  for (const shm::HeaderMatch& match : ask.policy.headers(candidate)) {
    if (!matches_header(ask.request.headers, ask.policy.text(match.name), ask.policy.text(match.value))) {
      return false;
    }
  }
  for (const shm::QueryMatch& match : ask.policy.queries(candidate)) {
    if (!matches_query(ask.request.query, ask.policy.text(match.name), ask.policy.text(match.value))) {
      return false;
    }
  }
  return true;
}

/// The first candidate of a list that agrees, or no_index; lists are in order of precedence.
std::uint32_t first_that_agrees(const Question& ask, shm::Range list) {
  const auto candidates = ask.policy.candidates();
  for (std::uint32_t i = list.first; i < list.end; ++i) {
    if (agrees(ask, candidates[i])) return i;
  }
  return no_index;
}

std::uint32_t match_exact_path(const Question& ask, std::uint32_t host_index) {
  const auto paths = ask.policy.table(ask.policy.root().exact_paths);
  const std::uint32_t found = ask.policy.hash_table(ask.policy.root().exact_path_slots)
                                  .find(host_index, ask.request.path, [&](std::uint32_t index) {
                                    return paths[index].host_index == host_index &&
                                           ask.policy.text(paths[index].path) == ask.request.path;
                                  });
  return found == no_index ? no_index : first_that_agrees(ask, paths[found].candidates);
}

/// The deepest node of the tree whose labels lead along the path: the longest prefix. Each step consumes at
/// least one element.
std::uint32_t deepest_prefix(const Question& ask, std::uint32_t root_index) {
  const auto nodes = ask.policy.table(ask.policy.root().prefix_nodes);
  const shm::HashTableView table = ask.policy.hash_table(ask.policy.root().prefix_node_slots);
  std::string_view rest = ask.request.path;
  std::uint32_t node_index = root_index;
  while (nodes[node_index].children != 0 && !rest.empty()) {
    // `rest` begins with '/': every label ends where an element does.
    const std::string_view element = shm::first_element(rest);
    const std::uint32_t child = table.find(node_index, element, [&](std::uint32_t index) {
      return nodes[index].parent == node_index &&
             shm::first_element(ask.policy.text(nodes[index].label)) == element;
    });
    if (child == no_index) break;
    const std::string_view label = ask.policy.text(nodes[child].label);
    if (!rest.starts_with(label)) break;
    rest.remove_prefix(label.size());
    if (!rest.empty() && rest.front() != '/') break;
    node_index = child;
  }
  return node_index;
}

std::uint32_t match_prefix(const Question& ask, std::uint32_t root_index) {
  const auto nodes = ask.policy.table(ask.policy.root().prefix_nodes);
  for (std::uint32_t i = deepest_prefix(ask, root_index); i != no_index; i = nodes[i].parent) {
    const std::uint32_t found = first_that_agrees(ask, nodes[i].candidates);
    if (found != no_index) return found;
  }
  return no_index;
}

bool match_host(const Question& ask, std::uint32_t host_index, RouteResult& result) {
  const shm::RouteHost& host = ask.policy.route_hosts()[host_index];
  std::uint32_t found = host.exact_paths != 0 ? match_exact_path(ask, host_index) : no_index;
  if (found == no_index && host.prefix_root != no_index) found = match_prefix(ask, host.prefix_root);
  if (found == no_index) return false;
  result.verdict = RouteVerdict::found;
  result.host_index = host_index;
  result.candidate_index = found;
  result.rule_index = ask.policy.candidates()[found].rule_index;
  return true;
}

/// Calls `take(key)` for the suffixes of the host that a wildcard may have, the longest first, until it
/// returns true: ".b.com", ".com" of "a.b.com". There is always something before the dot (Gateway API:
/// "*.a.com" does not match "a.com").
template <class Take>
void for_each_suffix(std::string_view host, std::uint32_t bytes_max, Take take) {
  if (bytes_max == 0 || host.size() < 2) return;
  const std::size_t first = host.size() > bytes_max ? host.size() - bytes_max : 0;
  for (std::size_t dot = host.find('.', first == 0 ? 1 : first); dot != std::string_view::npos;
       dot = host.find('.', dot + 1)) {
    if (take(host.substr(dot))) return;
  }
}

/// Listener isolation: the most specific listener by host name, and no other.
std::uint32_t find_listener(const shm::PolicyView& policy, std::uint32_t group_index, std::string_view host) {
  const shm::ListenerGroup& group = policy.groups()[group_index];
  const auto hosts = policy.table(policy.root().listener_hosts);
  const shm::HashTableView table = policy.hash_table(policy.root().listener_host_slots);
  std::uint32_t listener_index = group.any_listener;
  const auto take = [&](std::string_view pattern) {
    const std::uint32_t found = table.find(group_index, pattern, [&](std::uint32_t index) {
      return hosts[index].group_index == group_index && policy.text(hosts[index].pattern) == pattern;
    });
    if (found == no_index) return false;
    listener_index = hosts[found].listener_index;
    return true;
  };
  // An exact name never begins with a dot, a wildcard's suffix always does, so one table holds both.
  if (group.exact_listeners != 0 && !host.starts_with('.') && take(host)) return listener_index;
  for_each_suffix(host, group.wildcard_bytes_max, take);
  return listener_index;
}

/// The route hosts with a name, the most specific first; true once one has a candidate that agrees.
bool match_named_hosts(const Question& ask, std::string_view host, RouteResult& result) {
  const shm::Listener& listener = ask.policy.listeners()[result.listener_index];
  const auto hosts = ask.policy.route_hosts();
  const shm::HashTableView table = ask.policy.hash_table(ask.policy.root().route_host_slots);
  const auto take = [&](std::string_view pattern) {
    const std::uint32_t found = table.find(result.listener_index, pattern, [&](std::uint32_t index) {
      return hosts[index].listener_index == result.listener_index &&
             ask.policy.text(hosts[index].pattern) == pattern;
    });
    return found != no_index && match_host(ask, found, result);
  };
  if (listener.exact_hosts != 0 && !host.starts_with('.') && take(host)) return true;
  for_each_suffix(host, listener.wildcard_bytes_max, take);
  return result.verdict == RouteVerdict::found;
}

}  // namespace

RouteResult route(const shm::PolicyView& policy, std::uint32_t group_index, const RequestView& request) {
  RouteResult result;
  // Where no hostname is configured, none is looked at.
  const shm::ListenerGroup& group = policy.groups()[group_index];
  const bool has_named_listeners = group.exact_listeners != 0 || group.wildcard_bytes_max != 0;
  HostName host;
  if (has_named_listeners) host.assign(request.authority);
  result.listener_index =
      has_named_listeners ? find_listener(policy, group_index, host.text()) : group.any_listener;
  if (result.listener_index == no_index) return result;
  result.verdict = RouteVerdict::no_route;
  if (!request.path.starts_with('/')) return result;

  // Exact host, wildcards from the longest, any: the first under which a candidate agrees has precedence over
  // whatever matches under a less specific one.
  const shm::Listener& listener = policy.listeners()[result.listener_index];
  const Question ask{policy, request, method_of(request.method)};
  if (listener.exact_hosts != 0 || listener.wildcard_bytes_max != 0) {
    if (!has_named_listeners) host.assign(request.authority);
    if (match_named_hosts(ask, host.text(), result)) return result;
  }
  if (listener.any_host != no_index) match_host(ask, listener.any_host, result);
  return result;
}

std::uint32_t choose_backend(const shm::PolicyView& policy, const shm::Rule& rule, std::uint32_t random) {
  const auto refs = policy.backend_refs(rule);
  // random / 2^32 of the way through the weights.
  const auto point = static_cast<std::uint32_t>((std::uint64_t{random} * rule.weight_sum) >> 32);
  for (std::uint32_t i = 0; i < refs.size(); ++i) {
    if (point < refs[i].weight_end) return i;
  }
  return no_index;
}

}  // namespace byway::l7::routing
