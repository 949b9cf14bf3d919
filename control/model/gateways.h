// Gateways and their listeners: which are served, and what routes may attach to them.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "control/engine/object.h"
#include "control/model/catalog.h"
#include "control/model/conditions.h"
#include "control/shm/policy_builder.h"

namespace byway::control::model {

/// One listener while routes are being attached.
struct ListenerState {
  const resources::Listener* spec = nullptr;
  Verdict accepted{true, "Accepted"};
  Verdict conflicted{false, "NoConflicts"};
  Verdict resolved_refs{true, "ResolvedRefs"};
  bool takes_http_routes = true;        ///< by protocol and allowedRoutes.kinds
  std::size_t policy_index = SIZE_MAX;  ///< in PolicySpec::listeners; SIZE_MAX: not served
  std::int32_t attached_routes = 0;
};

/// One Gateway of a class of ours.
struct GatewayState {
  const ObjectKey* key = nullptr;
  const resources::Gateway* gateway = nullptr;
  bool is_pending = false;  ///< its class is missing or not accepted
  std::string pending_reason;
  Verdict accepted{true, "Accepted"};
  std::vector<ListenerState> listeners;
};

using GatewayStates = std::map<ObjectKey, GatewayState>;

/// Judges all Gateways and adds the listeners that will be served to `policy`. Gateways whose class belongs
/// to another controller are not in the result.
GatewayStates resolve_gateways(const Catalog& catalog, shm::PolicySpec& policy);

/// Status messages of GatewayClasses and Gateways, after routes were attached.
void write_gateway_statuses(const Catalog& catalog, const GatewayStates& gateways, StatusMap& statuses);

}  // namespace byway::control::model
