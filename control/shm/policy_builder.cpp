#include "control/shm/policy_builder.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "control/shm/field_text.h"
#include "control/shm/route_tables.h"

namespace byway::shm {

namespace {

using Failure = std::unexpected<BuildError>;

std::uint32_t size_of(const auto& container) {
  return static_cast<std::uint32_t>(container.size());
}

std::string in_lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::expected<Method, std::string> parse_method(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, Method>, 10> methods{{{"", Method::any},
                                                                                {"GET", Method::get},
                                                                                {"HEAD", Method::head},
                                                                                {"POST", Method::post},
                                                                                {"PUT", Method::put},
                                                                                {"DELETE", Method::del},
                                                                                {"CONNECT", Method::connect},
                                                                                {"OPTIONS", Method::options},
                                                                                {"TRACE", Method::trace},
                                                                                {"PATCH", Method::patch}}};
  for (const auto& [name, method] : methods) {
    if (text == name) return method;
  }
  return std::unexpected("method \"" + std::string(text) + "\" is none of the Gateway API's");
}

/// The tables of one policy as they grow; build_policy() below is the order of the steps.
class PolicyBuild {
 public:
  explicit PolicyBuild(const PolicySpec& policy) : policy_(policy) {}

  std::expected<BlobBytes, BuildError> run();

 private:
  std::expected<void, BuildError> add_listeners();
  std::expected<void, BuildError> add_listener(const ListenerSpec& spec, const HostPattern& host);
  std::expected<void, BuildError> add_groups();
  std::expected<void, BuildError> add_to_group(std::uint32_t group_index, std::uint32_t listener_index,
                                               std::vector<std::string>& keys);
  void add_backends();
  std::expected<void, BuildError> add_route(const RouteSpec& route, const std::string& full_name);
  std::expected<void, BuildError> add_matches(const RouteSpec& route, const std::string& full_name,
                                              std::size_t rule_index, const std::set<std::size_t>& attached,
                                              const std::set<HostPattern>& hosts);
  std::expected<void, BuildError> add_rule(const RouteSpec& route, std::size_t rule_index);
  std::expected<void, BuildError> add_backend_refs(const RuleSpec& spec, Rule& rule,
                                                   const std::string& where);
  std::expected<Range, BuildError> add_edits(const std::vector<HeaderEditSpec>& edits,
                                             const std::string& where);
  std::expected<Candidate, BuildError> make_candidate(const MatchSpec& match, const std::string& where);
  template <class Record>
  std::expected<Range, BuildError> add_conditions(const std::vector<NameValue>& specs, bool is_header,
                                                  std::vector<Record>& out, const std::string& where);
  std::expected<BlobBytes, BuildError> finish();

