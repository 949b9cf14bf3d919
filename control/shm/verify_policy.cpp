// The policy half of verify.h: first each record for itself, then what they say about each other.
#include <tuple>
#include <vector>

#include "control/shm/blob_checker.h"
#include "control/shm/field_text.h"
#include "control/shm/host_pattern.h"

namespace byway::shm {

namespace {

class PolicyCheck {
 public:
  explicit PolicyCheck(std::span<const std::byte> blob) : check_(blob), view_(blob.data()) {}

  [[nodiscard]] bool run() {
    return check_.check_header(BlobKind::policy, sizeof(PolicyRoot)) && check_tables() && check_listeners() &&
           check_groups() && check_listener_hosts() && check_route_hosts() && check_exact_paths() &&
           check_prefix_nodes() && check_candidates() && check_conditions() && check_rules() &&
           check_backends() && check_header_edits() && check_hash_tables();
  }
  [[nodiscard]] const VerifyError& error() const { return check_.error(); }

 private:
  [[nodiscard]] const PolicyRoot& root() const { return view_.root(); }
  bool check_tables();
  bool check_listeners();
  bool check_listener(const Listener& listener);
  bool check_limits(const ListenerLimits& limits);
  bool check_groups();
  bool check_listener_hosts();
  bool check_membership(const ListenerGroup& group, const Listener& listener, const void* where);
  bool check_pattern(HostKind kind, const StringRef& pattern);
  bool check_route_hosts();
  bool check_exact_paths();
  bool check_prefix_nodes();
  bool check_prefix_node(std::uint32_t index);
  bool check_candidate_list(const Range& range);
  bool check_candidates();
  bool check_conditions();
  bool check_rules();
  bool check_weights(const Rule& rule);
  bool check_backends();
  bool check_header_edits();
  bool check_hash_tables();

