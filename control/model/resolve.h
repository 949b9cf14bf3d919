// From objects to what the data plane shall do, and to what clients shall know about it. References are
// followed here, and only here: what is missing, not granted or not served in this version becomes a status
// condition with the Gateway API's standard reason, and is left out of the model (or answered with 500, where
// the standard says so). A pure function of the objects.
#pragma once
#include <memory>
#include <vector>

#include "control/engine/object.h"
#include "control/shm/endpoints_builder.h"
#include "control/shm/policy_builder.h"

namespace byway::control {

/// What goes to the data plane, in the words of the blob builders.
struct Model {
  shm::PolicySpec policy;
  std::vector<shm::BackendSpec> backends;  ///< of the backends that routes name
};

struct Resolution {
  std::shared_ptr<const Model> model;
  /// For GatewayClasses that are ours, their Gateways, and routes that name one of them. Programmed is True
  /// where the data plane will serve it once it runs the model (programmed.h); addresses and
  /// lastTransitionTime are not set.
  StatusMap statuses;
};

Resolution resolve(const ObjectMap& objects);

/// Value of GatewayClass.spec.controllerName that makes a class ours.
inline constexpr std::string_view controller_name = "byway.dev/gateway";

}  // namespace byway::control
