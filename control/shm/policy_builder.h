// Builds the policy blob from listeners and routes, as the Gateway API words them, references already
// resolved. What is left to do here is what makes matching fast and its precedence exact: grouping
// listeners by address and port, dropping route hostnames outside the listener's, sorting matches, hash
// tables and prefix trees. A pure function: equal input gives equal bytes.
//
// Precedence (Gateway API, HTTPRouteSpec.hostnames and HTTPRouteRule.matches): the route's own hostname
// decides first, as in the feature GatewayRouteHostnameIntersectionPrecedence; then Exact path, longest
// prefix, method, number of headers, of query parameters; then the older route, "namespace/name", the earlier
// rule, the earlier match.
//
// Used by the agent's compile step and by tests; it uses the heap. What depends on other objects (does the
// Service exist, is the reference granted, are two listeners in conflict) is the caller's to decide and to
// report in conditions; an error from here means that the caller let something through which a blob cannot
// hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "control/shm/blob_writer.h"
#include "control/shm/policy_layout.h"

namespace byway::shm {

struct ListenerSpec {
  std::string name;  ///< "ns/gateway/section"; once per policy
  std::uint16_t tcp_port = 0;
  std::vector<IpAddress> addresses;  ///< of the Gateway; empty: the node's own
  std::string hostname;              ///< "", "a.com", "*.a.com"; once per address and port
  std::vector<Cidr> trusted_proxies;
  ListenerLimits limits = default_listener_limits;
};

struct NameValue {
  std::string name;
  std::string value;
};

enum class PathKind : std::uint8_t { exact, prefix };

/// HTTPRouteMatch; its defaults match every request. Of conditions with an equivalent name only the first
/// counts, as the Gateway API says for headers (any case) and query parameters; the ignored ones do not count
/// in precedence either.
struct MatchSpec {
  PathKind path_kind = PathKind::prefix;
  std::string path = "/";
  std::string method;  ///< "" for any, else one of the nine of the Gateway API
  std::vector<NameValue> headers;
  std::vector<NameValue> queries;
};

/// RequestHeaderModifier, one edit; applied in the order given (set, add, remove in the Gateway API's order).
struct HeaderEditSpec {
  EditKind kind = EditKind::set;
  std::string name;
  std::string value;  ///< "" for remove
};

struct BackendRefSpec {
  std::string backend;  ///< "ns/name:port"; also for an invalid one, for records
  std::uint32_t weight = 1;
  bool is_invalid = false;  ///< its share gets 500
  std::vector<HeaderEditSpec> request_edits;
};

struct RuleSpec {
  std::string name;                ///< HTTPRouteRule.name, may be empty
  std::vector<MatchSpec> matches;  ///< empty: every request
  std::vector<HeaderEditSpec> request_edits;
  std::uint64_t request_timeout_ns = 0;          ///< 0: none
  std::uint64_t backend_request_timeout_ns = 0;  ///< 0: none
  std::vector<BackendRefSpec> backends;          ///< empty, or all of weight 0: 500
};

struct RouteSpec {
  std::string route_namespace;
  std::string route_name;
  std::int64_t created_s = 0;          ///< metadata.creationTimestamp: seconds since 1970
  std::vector<std::string> hostnames;  ///< empty: every host of the listener
  std::vector<std::size_t> listeners;  ///< to which it is attached: indices into PolicySpec::listeners
  std::vector<RuleSpec> rules;
};

struct PolicySpec {
  std::vector<ListenerSpec> listeners;
  std::vector<RouteSpec> routes;
};

/// The bytes of a policy blob. Errors name the listener or the route, the rule and what is wrong.
[[nodiscard]] std::expected<BlobBytes, BuildError> build_policy(const PolicySpec& policy);

/// The id of a rule: stable while the route keeps the rule's name, or else its position.
[[nodiscard]] std::uint64_t rule_id(const RouteSpec& route, std::size_t rule_index);

}  // namespace byway::shm
