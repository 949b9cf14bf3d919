#include "control/model/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "control/model/resolve.h"
#include "control/resources/text_rules.h"

namespace byway::control::model {
namespace {

using resources::HTTPRoute;
using resources::HTTPRouteFilter;
using resources::ParentReference;

const resources::Kind& gateway_kind() {
  static const resources::Kind& kind = resources::kind_named("Gateway");
  return kind;
}

/// The first thing that the route asks for and this version does not do; "" if there is none.
std::string unsupported_value(const HTTPRoute& route) {
  for (int i = 0; i < route.spec().rules_size(); ++i) {
    const resources::HTTPRouteRule& rule = route.spec().rules(i);
    auto filters = [&](const auto& list, std::string_view where) -> std::string {
      for (const HTTPRouteFilter& filter : list)
        if (filter.type() != "RequestHeaderModifier")
          return fmt::format("rules[{}].{}: filter {} is not served in this version", i, where,
                             filter.type());
      return {};
    };
    if (std::string found = filters(rule.filters(), "filters"); !found.empty()) return found;
    for (const auto& ref : rule.backend_refs())
      if (std::string found = filters(ref.filters(), "backendRefs"); !found.empty()) return found;
    for (const auto& match : rule.matches()) {
      bool has_regex = match.path().type() == "RegularExpression";
      for (const auto& header : match.headers()) has_regex |= header.type() == "RegularExpression";
      for (const auto& query : match.query_params()) has_regex |= query.type() == "RegularExpression";
      if (has_regex)
        return fmt::format("rules[{}].matches: RegularExpression is not served in this version", i);
      // The data plane answers it with 501 before it looks at routes.
      if (match.method() == "CONNECT")
        return fmt::format("rules[{}].matches: the gateway opens no tunnels (method CONNECT)", i);
    }
  }
  return {};
}

bool allows_namespace(const resources::Listener& listener, const std::string& gateway_namespace,
                      const std::string& route_namespace) {
  const std::string& from = listener.allowed_routes().namespaces().from();
  if (from == "All") return true;
  if (from == "None") return false;
  return gateway_namespace == route_namespace;
}

/// Which listeners of a Gateway take the route, or why none does.
struct Attachment {
  Verdict accepted{true, "Accepted"};
  std::vector<ListenerState*> listeners;
};

Attachment attach(const HTTPRoute& route, const ParentReference& ref, GatewayState& gateway) {
  if (gateway.is_pending) return {{false, "Pending", gateway.pending_reason}, {}};
  std::vector<ListenerState*> named;
  for (ListenerState& listener : gateway.listeners)
    if ((ref.section_name().empty() || ref.section_name() == listener.spec->name()) &&
        (!ref.has_port() || ref.port() == listener.spec->port()))
      named.push_back(&listener);
  if (named.empty())
    return {
        {false, "NoMatchingParent",
         fmt::format("Gateway {} has no listener of that sectionName and port", gateway.key->full_name())},
        {}};
  std::erase_if(named, [&](const ListenerState* listener) {
    return !listener->takes_http_routes ||
           !allows_namespace(*listener->spec, gateway.key->object_namespace, route.metadata().namespace_());
  });
  if (named.empty())
    return {{false, "NotAllowedByListeners",
             "no listener takes HTTPRoutes of this namespace (allowedRoutes, protocol)"},
            {}};
  std::erase_if(named, [&](const ListenerState* listener) {
    const auto& hostnames = route.spec().hostnames();
    return !hostnames.empty() && std::ranges::none_of(hostnames, [&](const std::string& name) {
      return hostnames_meet(listener->spec->hostname(), name);
    });
  });
  if (named.empty())
    return {{false, "NoMatchingListenerHostname", "no hostname of the route is one of the listener's"}, {}};
  return {{true, "Accepted"}, std::move(named)};
}

std::uint64_t nanoseconds(bool present, const std::string& text) {
  const auto duration = present ? resources::parse_duration(text) : std::nullopt;
  return duration ? static_cast<std::uint64_t>(duration->count()) * 1'000'000 : 0;
}

template <class Filters>
std::vector<shm::HeaderEditSpec> header_edits(const Filters& filters) {
  std::vector<shm::HeaderEditSpec> edits;
  for (const HTTPRouteFilter& filter : filters) {
    const resources::HTTPHeaderFilter& modifier = filter.request_header_modifier();
    for (const auto& header : modifier.set())
      edits.push_back({shm::EditKind::set, header.name(), header.value()});
    for (const auto& header : modifier.add())
      edits.push_back({shm::EditKind::add, header.name(), header.value()});
    for (const auto& name : modifier.remove()) edits.push_back({shm::EditKind::remove, name, ""});
  }
  return edits;
}

shm::MatchSpec match_spec(const resources::HTTPRouteMatch& match) {
  shm::MatchSpec spec;
  if (match.path().type() == "Exact") spec.path_kind = shm::PathKind::exact;
  if (match.path().has_value()) spec.path = match.path().value();
  spec.method = match.method();
  for (const auto& header : match.headers()) spec.headers.push_back({header.name(), header.value()});
  for (const auto& query : match.query_params()) spec.queries.push_back({query.name(), query.value()});
  return spec;
}

/// Seconds since 1970 of a time that the agent itself wrote (RFC 3339 in UTC).
std::int64_t seconds_of(const std::string& time) {
  std::tm parts{};
  return strptime(time.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts) == nullptr ? 0 : timegm(&parts);
}

/// The rules of one route, and whether all of its references resolve.
struct Rules {
  std::vector<shm::RuleSpec> specs;
  Verdict resolved_refs{true, "ResolvedRefs"};
};

shm::RuleSpec rule_spec(const resources::HTTPRouteRule& rule, const std::string& route_namespace,
                        Backends& backends, Verdict& resolved_refs) {
  shm::RuleSpec spec;
  spec.name = rule.name();
  for (const auto& match : rule.matches()) spec.matches.push_back(match_spec(match));
  spec.request_edits = header_edits(rule.filters());
  spec.request_timeout_ns = nanoseconds(rule.timeouts().has_request(), rule.timeouts().request());
  spec.backend_request_timeout_ns =
      nanoseconds(rule.timeouts().has_backend_request(), rule.timeouts().backend_request());
  for (const auto& ref : rule.backend_refs()) {
    ResolvedBackend resolved = backends.resolve(ref, route_namespace);
    if (!resolved.verdict.is_true && resolved_refs.is_true) resolved_refs = resolved.verdict;
    const std::uint32_t weight = ref.has_weight() ? static_cast<std::uint32_t>(ref.weight()) : 1;
    spec.backends.push_back(
        {std::move(resolved.name), weight, !resolved.verdict.is_true, header_edits(ref.filters())});
  }
  return spec;
}

Rules rules_of(const HTTPRoute& route, Backends& backends) {
  Rules rules;
  for (const auto& rule : route.spec().rules())
    rules.specs.push_back(rule_spec(rule, route.metadata().namespace_(), backends, rules.resolved_refs));
  // The schema's default: one rule for every request; without backends it answers 500.
  if (rules.specs.empty()) rules.specs.emplace_back();
  return rules;
}

class RouteResolver {
 public:
  RouteResolver(GatewayStates& gateways, Backends& backends, shm::PolicySpec& policy)
      : gateways_(gateways), backends_(backends), policy_(policy) {}

