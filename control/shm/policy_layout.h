// The policy blob: listeners, routes, rules, and how to find the rule for a request.
//
//   group (address, tcp_port)
//     -> listener          by host name: exact, longest wildcard, any; the most specific one only
//       -> route host      by host name again: exact, then wildcards from the longest, then any
//         -> exact path    by hash
//         -> prefix node   by walking a radix tree whose edges are whole path elements
//           -> candidates  in order of precedence; the first whose method, headers, query agree wins
//             -> rule      edits, timeouts, weighted backends
//
// Where nothing under one place agrees, the next less specific one is tried, up to the listener, which is
// never left: a request belongs to its most specific listener alone (Gateway API, HTTPListenerIsolation).
// The order is that of the Gateway API's HTTPRoute; l7/routing/router.h is the reader, policy_builder.h the
// writer, verify.h states what a reader may rely on.
#pragma once

#include <string_view>

#include "control/shm/blob.h"
#include "control/shm/hash_table.h"

namespace byway::shm {

// --- Bounds, shared by builder and verifier. What exceeds them is an error of the builder and a refusal. ---

/// A DNS name has at most 253 bytes (RFC 1035 2.3.4); a longer Host matches only what has no host name.
inline constexpr std::uint32_t hostname_bytes_max = 253;
/// Gateway API, HTTPPathMatch.value.
inline constexpr std::uint32_t path_bytes_max = 1024;
/// An element takes at least two bytes of a path, so a tree cannot be deeper; the root is depth 0.
inline constexpr std::uint32_t prefix_depth_max = path_bytes_max / 2;
/// Gateway API, HTTPRouteMatch.headers, .queryParams.
inline constexpr std::uint32_t match_conditions_max = 16;
/// Matches of all routes for one path of one host. A request may have to try them all: 4,096 of them, each
/// with one header to compare, take some 100 us, which is what one request may cost its worker at worst.
inline constexpr std::uint32_t candidates_per_path_max = 4096;
/// Gateway API, HTTPRouteRule.backendRefs, and its weights: their sum stays far within 32 bits.
inline constexpr std::uint32_t backend_refs_max = 16;
inline constexpr std::uint32_t weight_max = 1'000'000;
/// Gateway API, HTTPHeaderFilter: 16 each of set, add, remove.
inline constexpr std::uint32_t header_edits_max = 48;
/// Gateway API, HTTPHeader and HTTPHeaderMatch: name, value.
inline constexpr std::uint32_t header_name_bytes_max = 256;
inline constexpr std::uint32_t header_value_bytes_max = 4096;
/// Addresses of one Gateway (Gateway API, spec.addresses) and blocks in one listener's `trusted_proxies`.
inline constexpr std::uint32_t listener_addresses_max = 16;
inline constexpr std::uint32_t trusted_proxies_max = 64;
/// Timeouts: a day and more is a mistake, and sums of deadlines must not overflow.
inline constexpr std::uint64_t timeout_ns_max = 86'400ULL * 1'000'000'000ULL * 365ULL;

// --- Listeners ---

enum class ListenerProtocol : std::uint16_t { http = 1 };

/// What one listener grants a connection and a request. Nothing is 0 but `drain_ns`, which may be.
struct ListenerLimits {
  std::uint32_t request_line_bytes;  ///< longer: 414
  std::uint32_t header_fields;       ///< more: 431
  std::uint32_t head_bytes;          ///< request line and fields together; more: 431
  std::uint32_t reserved;
  std::uint64_t connect_timeout_ns;  ///< to an endpoint
  std::uint64_t idle_timeout_ns;     ///< without a byte on a downstream connection
  std::uint64_t drain_ns;            ///< how long requests in flight may go on when the listener goes away
};
static_assert(sizeof(ListenerLimits) == 40);

inline constexpr ListenerLimits default_listener_limits{
    .request_line_bytes = 8 * 1024,
    .header_fields = 100,
    .head_bytes = 60 * 1024,
    .reserved = 0,
    .connect_timeout_ns = 5'000'000'000ULL,
    .idle_timeout_ns = 300'000'000'000ULL,
    .drain_ns = 5'000'000'000ULL,
};

/// One listener of a Gateway.
struct Listener {
  std::uint64_t id;    ///< stable_id(name)
  StringRef name;      ///< "ns/gateway/section"
  StringRef hostname;  ///< as written, in lower case: "", "a.com" or "*.a.com"
  std::uint16_t tcp_port;
  ListenerProtocol protocol;
  std::uint32_t any_host;            ///< route host for routes without hostnames, or no_index
  std::uint32_t exact_hosts;         ///< how many route hosts of kind exact it has
  std::uint32_t wildcard_bytes_max;  ///< longest pattern of its wildcard route hosts; 0: none
  Range addresses;                   ///< in PolicyRoot::addresses; empty: the node's own
  Range trusted_proxies;             ///< in PolicyRoot::cidrs
  ListenerLimits limits;
};
static_assert(sizeof(Listener) == 96);

/// All listeners that share one address and TCP port. Sorted by (tcp_port, address), each pair once.
struct ListenerGroup {
  IpAddress address;  ///< none: the node's own addresses
  std::uint32_t tcp_port;
  std::uint32_t any_listener;        ///< the listener without hostname, or no_index
  std::uint32_t exact_listeners;     ///< how many of kind exact it has
  std::uint32_t wildcard_bytes_max;  ///< longest pattern of its wildcard listeners; 0: none
};
static_assert(sizeof(ListenerGroup) == 32);

enum class HostKind : std::uint32_t {
  exact = 1,     ///< pattern "a.com": this host
  wildcard = 2,  ///< pattern ".a.com": every host that ends so and has something before it
  any = 3,       ///< pattern "": every host
};

/// A host name under which a group has a listener; found by hash, owner = group. Kind any is not listed
/// here: the group names it.
struct ListenerHost {
  std::uint32_t group_index;
  std::uint32_t listener_index;
  HostKind kind;
  std::uint32_t reserved;
  StringRef pattern;
};
static_assert(sizeof(ListenerHost) == 24);

// --- Routes ---

/// A host name under which a listener has routes; found by hash, owner = listener, but for kind any, which
/// the listener names.
struct RouteHost {
  std::uint32_t listener_index;
  HostKind kind;
  StringRef pattern;
  std::uint32_t exact_paths;  ///< how many ExactPaths it has
  std::uint32_t prefix_root;  ///< PrefixNode for "/", or no_index: no prefix routes
};
static_assert(sizeof(RouteHost) == 24);

/// A path that must be met exactly; found by hash, owner = route host.
struct ExactPath {
  std::uint32_t host_index;
  std::uint32_t reserved;
  StringRef path;    ///< begins with '/'
  Range candidates;  ///< never empty
};
static_assert(sizeof(ExactPath) == 24);

/// A node of a host's prefix tree. A path that reaches it begins with the labels from the root to here, and
/// goes on with '/' or ends. Children are found by hash: owner = parent, key = the first element of their
/// label, without slashes. A parent stands before its children in the table, so there are no cycles.
struct PrefixNode {
  std::uint32_t host_index;
  std::uint32_t parent;    ///< no_index at a root
  StringRef label;         ///< "/a/b": one or more elements, none empty; empty at a root
  Range candidates;        ///< empty where prefixes merely branch
  std::uint32_t children;  ///< how many
  std::uint32_t depth;     ///< 0 at a root; bounded by prefix_depth_max
};
static_assert(sizeof(PrefixNode) == 32);

/// The first element of a label or of what remains of a path: "a" of "/a/b"; both begin with '/'.
[[nodiscard]] inline std::string_view first_element(std::string_view path) {
  return path.substr(1, path.find('/', 1) - 1);
}

enum class Method : std::uint32_t { any, get, head, post, put, del, connect, options, trace, patch, other };
/// `any` stands in a candidate only, `other` in a request only.

/// One match of one rule, without its path. Among neighbours of one list those with a method come first, then
/// those with more headers, with more query parameters, of older routes...
struct Candidate {
  std::uint32_t rule_index;
  std::uint32_t match_index;  ///< position of the match in its rule, for explain
  Method method;
  std::uint32_t reserved;
  Range headers;  ///< in PolicyRoot::header_matches; all must agree
  Range queries;  ///< in PolicyRoot::query_matches; all must agree
};
static_assert(sizeof(Candidate) == 32);

enum class ValueKind : std::uint32_t { exact = 1 };

struct HeaderMatch {
  StringRef name;  ///< in lower case
  StringRef value;
  ValueKind kind;
  std::uint32_t reserved;
};
static_assert(sizeof(HeaderMatch) == 24);

struct QueryMatch {
  StringRef name;
  StringRef value;
  ValueKind kind;
  std::uint32_t reserved;
};
static_assert(sizeof(QueryMatch) == 24);

// --- Rules ---

enum class EditKind : std::uint32_t {
  set = 1,     ///< replaces all fields of that name by one
  add = 2,     ///< appends a field
  remove = 3,  ///< takes away all fields of that name; the value is empty
};

struct HeaderEdit {
  EditKind kind;
  std::uint32_t reserved;
  StringRef name;  ///< as written for set and add (names compare without case)
  StringRef value;
};
static_assert(sizeof(HeaderEdit) == 24);

struct Rule {
  std::uint64_t id;           ///< stable across generations
  StringRef route_namespace;  ///< for records and explain
  StringRef route_name;
  StringRef rule_name;                       ///< may be empty
  std::uint32_t rule_index;                  ///< position in its route
  std::uint32_t weight_sum;                  ///< of all backends; 0: nothing can be chosen, answer 500
  std::uint64_t request_timeout_ns;          ///< 0: none
  std::uint64_t backend_request_timeout_ns;  ///< 0: none
  Range request_edits;                       ///< in PolicyRoot::header_edits
  Range backend_refs;                        ///< in PolicyRoot::backend_refs
};
static_assert(sizeof(Rule) == 72);

/// Set where the reference cannot be resolved (missing Service, no grant, wrong kind): its share gets 500.
inline constexpr std::uint32_t backend_ref_invalid = 1;

struct BackendRef {
  std::uint32_t backend_index;  ///< in PolicyRoot::backends
  std::uint32_t weight;
  std::uint32_t weight_end;  ///< sum of the weights up to and with this one
  std::uint32_t flags;       ///< backend_ref_invalid
  Range request_edits;       ///< in PolicyRoot::header_edits, applied after the rule's
};
static_assert(sizeof(BackendRef) == 24);

/// A backend that routes name; its endpoints are in the endpoints blob under the same id. Sorted by id.
struct PolicyBackend {
  std::uint64_t id;  ///< stable_id(name)
  StringRef name;    ///< "ns/name:port"
};
static_assert(sizeof(PolicyBackend) == 16);

/// Follows the header of a policy blob.
struct PolicyRoot {
  Table<char> strings;
  Table<ListenerGroup> groups;
  Table<Listener> listeners;
  Table<ListenerHost> listener_hosts;
  HashTable listener_host_slots;
  Table<RouteHost> route_hosts;
  HashTable route_host_slots;
  Table<ExactPath> exact_paths;
  HashTable exact_path_slots;
  Table<PrefixNode> prefix_nodes;
  HashTable prefix_node_slots;
  Table<Candidate> candidates;
  Table<HeaderMatch> header_matches;
  Table<QueryMatch> query_matches;
  Table<Rule> rules;
  Table<BackendRef> backend_refs;
  Table<PolicyBackend> backends;
  Table<HeaderEdit> header_edits;
  Table<IpAddress> addresses;
  Table<Cidr> cidrs;
};
static_assert(sizeof(PolicyRoot) == 192);

}  // namespace byway::shm