  BlobChecker check_;
  PolicyView view_;
  std::uint64_t listed_candidates_ = 0;  ///< sum over all lists
};

bool PolicyCheck::check_tables() {
  const PolicyRoot& r = root();
  return check_.check_strings(r.strings) && check_.check_table(r.groups) && check_.check_table(r.listeners) &&
         check_.check_table(r.listener_hosts) && check_.check_table(r.listener_host_slots) &&
         check_.check_table(r.route_hosts) && check_.check_table(r.route_host_slots) &&
         check_.check_table(r.exact_paths) && check_.check_table(r.exact_path_slots) &&
         check_.check_table(r.prefix_nodes) && check_.check_table(r.prefix_node_slots) &&
         check_.check_table(r.candidates) && check_.check_table(r.header_matches) &&
         check_.check_table(r.query_matches) && check_.check_table(r.rules) &&
         check_.check_table(r.backend_refs) && check_.check_table(r.backends) &&
         check_.check_table(r.header_edits) && check_.check_table(r.addresses) &&
         check_.check_table(r.cidrs) && check_.check_end();
}

bool PolicyCheck::check_listeners() {
  for (const Listener& listener : view_.listeners()) {
    if (!check_listener(listener)) return false;
  }
  return true;
}

bool PolicyCheck::check_listener(const Listener& listener) {
  if (!check_.check_text(listener.name, 1, name_bytes_max) ||
      !check_.check_text(listener.hostname, 0, hostname_bytes_max) ||
      !check_.check_enum(listener.protocol, ListenerProtocol::http, ListenerProtocol::http) ||
      !check_.check_index_or_none(listener.any_host, root().route_hosts.count) ||
      !check_.check_range(listener.addresses, root().addresses.count, listener_addresses_max) ||
      !check_.check_range(listener.trusted_proxies, root().cidrs.count, trusted_proxies_max) ||
      !check_limits(listener.limits)) {
    return false;
  }
  if (listener.id != stable_id(view_.text(listener.name))) {
    return check_.fail_at(VerifyReason::bad_value, &listener.id);
  }
  // Port and addresses mean something only in groups, and are checked there (check_membership).
  const IpAddress* previous = nullptr;
  for (const IpAddress& address : view_.addresses(listener)) {
    if (previous != nullptr && !(*previous < address)) {
      return check_.fail_at(VerifyReason::bad_order, &address);
    }
    previous = &address;
  }
  for (const Cidr& cidr : view_.trusted_proxies(listener)) {
    if (cidr.prefix_bits > 128 || !cidr.is_canonical()) {
      return check_.fail_at(VerifyReason::bad_value, &cidr);
    }
  }
  return true;
}

bool PolicyCheck::check_limits(const ListenerLimits& limits) {
  if (!check_.check_zero(limits.reserved)) return false;
  const bool counts = limits.request_line_bytes != 0 && limits.header_fields != 0 && limits.head_bytes != 0;
  const bool times = limits.connect_timeout_ns != 0 && limits.connect_timeout_ns <= timeout_ns_max &&
                     limits.idle_timeout_ns != 0 && limits.idle_timeout_ns <= timeout_ns_max &&
                     limits.drain_ns <= timeout_ns_max;
  return (counts && times) || check_.fail_at(VerifyReason::bad_value, &limits);
}

bool PolicyCheck::check_groups() {
  const ListenerGroup* previous = nullptr;
  for (const ListenerGroup& group : view_.groups()) {
    if (group.tcp_port == 0 || group.tcp_port > 0xffff) {
      return check_.fail_at(VerifyReason::bad_value, &group.tcp_port);
    }
    if (previous != nullptr &&
        !(std::tie(previous->tcp_port, previous->address) < std::tie(group.tcp_port, group.address))) {
      return check_.fail_at(VerifyReason::bad_order, &group);
    }
    previous = &group;
    if (!check_.check_index_or_none(group.any_listener, view_.listeners().size())) return false;
    if (group.any_listener == no_index) continue;
    const Listener& listener = view_.listeners()[group.any_listener];
    if (listener.hostname.size != 0) return check_.fail_at(VerifyReason::bad_value, &group.any_listener);
    if (!check_membership(group, listener, &group.any_listener)) return false;
  }
  return true;
}

/// A listener may stand only in the groups of its port and addresses.
bool PolicyCheck::check_membership(const ListenerGroup& group, const Listener& listener, const void* where) {
  if (listener.tcp_port != group.tcp_port) return check_.fail_at(VerifyReason::bad_value, where);
  const auto addresses = view_.addresses(listener);
  const bool is_member = group.address.is_none()
                             ? addresses.empty()
                             : std::ranges::find(addresses, group.address) != addresses.end();
  return is_member || check_.fail_at(VerifyReason::bad_value, where);
}

bool PolicyCheck::check_pattern(HostKind kind, const StringRef& pattern) {
  if (kind == HostKind::any) return check_.check_text(pattern, 0, 0);
  if (!check_.check_text(pattern, 1, hostname_bytes_max)) return false;
  const std::string_view text = view_.text(pattern);
  // A wildcard's pattern is the suffix with its dot; an exact one never begins with one.
  const bool has_dot = text.front() == '.';
  const bool is_valid = has_dot == (kind == HostKind::wildcard) && !has_upper_case(text);
  return is_valid || check_.fail_at(VerifyReason::bad_string, &pattern);
}

bool PolicyCheck::check_listener_hosts() {
  struct Seen {
    std::uint32_t exact = 0;
    std::uint32_t wildcard_bytes_max = 0;
  };
  const auto groups = view_.groups();
  std::vector<Seen> seen(groups.size());
  for (const ListenerHost& host : view_.table(root().listener_hosts)) {
    if (!check_.check_index(host.group_index, groups.size()) ||
        !check_.check_index(host.listener_index, view_.listeners().size()) ||
        !check_.check_enum(host.kind, HostKind::exact, HostKind::wildcard) ||
        !check_.check_zero(host.reserved) || !check_pattern(host.kind, host.pattern)) {
      return false;
    }
    const Listener& listener = view_.listeners()[host.listener_index];
    std::string_view hostname = view_.text(listener.hostname);
    if (host.kind == HostKind::wildcard && hostname.starts_with('*')) hostname.remove_prefix(1);
    if (hostname != view_.text(host.pattern)) {
      return check_.fail_at(VerifyReason::bad_string, &host.pattern);
    }
    if (!check_membership(groups[host.group_index], listener, &host)) return false;
    Seen& group = seen[host.group_index];
    if (host.kind == HostKind::exact) {
      ++group.exact;
    } else {
      group.wildcard_bytes_max = std::max(group.wildcard_bytes_max, host.pattern.size);
    }
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].exact_listeners != seen[i].exact ||
        groups[i].wildcard_bytes_max != seen[i].wildcard_bytes_max) {
      return check_.fail_at(VerifyReason::bad_value, &groups[i].exact_listeners);
    }
  }
  return true;
}

