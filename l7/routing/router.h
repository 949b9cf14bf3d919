// Finds the rule for a request in a verified policy, exactly as the Gateway API's HTTPRoute orders it; the
// layout (control/shm/policy_layout.h) has the picture. Depends on control/shm alone, so that `explain` runs
// the code of the data plane on the live set.
//
// Bounded: one hash lookup a label of the host, one for the path, one a path element, and the candidates of
// the paths that agree. No heap, no state: any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "control/shm/policy_view.h"
#include "l7/routing/match.h"

namespace byway::l7::routing {

/// What the router looks at of a request; all of it belongs to the caller and lives through the call.
struct RequestView {
  std::string_view authority;  ///< Host field or the target's authority, port and all; "" if there is none
  std::string_view method;
  std::string_view path;   ///< from '/' to before '?', as it came; "*" or "" matches no path
  std::string_view query;  ///< after '?'; "" if there is none
  HeaderLookup headers;
};

enum class RouteVerdict : std::uint8_t {
  found,
  no_listener,  ///< no listener of the group covers the host: 404, flag NR
  no_route,     ///< nothing of the listener matches: 404, flag NR
};

/// Indices into the policy that was asked, shm::no_index where the way did not get so far.
struct RouteResult {
  RouteVerdict verdict = RouteVerdict::no_listener;
  std::uint32_t listener_index = shm::no_index;
  std::uint32_t host_index = shm::no_index;       ///< route host under which it matched
  std::uint32_t candidate_index = shm::no_index;  ///< leads to the match, for explain
  std::uint32_t rule_index = shm::no_index;
};

/// The rule for the request. `group_index` comes from PolicyView::find_group() for the address and port at
/// which the connection arrived.
[[nodiscard]] RouteResult route(const shm::PolicyView& policy, std::uint32_t group_index,
                                const RequestView& request);

/// One of the rule's backend references by weight: index into policy.backend_refs(rule), or shm::no_index if
/// the rule has none or all weights are 0, which is answered 500, as a chosen reference with
/// shm::backend_ref_invalid is. `random` is uniform over 32 bits; each share then differs from weight / sum
/// by less than 2^-32, and a weight of 0 is never chosen.
[[nodiscard]] std::uint32_t choose_backend(const shm::PolicyView& policy, const shm::Rule& rule,
                                           std::uint32_t random);

}  // namespace byway::l7::routing
