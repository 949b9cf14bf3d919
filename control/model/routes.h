// HTTPRoutes: to which listeners they attach, what they do there, and what their status says.
#pragma once
#include "control/model/backends.h"
#include "control/model/catalog.h"
#include "control/model/gateways.h"

namespace byway::control::model {

/// Adds routes to `policy`, counts them at their listeners, writes their statuses.
void resolve_routes(const Catalog& catalog, GatewayStates& gateways, Backends& backends,
                    shm::PolicySpec& policy, StatusMap& statuses);

/// Whether a route's hostname and a listener's have a host in common: equal, or one a wildcard that holds
/// the other. "" is every host.
bool hostnames_meet(std::string_view listener, std::string_view route);

}  // namespace byway::control::model
