#include "control/model/resolve.h"

#include "control/model/backends.h"
#include "control/model/gateways.h"
#include "control/model/routes.h"

namespace byway::control {

Resolution resolve(const ObjectMap& objects) {
  const model::Catalog catalog(objects);
  model::Backends backends(catalog);
  Resolution resolution;
  auto model = std::make_shared<Model>();
  model::GatewayStates gateways = model::resolve_gateways(catalog, model->policy);
  model::resolve_routes(catalog, gateways, backends, model->policy, resolution.statuses);
  model::write_gateway_statuses(catalog, gateways, resolution.statuses);
  model->backends = backends.specs();
  resolution.model = std::move(model);
  return resolution;
}

}  // namespace byway::control