  std::shared_ptr<resources::HTTPRouteStatus> resolve(const ObjectKey& key, const HTTPRoute& route,
                                                      const Catalog& catalog) {
    auto status = std::make_shared<resources::HTTPRouteStatus>();
    const std::string unsupported = unsupported_value(route);
    const Rules rules = rules_of(route, backends_);
    std::vector<std::size_t> listeners;
    std::vector<ListenerState*> counted;
    for (const ParentReference& ref : route.spec().parent_refs()) {
      const ObjectKey parent{&gateway_kind(), ref.has_namespace_() ? ref.namespace_() : key.object_namespace,
                             ref.name()};
      auto it = gateways_.find(parent);
      if (it == gateways_.end() && is_foreign(catalog, parent)) continue;
      Attachment attachment{
          {false, "NoMatchingParent", fmt::format("Gateway {} does not exist", parent.full_name())}, {}};
      if (it != gateways_.end()) attachment = attach(route, ref, it->second);
      if (attachment.accepted.is_true && !unsupported.empty())
        attachment = {{false, "UnsupportedValue", unsupported}, {}};
      for (ListenerState* listener : attachment.listeners) count(*listener, counted, listeners);
      write_parent(ref, route.metadata().generation(), attachment.accepted, rules.resolved_refs,
                   *status->add_parents());
    }
    if (!listeners.empty()) serve(key, route, rules, std::move(listeners));
    return status;
  }

