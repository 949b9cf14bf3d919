// RequestHeaderModifier: the edits of a rule, then those of the chosen backend reference, as the head writer
// takes them.
#pragma once

#include <span>

#include "control/shm/policy_view.h"
#include "l7/http1/write.h"

namespace byway::l7::filters {

/// Fills `out`, which has room for 2 * shm::header_edits_max, and returns the part that was used. The texts
/// stay in the policy.
[[nodiscard]] std::span<const http1::FieldEdit> request_edits(const shm::PolicyView& policy,
                                                              const shm::Rule& rule,
                                                              const shm::BackendRef& backend,
                                                              std::span<http1::FieldEdit> out);

}  // namespace byway::l7::filters