  const PolicySpec& policy_;
  BlobWriter writer_{BlobKind::policy, sizeof(PolicyRoot)};
  std::vector<HostPattern> listener_patterns_;
  std::vector<ListenerGroup> groups_;
  std::vector<Listener> listeners_;
  std::vector<ListenerHost> listener_hosts_;
  HashSlots listener_host_slots_;
  RouteTables routes_;
  std::vector<HeaderMatch> header_matches_;
  std::vector<QueryMatch> query_matches_;
  std::vector<Rule> rules_;
  std::vector<BackendRef> backend_refs_;
  std::vector<PolicyBackend> backends_;
  std::map<std::string, std::uint32_t, std::less<>> backend_index_;
  std::vector<HeaderEdit> header_edits_;
  std::vector<IpAddress> addresses_;
  std::vector<Cidr> cidrs_;
  std::vector<std::string> route_names_;  ///< "ns/name" of each route; ranks refer to them
};

std::expected<void, BuildError> check_name(std::string_view name, const char* what) {
  if (!name.empty() && name.size() <= name_bytes_max) return {};
  return Failure(BuildError{std::string(what) + " \"" + std::string(name) + "\" is empty or longer than " +
                            std::to_string(name_bytes_max) + " bytes"});
}

std::expected<void, BuildError> PolicyBuild::add_listeners() {
  std::set<std::string_view> names;
  for (const ListenerSpec& spec : policy_.listeners) {
    if (auto named = check_name(spec.name, "listener"); !named) return named;
    if (!names.insert(spec.name).second) {
      return Failure(BuildError{"listener " + spec.name + " is given twice"});
    }
    auto host = parse_host_pattern(spec.hostname);
    if (!host) return Failure(BuildError{"listener " + spec.name + ": " + host.error()});
    if (auto added = add_listener(spec, *host); !added) return added;
    listener_patterns_.push_back(*std::move(host));
  }
  return add_groups();
}

std::expected<void, BuildError> PolicyBuild::add_listener(const ListenerSpec& spec, const HostPattern& host) {
  const auto fail = [&spec](const char* what) {
    return Failure(BuildError{"listener " + spec.name + ": " + what});
  };
  const ListenerLimits& limits = spec.limits;
  if (spec.tcp_port == 0) return fail("port 0");
  if (spec.addresses.size() > listener_addresses_max) return fail("too many addresses");
  if (spec.trusted_proxies.size() > trusted_proxies_max) return fail("too many trusted proxies");
  if (limits.request_line_bytes == 0 || limits.header_fields == 0 || limits.head_bytes == 0 ||
      limits.connect_timeout_ns == 0 || limits.idle_timeout_ns == 0) {
    return fail("a limit is 0");
  }
  if (limits.connect_timeout_ns > timeout_ns_max || limits.idle_timeout_ns > timeout_ns_max ||
      limits.drain_ns > timeout_ns_max) {
    return fail("a time limit is longer than a year");
  }
  std::vector<IpAddress> addresses = spec.addresses;
  std::ranges::sort(addresses);
  if (std::ranges::adjacent_find(addresses) != addresses.end()) return fail("an address is given twice");
  if (!addresses.empty() && addresses.front().is_none()) return fail("an address is zero");

  Listener listener{};
  listener.id = stable_id(spec.name);
  listener.name = writer_.text(spec.name);
  listener.hostname = writer_.text((host.kind == HostKind::wildcard ? "*" : "") + host.pattern);
  listener.tcp_port = spec.tcp_port;
  listener.protocol = ListenerProtocol::http;
  listener.any_host = no_index;
  listener.addresses.first = size_of(addresses_);
  addresses_.insert(addresses_.end(), addresses.begin(), addresses.end());
  listener.addresses.end = size_of(addresses_);
  listener.trusted_proxies.first = size_of(cidrs_);
  for (const Cidr& cidr : spec.trusted_proxies) {
    if (cidr.prefix_bits > 128) return fail("a trusted proxy's prefix is longer than its address");
    cidrs_.push_back(cidr.masked());
  }
  listener.trusted_proxies.end = size_of(cidrs_);
  listener.limits = limits;
  listener.limits.reserved = 0;
  listeners_.push_back(listener);
  return {};
}

std::expected<void, BuildError> PolicyBuild::add_groups() {
  std::map<std::pair<std::uint32_t, IpAddress>, std::vector<std::uint32_t>> members;
  for (std::uint32_t i = 0; i < size_of(listeners_); ++i) {
    std::vector<IpAddress> addresses = policy_.listeners[i].addresses;
    if (addresses.empty()) addresses.push_back(IpAddress{});
    for (const IpAddress& address : addresses) members[{listeners_[i].tcp_port, address}].push_back(i);
  }
  std::vector<std::string> patterns;
  for (const auto& [place, listener_indices] : members) {
    const std::uint32_t group_index = size_of(groups_);
    groups_.push_back({.address = place.second,
                       .tcp_port = place.first,
                       .any_listener = no_index,
                       .exact_listeners = 0,
                       .wildcard_bytes_max = 0});
    for (std::uint32_t listener_index : listener_indices) {
      if (auto added = add_to_group(group_index, listener_index, patterns); !added) return added;
    }
  }
  std::vector<HashKey> keys;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    keys.push_back({listener_hosts_[i].group_index, patterns[i]});
  }
  listener_host_slots_ = build_hash_slots(keys);
  return {};
}

std::expected<void, BuildError> PolicyBuild::add_to_group(std::uint32_t group_index,
                                                          std::uint32_t listener_index,
                                                          std::vector<std::string>& patterns) {
  ListenerGroup& group = groups_[group_index];
  const HostPattern& host = listener_patterns_[listener_index];
  std::uint32_t twin = host.kind == HostKind::any ? group.any_listener : no_index;
  for (std::size_t i = patterns.size(); i-- > 0 && listener_hosts_[i].group_index == group_index;) {
    if (patterns[i] == host.pattern) twin = listener_hosts_[i].listener_index;
  }
  if (twin != no_index) {
    return Failure(BuildError{"listeners " + policy_.listeners[twin].name + " and " +
                              policy_.listeners[listener_index].name +
                              " have the same address, port and hostname"});
  }
  if (host.kind == HostKind::any) {
    group.any_listener = listener_index;
    return {};
  }
  if (host.kind == HostKind::exact) ++group.exact_listeners;
  if (host.kind == HostKind::wildcard) {
    group.wildcard_bytes_max = std::max(group.wildcard_bytes_max, size_of(host.pattern));
  }
  listener_hosts_.push_back({.group_index = group_index,
                             .listener_index = listener_index,
                             .kind = host.kind,
                             .reserved = 0,
                             .pattern = writer_.text(host.pattern)});
  patterns.push_back(host.pattern);
  return {};
}

void PolicyBuild::add_backends() {
  for (const RouteSpec& route : policy_.routes) {
    for (const RuleSpec& rule : route.rules) {
      for (const BackendRefSpec& ref : rule.backends) backend_index_.try_emplace(ref.backend, 0);
    }
  }
  std::vector<std::pair<std::uint64_t, std::string_view>> sorted;
  for (const auto& [name, index] : backend_index_) sorted.emplace_back(stable_id(name), name);
  std::ranges::sort(sorted);
  for (const auto& [id, name] : sorted) {
    backend_index_.find(name)->second = size_of(backends_);
    backends_.push_back({.id = id, .name = writer_.text(name)});
  }
}

std::expected<void, BuildError> PolicyBuild::add_route(const RouteSpec& route, const std::string& full_name) {
  if (auto named = check_name(route.route_namespace, "namespace of a route"); !named) return named;
  if (auto named = check_name(route.route_name, "route"); !named) return named;
  std::set<HostPattern> hosts;
  for (const std::string& hostname : route.hostnames) {
    auto host = parse_host_pattern(hostname);
    if (!host) return Failure(BuildError{"route " + full_name + ": " + host.error()});
    hosts.insert(*std::move(host));
  }
  if (hosts.empty()) hosts.insert(HostPattern{HostKind::any, {}});
  const std::set<std::size_t> attached(route.listeners.begin(), route.listeners.end());
  if (!attached.empty() && *attached.rbegin() >= listeners_.size()) {
    return Failure(
        BuildError{"route " + full_name + ": no listener of index " + std::to_string(*attached.rbegin())});
  }

  for (std::size_t rule_index = 0; rule_index < route.rules.size(); ++rule_index) {
    if (auto added = add_rule(route, rule_index); !added) return added;
    if (auto added = add_matches(route, full_name, rule_index, attached, hosts); !added) return added;
  }
  return {};
}

std::expected<void, BuildError> PolicyBuild::add_matches(const RouteSpec& route, const std::string& full_name,
                                                         std::size_t rule_index,
                                                         const std::set<std::size_t>& attached,
                                                         const std::set<HostPattern>& hosts) {
  static const std::vector<MatchSpec> every_request(1);
  const RuleSpec& rule = route.rules[rule_index];
  const std::vector<MatchSpec>& matches = rule.matches.empty() ? every_request : rule.matches;
  for (std::size_t match_index = 0; match_index < matches.size(); ++match_index) {
    const MatchSpec& match = matches[match_index];
    auto candidate = make_candidate(match, "route " + full_name + ", rule " + std::to_string(rule_index) +
                                               ", match " + std::to_string(match_index));
    if (!candidate) return Failure(candidate.error());
    candidate->match_index = static_cast<std::uint32_t>(match_index);
    const MatchRank rank{.has_no_method = candidate->method == Method::any,
                         .missing_headers = match_conditions_max - candidate->headers.count(),
                         .missing_queries = match_conditions_max - candidate->queries.count(),
                         .created_s = route.created_s,
                         .route_full_name = full_name,
                         .rule_position = static_cast<std::uint32_t>(rule_index),
                         .match_position = static_cast<std::uint32_t>(match_index)};
    for (std::size_t listener : attached) {
      for (const HostPattern& host : hosts) {
        if (!intersects(listener_patterns_[listener], host)) continue;
        routes_.add(static_cast<std::uint32_t>(listener), host, match.path_kind == PathKind::exact,
                    match.path, {rank, *candidate});
      }
    }
  }
  return {};
}

std::expected<void, BuildError> PolicyBuild::add_rule(const RouteSpec& route, std::size_t rule_index) {
  const RuleSpec& spec = route.rules[rule_index];
  const std::string where =
      "route " + route.route_namespace + "/" + route.route_name + ", rule " + std::to_string(rule_index);
  if (spec.name.size() > name_bytes_max) return Failure(BuildError{where + ": its name is too long"});
  if (spec.request_timeout_ns > timeout_ns_max || spec.backend_request_timeout_ns > timeout_ns_max) {
    return Failure(BuildError{where + ": a timeout is longer than a year"});
  }
  Rule rule{};
  rule.id = rule_id(route, rule_index);
  rule.route_namespace = writer_.text(route.route_namespace);
  rule.route_name = writer_.text(route.route_name);
  rule.rule_name = writer_.text(spec.name);
  rule.rule_index = static_cast<std::uint32_t>(rule_index);
  rule.request_timeout_ns = spec.request_timeout_ns;
  rule.backend_request_timeout_ns = spec.backend_request_timeout_ns;
  auto edits = add_edits(spec.request_edits, where);
  if (!edits) return Failure(edits.error());
  rule.request_edits = *edits;
  if (auto added = add_backend_refs(spec, rule, where); !added) return added;
  rules_.push_back(rule);
  return {};
}

std::expected<void, BuildError> PolicyBuild::add_backend_refs(const RuleSpec& spec, Rule& rule,
                                                              const std::string& where) {
  if (spec.backends.size() > backend_refs_max) {
    return Failure(BuildError{where + ": more than " + std::to_string(backend_refs_max) + " backendRefs"});
  }
  rule.backend_refs.first = size_of(backend_refs_);
  for (const BackendRefSpec& ref : spec.backends) {
    if (auto named = check_name(ref.backend, "backend"); !named) return named;
    if (ref.weight > weight_max) {
      return Failure(
          BuildError{where + ": weight of " + ref.backend + " exceeds " + std::to_string(weight_max)});
    }
    auto edits = add_edits(ref.request_edits, where + ", backend " + ref.backend);
    if (!edits) return Failure(edits.error());
    rule.weight_sum += ref.weight;
    backend_refs_.push_back({.backend_index = backend_index_.find(ref.backend)->second,
                             .weight = ref.weight,
                             .weight_end = rule.weight_sum,
                             .flags = ref.is_invalid ? backend_ref_invalid : 0,
                             .request_edits = *edits});
  }
  rule.backend_refs.end = size_of(backend_refs_);
  return {};
}

std::expected<Range, BuildError> PolicyBuild::add_edits(const std::vector<HeaderEditSpec>& edits,
                                                        const std::string& where) {
  Range range{size_of(header_edits_), 0};
  if (edits.size() > header_edits_max) return Failure(BuildError{where + ": too many header edits"});
  for (const HeaderEditSpec& edit : edits) {
    const bool removes = edit.kind == EditKind::remove;
    if (!is_field_name(edit.name) || edit.name.size() > header_name_bytes_max ||
        !is_field_value(edit.value) || edit.value.size() > header_value_bytes_max ||
        (removes && !edit.value.empty())) {
      return Failure(BuildError{where + ": edit of header \"" + edit.name +
                                "\" has a name or value that no field may have, or is too long"});
    }
    header_edits_.push_back({.kind = edit.kind,
                             .reserved = 0,
                             .name = writer_.text(edit.name),
                             .value = writer_.text(edit.value)});
  }
  range.end = size_of(header_edits_);
  return range;
}

template <class Record>
std::expected<Range, BuildError> PolicyBuild::add_conditions(const std::vector<NameValue>& specs,
                                                             bool is_header, std::vector<Record>& out,
                                                             const std::string& where) {
  Range range{size_of(out), 0};
  std::set<std::string> seen;
  for (const auto& [name, value] : specs) {
    if (name.empty() || name.size() > header_name_bytes_max || value.size() > header_value_bytes_max ||
        (is_header && !is_field_name(name))) {
      return Failure(BuildError{where + ": condition on \"" + name +
                                "\" has a name that no field may have, or is too long"});
    }
    const std::string key = is_header ? in_lower_case(name) : name;
    // Of equivalent names only the first counts (Gateway API, HTTPHeaderMatch.name,
    // HTTPQueryParamMatch.name).
    if (!seen.insert(key).second) continue;
    out.push_back(
        {.name = writer_.text(key), .value = writer_.text(value), .kind = ValueKind::exact, .reserved = 0});
  }
  range.end = size_of(out);
  if (range.count() > match_conditions_max) return Failure(BuildError{where + ": too many conditions"});
  return range;
}

std::expected<Candidate, BuildError> PolicyBuild::make_candidate(const MatchSpec& match,
                                                                 const std::string& where) {
  if (!match.path.starts_with('/') || match.path.size() > path_bytes_max ||
      match.path.find("//") != std::string::npos) {
    return Failure(BuildError{where + ": path \"" + match.path +
                              "\" does not begin with /, is too long or contains //"});
  }
  const auto method = parse_method(match.method);
  if (!method) return Failure(BuildError{where + ": " + method.error()});
  const auto headers = add_conditions(match.headers, true, header_matches_, where);
  if (!headers) return Failure(headers.error());
  const auto queries = add_conditions(match.queries, false, query_matches_, where);
  if (!queries) return Failure(queries.error());
  return Candidate{.rule_index = size_of(rules_) - 1,
                   .match_index = 0,
                   .method = *method,
                   .reserved = 0,
                   .headers = *headers,
                   .queries = *queries};
}

std::expected<BlobBytes, BuildError> PolicyBuild::run() {
  if (auto added = add_listeners(); !added) return Failure(added.error());
  add_backends();
  std::set<std::string_view> unique;
  route_names_.reserve(policy_.routes.size());
  for (const RouteSpec& route : policy_.routes) {
    route_names_.push_back(route.route_namespace + "/" + route.route_name);
    if (!unique.insert(route_names_.back()).second) {
      return Failure(BuildError{"route " + route_names_.back() + " is given twice"});
    }
  }
  for (std::size_t i = 0; i < policy_.routes.size(); ++i) {
    if (auto added = add_route(policy_.routes[i], route_names_[i]); !added) return Failure(added.error());
  }
  if (auto done = routes_.lay_out(listeners_, writer_); !done) return Failure(done.error());
  return finish();
}

std::expected<BlobBytes, BuildError> PolicyBuild::finish() {
  PolicyRoot root{};
  root.strings = writer_.place_strings();
  root.groups = writer_.place(groups_);
  root.listeners = writer_.place(listeners_);
  root.listener_hosts = writer_.place(listener_hosts_);
  root.listener_host_slots = writer_.place(listener_host_slots_);
  root.route_hosts = writer_.place(routes_.route_hosts);
  root.route_host_slots = writer_.place(routes_.route_host_slots);
  root.exact_paths = writer_.place(routes_.exact_paths);
  root.exact_path_slots = writer_.place(routes_.exact_path_slots);
  root.prefix_nodes = writer_.place(routes_.prefix_nodes);
  root.prefix_node_slots = writer_.place(routes_.prefix_node_slots);
  root.candidates = writer_.place(routes_.candidates);
  root.header_matches = writer_.place(header_matches_);
  root.query_matches = writer_.place(query_matches_);
  root.rules = writer_.place(rules_);
  root.backend_refs = writer_.place(backend_refs_);
  root.backends = writer_.place(backends_);
  root.header_edits = writer_.place(header_edits_);
  root.addresses = writer_.place(addresses_);
  root.cidrs = writer_.place(cidrs_);
  return writer_.finish(root);
}

}  // namespace

std::uint64_t rule_id(const RouteSpec& route, std::size_t rule_index) {
  std::string full_name = route.route_namespace + "/" + route.route_name + "/";
  const std::string& name = route.rules[rule_index].name;
  if (name.empty()) {
    // '#' occurs in no rule name, so positions and names do not meet.
    full_name += '#';
    full_name += std::to_string(rule_index);
  } else {
    full_name += name;
  }
  return stable_id(full_name);
}

std::expected<BlobBytes, BuildError> build_policy(const PolicySpec& policy) {
  return PolicyBuild{policy}.run();
}

}  // namespace byway::shm
