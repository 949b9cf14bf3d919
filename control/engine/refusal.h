// Why a request was refused, as a Kubernetes Status object will say it.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "control/engine/object.h"
#include "control/resources/finding.h"

namespace byway::control {

struct RefusalCause {
  std::size_t write_index = 0;  ///< which object of the request
  resources::Finding finding;
};

struct Refusal {
  int code = 500;      ///< HTTP status
  std::string reason;  ///< Kubernetes' word: "Invalid", "Conflict", "NotFound"…
  std::string message;
  std::optional<ObjectKey> key;  ///< the object meant
  std::vector<RefusalCause> causes = {};
};

}  // namespace byway::control