bool PolicyCheck::check_route_hosts() {
  struct Seen {
    std::uint32_t exact = 0;
    std::uint32_t wildcard_bytes_max = 0;
    std::uint32_t any_host = no_index;
  };
  const auto listeners = view_.listeners();
  const auto hosts = view_.route_hosts();
  std::vector<Seen> seen(listeners.size());
  for (std::uint32_t i = 0; i < hosts.size(); ++i) {
    const RouteHost& host = hosts[i];
    if (!check_.check_index(host.listener_index, listeners.size()) ||
        !check_.check_enum(host.kind, HostKind::exact, HostKind::any) ||
        !check_pattern(host.kind, host.pattern) ||
        !check_.check_index_or_none(host.prefix_root, root().prefix_nodes.count)) {
      return false;
    }
    Seen& listener = seen[host.listener_index];
    if (host.kind == HostKind::exact) ++listener.exact;
    if (host.kind == HostKind::any) {
      if (listener.any_host != no_index) return check_.fail_at(VerifyReason::bad_order, &host);
      listener.any_host = i;
    }
    if (host.kind == HostKind::wildcard) {
      listener.wildcard_bytes_max = std::max(listener.wildcard_bytes_max, host.pattern.size);
    }
    if (host.prefix_root != no_index) {
      const PrefixNode& node = view_.table(root().prefix_nodes)[host.prefix_root];
      if (node.parent != no_index || node.host_index != i) {
        return check_.fail_at(VerifyReason::bad_tree, &host.prefix_root);
      }
    }
  }
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    if (listeners[i].exact_hosts != seen[i].exact || listeners[i].any_host != seen[i].any_host ||
        listeners[i].wildcard_bytes_max != seen[i].wildcard_bytes_max) {
      return check_.fail_at(VerifyReason::bad_value, &listeners[i].any_host);
    }
  }
  return true;
}

bool PolicyCheck::check_exact_paths() {
  const auto hosts = view_.route_hosts();
  std::vector<std::uint32_t> seen(hosts.size());
  for (const ExactPath& path : view_.table(root().exact_paths)) {
    if (!check_.check_index(path.host_index, hosts.size()) || !check_.check_zero(path.reserved) ||
        !check_.check_text(path.path, 1, path_bytes_max) || !check_candidate_list(path.candidates)) {
      return false;
    }
    if (path.candidates.is_empty()) return check_.fail_at(VerifyReason::bad_range, &path.candidates);
    if (view_.text(path.path).front() != '/') return check_.fail_at(VerifyReason::bad_string, &path.path);
    ++seen[path.host_index];
  }
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    if (hosts[i].exact_paths != seen[i]) {
      return check_.fail_at(VerifyReason::bad_value, &hosts[i].exact_paths);
    }
  }
  return true;
}

bool PolicyCheck::check_prefix_nodes() {
  const auto nodes = view_.table(root().prefix_nodes);
  std::vector<std::uint32_t> children(nodes.size());
  for (std::uint32_t i = 0; i < nodes.size(); ++i) {
    if (!check_prefix_node(i)) return false;
    if (nodes[i].parent != no_index) ++children[nodes[i].parent];
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].children != children[i]) return check_.fail_at(VerifyReason::bad_tree, &nodes[i].children);
  }
  return true;
}

