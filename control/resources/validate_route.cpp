// HTTPRoute: the rules of the Gateway API's schema and its CEL expressions.
#include <algorithm>
#include <map>

#include "control/resources/checker.h"
#include "control/resources/route.pb.h"

namespace byway::control::resources {
namespace {

// Bounds of the schema (Gateway API 1.4).
constexpr int parent_refs_max = 32;
constexpr int hostnames_max = 16;
constexpr int rules_max = 16;
constexpr int matches_max = 64;
constexpr int route_matches_max = 128;
constexpr int conditions_max = 16;
constexpr int filters_max = 16;
constexpr int header_edits_max = 16;
constexpr int backend_refs_max = 16;
constexpr int weight_max = 1'000'000;
constexpr std::size_t path_bytes_max = 1024;
constexpr std::size_t name_bytes_max = 256;
constexpr std::size_t header_value_bytes_max = 4096;
constexpr std::size_t query_value_bytes_max = 1024;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

void validate_parent_refs(const HTTPRouteSpec& spec, Checker& checker) {
  checker.count("parentRefs", spec.parent_refs_size(), parent_refs_max);
  using Parent = std::pair<std::string_view, std::string_view>;
  std::map<Parent, std::set<std::pair<std::string_view, int>>> seen;
  for (int i = 0; i < spec.parent_refs_size(); ++i) {
    const ParentReference& ref = spec.parent_refs(i);
    const Checker::Scope scope(checker, "parentRefs", i);
    if (checker.require("name", !ref.name().empty())) checker.dns_subdomain("name", true, ref.name());
    checker.dns_label("namespace", ref.has_namespace_(), ref.namespace_());
    checker.dns_subdomain("sectionName", ref.has_section_name(), ref.section_name());
    checker.tcp_port("port", ref.has_port(), ref.port());
    auto& sections = seen[{ref.namespace_(), ref.name()}];
    const bool is_whole = ref.section_name().empty() && !ref.has_port();
    if (!sections.insert({ref.section_name(), ref.port()}).second)
      checker.report(Cause::duplicate, "the same parent is named twice");
    else if (sections.size() > 1 && (is_whole || sections.contains({"", 0})))
      checker.report(Cause::invalid, "each reference to one parent needs a sectionName or a port of its own");
  }
}

void validate_hostnames(const HTTPRouteSpec& spec, Checker& checker) {
  checker.count("hostnames", spec.hostnames_size(), hostnames_max);
  std::set<std::string_view> seen;
  for (int i = 0; i < spec.hostnames_size(); ++i) {
    if (!is_hostname(spec.hostnames(i), true))
      checker.report_item(
          Cause::invalid, "hostnames", i,
          fmt::format("\"{}\" is not a host name or *.host name (in lower case, no IP address)",
                      spec.hostnames(i)));
    if (!seen.insert(spec.hostnames(i)).second)
      checker.report_item(Cause::duplicate, "hostnames", i,
                          fmt::format("{} is listed twice", spec.hostnames(i)));
  }
}

/// Headers and query parameters of a match have the same form; `fold`: names compare without case.
template <class List>
void validate_conditions(std::string_view name, const List& list, bool fold, std::size_t value_max,
                         Checker& checker) {
  checker.count(name, list.size(), conditions_max);
  std::set<std::string> seen;
  for (int i = 0; i < list.size(); ++i) {
    const auto& item = list.Get(i);
    const Checker::Scope scope(checker, name, i);
    if (checker.require("name", !item.name().empty())) {
      checker.form("name", true, item.name(), is_token, "a token (RFC 9110 5.6.2)");
      checker.length("name", item.name(), name_bytes_max);
      if (!seen.insert(fold ? lower(item.name()) : item.name()).second)
        checker.report(Cause::duplicate, "name",
                       fmt::format("\"{}\" is matched twice, and only the first would count", item.name()));
    }
    if (checker.require("value", !item.value().empty())) checker.length("value", item.value(), value_max);
  }
}

void validate_match(const HTTPRouteMatch& match, Checker& checker) {
  if (match.has_path()) {
    const Checker::Scope scope(checker, "path");
    const std::string& value = match.path().value();
    checker.length("value", value, path_bytes_max);
    if (match.path().has_value() && match.path().type() != "RegularExpression")
      if (std::string_view objection = path_objection(value); !objection.empty())
        checker.report(Cause::invalid, "value", fmt::format("\"{}\" {}", value, objection));
  }
  validate_conditions("headers", match.headers(), true, header_value_bytes_max, checker);
  validate_conditions("queryParams", match.query_params(), false, query_value_bytes_max, checker);
}

/// Fields that frame the message or belong to one hop: the gateway writes them itself, and an edit would
/// make two readings of one request possible.
bool is_framing_header(std::string_view lower_name) {
  constexpr std::string_view names[] = {"connection",
                                        "content-length",
                                        "host",
                                        "http2-settings",
                                        "keep-alive",
                                        "proxy-authenticate",
                                        "proxy-authentication-info",
                                        "proxy-authorization",
                                        "proxy-connection",
                                        "te",
                                        "trailer",
                                        "transfer-encoding",
                                        "upgrade"};
  return std::ranges::find(names, lower_name) != std::end(names);
}

void validate_header_edit(std::string_view list, int index, const std::string& name,
                          std::set<std::string>& seen, Checker& checker) {
  const std::string folded = lower(name);
  if (!is_token(name))
    checker.report_item(Cause::invalid, list, index, fmt::format("\"{}\" is not the name of a header", name));
  if (name.size() > name_bytes_max)
    checker.report_item(Cause::too_long, list, index, "the name has more than 256 bytes");
  if (is_framing_header(folded))
    checker.report_item(Cause::forbidden, list, index,
                        fmt::format("{} is written by the gateway itself and cannot be edited", name));
  if (!seen.insert(folded).second)
    checker.report_item(Cause::duplicate, list, index,
                        fmt::format("{} has an action already; one action for each header", name));
}

void validate_header_filter(const HTTPHeaderFilter& filter, Checker& checker) {
  std::set<std::string> seen;
  auto edits = [&](std::string_view name, const auto& list) {
    checker.count(name, list.size(), header_edits_max);
    for (int i = 0; i < list.size(); ++i) {
      validate_header_edit(name, i, list.Get(i).name(), seen, checker);
      const Checker::Scope scope(checker, name, i);
      if (!checker.require("value", !list.Get(i).value().empty())) continue;
      checker.form("value", true, list.Get(i).value(), is_field_value,
                   "a header's value (no control characters, no blanks at its ends)");
      checker.length("value", list.Get(i).value(), header_value_bytes_max);
    }
  };
  edits("set", filter.set());
  edits("add", filter.add());
  checker.count("remove", filter.remove_size(), header_edits_max);
  for (int i = 0; i < filter.remove_size(); ++i)
    validate_header_edit("remove", i, filter.remove(i), seen, checker);
}

/// A filter's type names the one member that it has.
void validate_filter_shape(const HTTPRouteFilter& filter, Checker& checker) {
  const std::tuple<std::string_view, std::string_view, bool> members[] = {
      {"RequestHeaderModifier", "requestHeaderModifier", filter.has_request_header_modifier()},
      {"ResponseHeaderModifier", "responseHeaderModifier", filter.has_response_header_modifier()},
      {"RequestMirror", "requestMirror", filter.has_request_mirror()},
      {"RequestRedirect", "requestRedirect", filter.has_request_redirect()},
      {"URLRewrite", "urlRewrite", filter.has_url_rewrite()},
      {"CORS", "cors", filter.has_cors()},
      {"ExternalAuth", "externalAuth", filter.has_external_auth()},
      {"ExtensionRef", "extensionRef", filter.has_extension_ref()},
  };
  for (const auto& [type, member, present] : members) {
    if (filter.type() == type)
      checker.require(member, present);
    else if (present)
      checker.report(Cause::forbidden, member, fmt::format("must not be set for type {}", filter.type()));
  }
}

template <class Filters>
void validate_filters(const Filters& filters, Checker& checker) {
  checker.count("filters", filters.size(), filters_max);
  std::set<std::string_view> seen;
  for (int i = 0; i < filters.size(); ++i) {
    const HTTPRouteFilter& filter = filters.Get(i);
    const Checker::Scope scope(checker, "filters", i);
    if (!checker.require("type", !filter.type().empty())) continue;
    validate_filter_shape(filter, checker);
    const bool repeatable = filter.type() == "RequestMirror" || filter.type() == "ExtensionRef";
    if (!seen.insert(filter.type()).second && !repeatable)
      checker.report(Cause::duplicate, "type", fmt::format("{} appears twice", filter.type()));
    if (filter.has_request_header_modifier()) {
      const Checker::Scope inner(checker, "requestHeaderModifier");
      validate_header_filter(filter.request_header_modifier(), checker);
    }
    if (filter.has_response_header_modifier()) {
      const Checker::Scope inner(checker, "responseHeaderModifier");
      validate_header_filter(filter.response_header_modifier(), checker);
    }
  }
  if (seen.contains("RequestRedirect") && seen.contains("URLRewrite"))
    checker.report(Cause::invalid, "filters", "RequestRedirect and URLRewrite exclude each other");
}

void validate_backend_refs(const HTTPRouteRule& rule, Checker& checker) {
  checker.count("backendRefs", rule.backend_refs_size(), backend_refs_max);
  for (int i = 0; i < rule.backend_refs_size(); ++i) {
    const HTTPBackendRef& ref = rule.backend_refs(i);
    const Checker::Scope scope(checker, "backendRefs", i);
    checker.require("name", !ref.name().empty());
    checker.dns_label("namespace", ref.has_namespace_(), ref.namespace_());
    const bool is_service = ref.group().empty() && (!ref.has_kind() || ref.kind() == "Service");
    if (is_service && !ref.has_port()) checker.report(Cause::required, "port", "is required for a Service");
    checker.tcp_port("port", ref.has_port(), ref.port());
    checker.range("weight", ref.has_weight(), ref.weight(), 0, weight_max);
    validate_filters(ref.filters(), checker);
  }
}

void validate_timeouts(const HTTPRouteTimeouts& timeouts, Checker& checker) {
  const Checker::Scope scope(checker, "timeouts");
  auto is_duration = [](std::string_view text) { return parse_duration(text).has_value(); };
  constexpr std::string_view wanted = "a duration (as 10s, 1m30s or 500ms; units h, m, s, ms)";
  checker.form("request", timeouts.has_request(), timeouts.request(), is_duration, wanted);
  checker.form("backendRequest", timeouts.has_backend_request(), timeouts.backend_request(), is_duration,
               wanted);
  const auto request = parse_duration(timeouts.request());
  const auto backend = parse_duration(timeouts.backend_request());
  if (request && backend && request->count() != 0 && *backend > *request)
    checker.report(Cause::invalid, "backendRequest", "must not be longer than request");
}

void validate_rule(const HTTPRouteRule& rule, Checker& checker) {
  checker.dns_subdomain("name", rule.has_name(), rule.name());
  checker.count("matches", rule.matches_size(), matches_max);
  for (int i = 0; i < rule.matches_size(); ++i) {
    const Checker::Scope scope(checker, "matches", i);
    validate_match(rule.matches(i), checker);
  }
  validate_filters(rule.filters(), checker);
  validate_backend_refs(rule, checker);
  validate_timeouts(rule.timeouts(), checker);
  const bool redirects = std::ranges::any_of(
      rule.filters(), [](const auto& filter) { return filter.type() == "RequestRedirect"; });
  if (redirects && rule.backend_refs_size() > 0)
    checker.report(Cause::invalid, "backendRefs", "a rule with RequestRedirect has no backends");
}

}  // namespace

void validate_spec(const HTTPRoute& object, Checker& checker) {
  const HTTPRouteSpec& spec = object.spec();
  const Checker::Scope scope(checker, "spec");
  validate_parent_refs(spec, checker);
  validate_hostnames(spec, checker);
  checker.count("rules", spec.rules_size(), rules_max);
  int matches = 0;
  std::set<std::string_view> names;
  for (int i = 0; i < spec.rules_size(); ++i) {
    const Checker::Scope item(checker, "rules", i);
    validate_rule(spec.rules(i), checker);
    matches += spec.rules(i).matches_size();
    if (spec.rules(i).has_name() && !names.insert(spec.rules(i).name()).second)
      checker.report(Cause::duplicate, "name",
                     fmt::format("another rule is named \"{}\"", spec.rules(i).name()));
  }
  if (matches > route_matches_max)
    checker.report(
        Cause::too_many, "rules",
        fmt::format("have {} matches together, at most {} are allowed", matches, route_matches_max));
}

}  // namespace byway::control::resources