 private:
  static bool is_foreign(const Catalog& catalog, const ObjectKey& parent) {
    return std::ranges::any_of(catalog.gateways(), [&](const auto& entry) { return *entry.key == parent; });
  }

  static void count(ListenerState& listener, std::vector<ListenerState*>& counted,
                    std::vector<std::size_t>& listeners) {
    if (std::ranges::find(counted, &listener) != counted.end()) return;
    counted.push_back(&listener);
    ++listener.attached_routes;
    if (listener.policy_index != SIZE_MAX) listeners.push_back(listener.policy_index);
  }

  static void write_parent(const ParentReference& ref, std::int64_t generation, const Verdict& accepted,
                           const Verdict& resolved_refs, resources::RouteParentStatus& status) {
    *status.mutable_parent_ref() = ref;
    status.set_controller_name(std::string(controller_name));
    add_condition(*status.mutable_conditions(), "Accepted", accepted, generation);
    add_condition(*status.mutable_conditions(), "ResolvedRefs", resolved_refs, generation);
  }

  void serve(const ObjectKey& key, const HTTPRoute& route, const Rules& rules,
             std::vector<std::size_t> listeners) {
    shm::RouteSpec spec;
    spec.route_namespace = key.object_namespace;
    spec.route_name = key.name;
    spec.created_s = seconds_of(route.metadata().creation_timestamp());
    spec.hostnames.assign(route.spec().hostnames().begin(), route.spec().hostnames().end());
    spec.listeners = std::move(listeners);
    spec.rules = rules.specs;
    policy_.routes.push_back(std::move(spec));
  }

  GatewayStates& gateways_;
  Backends& backends_;
  shm::PolicySpec& policy_;
};

}  // namespace

bool hostnames_meet(std::string_view listener, std::string_view route) {
  if (listener.empty() || route.empty() || listener == route) return true;
  auto holds = [](std::string_view wildcard, std::string_view name) {
    if (!wildcard.starts_with("*.")) return false;
    wildcard.remove_prefix(1);
    if (name.starts_with("*.")) name.remove_prefix(1);
    return name.ends_with(wildcard) && (name.size() > wildcard.size() || name == wildcard);
  };
  if (listener.starts_with("*.") && route.starts_with("*."))
    return holds(listener, route) || holds(route, listener);
  if (listener.starts_with("*.")) return holds(listener, route) && route.size() > listener.size() - 1;
  return holds(route, listener) && listener.size() > route.size() - 1;
}

void resolve_routes(const Catalog& catalog, GatewayStates& gateways, Backends& backends,
                    shm::PolicySpec& policy, StatusMap& statuses) {
  RouteResolver resolver(gateways, backends, policy);
  for (const auto& [key, route] : catalog.http_routes()) {
    auto status = resolver.resolve(*key, *route, catalog);
    if (status->parents_size() > 0) statuses[*key] = std::move(status);
  }
}

}  // namespace byway::control::model