bool PolicyCheck::check_prefix_node(std::uint32_t index) {
  const auto nodes = view_.table(root().prefix_nodes);
  const PrefixNode& node = nodes[index];
  if (!check_.check_index(node.host_index, root().route_hosts.count) ||
      !check_.check_text(node.label, 0, path_bytes_max) || !check_candidate_list(node.candidates)) {
    return false;
  }
  const auto fail = [&] { return check_.fail_at(VerifyReason::bad_tree, &node); };
  const std::string_view label = view_.text(node.label);
  if (node.parent == no_index) {
    const bool is_root = view_.route_hosts()[node.host_index].prefix_root == index;
    return (is_root && label.empty() && node.depth == 0) || fail();
  }
  if (node.parent >= index) return fail();
  const PrefixNode& parent = nodes[node.parent];
  if (node.host_index != parent.host_index) return fail();
  if (node.depth != parent.depth + 1 || node.depth > prefix_depth_max) return fail();
  const bool is_label = label.size() >= 2 && label.front() == '/' && label.back() != '/' &&
                        label.find("//") == std::string_view::npos;
  return is_label || fail();
}

/// The lists together are as long as the table, which also bounds the time that this takes: a hostile blob
/// cannot have one long list checked once for every path.
bool PolicyCheck::check_candidate_list(const Range& range) {
  if (!check_.check_range(range, root().candidates.count, candidates_per_path_max)) return false;
  listed_candidates_ += range.count();
  if (listed_candidates_ > root().candidates.count) return check_.fail_at(VerifyReason::bad_range, &range);
  // Less is earlier: with a method before without, more conditions before fewer.
  const auto rank = [](const Candidate& candidate) {
    return std::tuple(candidate.method == Method::any, ~candidate.headers.count(),
                      ~candidate.queries.count());
  };
  const auto list = view_.candidates().subspan(range.first, range.count());
  for (std::size_t i = 0; i + 1 < list.size(); ++i) {
    if (rank(list[i]) > rank(list[i + 1])) return check_.fail_at(VerifyReason::bad_order, &list[i + 1]);
  }
  return true;
}

bool PolicyCheck::check_candidates() {
  if (listed_candidates_ != root().candidates.count) {
    return check_.fail_at(VerifyReason::bad_range, &root().candidates);
  }
  for (const Candidate& candidate : view_.candidates()) {
    if (!check_.check_index(candidate.rule_index, root().rules.count) ||
        !check_.check_enum(candidate.method, Method::any, Method::patch) ||
        !check_.check_zero(candidate.reserved) ||
        !check_.check_range(candidate.headers, root().header_matches.count, match_conditions_max) ||
        !check_.check_range(candidate.queries, root().query_matches.count, match_conditions_max)) {
      return false;
    }
  }
  return true;
}

bool PolicyCheck::check_conditions() {
  const auto check_one = [this](const auto& condition) {
    return check_.check_text(condition.name, 1, header_name_bytes_max) &&
           check_.check_text(condition.value, 0, header_value_bytes_max) &&
           check_.check_enum(condition.kind, ValueKind::exact, ValueKind::exact) &&
           check_.check_zero(condition.reserved);
  };
  for (const HeaderMatch& match : view_.table(root().header_matches)) {
    if (!check_one(match)) return false;
    const std::string_view name = view_.text(match.name);
    if (!is_field_name(name) || has_upper_case(name)) {
      return check_.fail_at(VerifyReason::bad_string, &match.name);
    }
  }
  for (const QueryMatch& match : view_.table(root().query_matches)) {
    if (!check_one(match)) return false;
  }
  return true;
}

bool PolicyCheck::check_rules() {
  for (const BackendRef& ref : view_.backend_refs()) {
    if (!check_.check_index(ref.backend_index, root().backends.count) ||
        !check_.check_range(ref.request_edits, root().header_edits.count, header_edits_max)) {
      return false;
    }
    if (ref.weight > weight_max) return check_.fail_at(VerifyReason::bad_value, &ref.weight);
    if (ref.flags > backend_ref_invalid) return check_.fail_at(VerifyReason::bad_reserved, &ref.flags);
  }
  for (const Rule& rule : view_.rules()) {
    if (!check_.check_text(rule.route_namespace, 1, name_bytes_max) ||
        !check_.check_text(rule.route_name, 1, name_bytes_max) ||
        !check_.check_text(rule.rule_name, 0, name_bytes_max) ||
        !check_.check_range(rule.request_edits, root().header_edits.count, header_edits_max) ||
        !check_.check_range(rule.backend_refs, root().backend_refs.count, backend_refs_max)) {
      return false;
    }
    if (rule.request_timeout_ns > timeout_ns_max || rule.backend_request_timeout_ns > timeout_ns_max) {
      return check_.fail_at(VerifyReason::bad_value, &rule.request_timeout_ns);
    }
    if (!check_weights(rule)) return false;
  }
  return true;
}

