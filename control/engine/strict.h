// `?strict`: conditions that would otherwise only be shown refuse the request.
#pragma once
#include <optional>
#include <vector>

#include "control/engine/engine.h"

namespace byway::control {

/// A 422 that names each unmet condition of the written objects; Programmed does not count, since it waits
/// for the data plane.
std::optional<Refusal> unmet_conditions(const std::vector<Written>& written);

}  // namespace byway::control
