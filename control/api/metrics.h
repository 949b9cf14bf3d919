// The agent's own figures and the data plane's, as Prometheus reads them.
#pragma once
#include <string>

#include "control/api/data_plane.h"
#include "control/engine/engine.h"

namespace byway::control::api {

std::string metrics_document(const State& state, const DataPlane* data_plane);

}  // namespace byway::control::api