bool PolicyCheck::check_weights(const Rule& rule) {
  std::uint32_t sum = 0;
  for (const BackendRef& ref : view_.backend_refs(rule)) {
    sum += ref.weight;
    if (ref.weight_end != sum) return check_.fail_at(VerifyReason::bad_weights, &ref);
  }
  return rule.weight_sum == sum || check_.fail_at(VerifyReason::bad_weights, &rule.weight_sum);
}

bool PolicyCheck::check_backends() {
  const PolicyBackend* previous = nullptr;
  for (const PolicyBackend& backend : view_.backends()) {
    if (!check_.check_text(backend.name, 1, name_bytes_max)) return false;
    if (backend.id != stable_id(view_.text(backend.name))) {
      return check_.fail_at(VerifyReason::bad_value, &backend.id);
    }
    if (previous != nullptr && previous->id >= backend.id) {
      return check_.fail_at(VerifyReason::bad_order, &backend);
    }
    previous = &backend;
  }
  return true;
}

bool PolicyCheck::check_header_edits() {
  for (const HeaderEdit& edit : view_.table(root().header_edits)) {
    if (!check_.check_enum(edit.kind, EditKind::set, EditKind::remove) || !check_.check_zero(edit.reserved) ||
        !check_.check_text(edit.name, 1, header_name_bytes_max) ||
        !check_.check_text(edit.value, 0, edit.kind == EditKind::remove ? 0 : header_value_bytes_max)) {
      return false;
    }
    if (!is_field_name(view_.text(edit.name))) return check_.fail_at(VerifyReason::bad_string, &edit.name);
    if (!is_field_value(view_.text(edit.value))) {
      return check_.fail_at(VerifyReason::bad_string, &edit.value);
    }
  }
  return true;
}

bool PolicyCheck::check_hash_tables() {
  const auto always = [](const auto&) { return true; };
  const auto pattern_of = [this](const auto& host) { return view_.text(host.pattern); };
  const auto node_key = [this](const PrefixNode& node) { return first_element(view_.text(node.label)); };
  return check_.check_hash_table(
             root().listener_host_slots, view_.table(root().listener_hosts), always,
             [](const ListenerHost& host) { return host.group_index; }, pattern_of,
             [this](const ListenerHost& a, const ListenerHost& b) {
               return a.group_index == b.group_index && view_.text(a.pattern) == view_.text(b.pattern);
             }) &&
         check_.check_hash_table(
             root().route_host_slots, view_.route_hosts(),
             [](const RouteHost& host) { return host.kind != HostKind::any; },
             [](const RouteHost& host) { return host.listener_index; }, pattern_of,
             [this](const RouteHost& a, const RouteHost& b) {
               return a.listener_index == b.listener_index && view_.text(a.pattern) == view_.text(b.pattern);
             }) &&
         check_.check_hash_table(
             root().exact_path_slots, view_.table(root().exact_paths), always,
             [](const ExactPath& path) { return path.host_index; },
             [this](const ExactPath& path) { return view_.text(path.path); },
             [this](const ExactPath& a, const ExactPath& b) {
               return a.host_index == b.host_index && view_.text(a.path) == view_.text(b.path);
             }) &&
         check_.check_hash_table(
             root().prefix_node_slots, view_.table(root().prefix_nodes),
             [](const PrefixNode& node) { return node.parent != no_index; },
             [](const PrefixNode& node) { return node.parent; }, node_key,
             [&node_key](const PrefixNode& a, const PrefixNode& b) {
               return a.parent == b.parent && node_key(a) == node_key(b);
             });
}

}  // namespace

std::expected<PolicyView, VerifyError> verify_policy(std::span<const std::byte> blob) {
  PolicyCheck check{blob};
  if (!check.run()) return std::unexpected(check.error());
  return PolicyView{blob.data()};
}

}  // namespace byway::shm
