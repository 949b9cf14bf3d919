// One thing to say about one field of an object: why it is refused, or what it lacks.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace byway::control::resources {

/// Kubernetes' causes (metav1.CauseType), as Status objects name them.
enum class Cause : std::uint8_t {
  required,
  invalid,
  duplicate,
  not_supported,
  forbidden,
  too_many,
  too_long
};

/// "FieldValueInvalid"…
std::string_view to_string(Cause cause);

struct Finding {
  Cause cause = Cause::invalid;
  std::string path;    ///< `spec.listeners[0].port`
  std::string reason;  ///< for a person, without the path
};

}  // namespace byway::control::resources
