// A snapshot as text: for explain, for bug reports, and for tests that compare sets. Deterministic: equal
// blobs give equal text. Reads each record through the view's accessors.
#pragma once

#include <string>

#include "control/shm/endpoints_view.h"
#include "control/shm/policy_view.h"

namespace byway::shm {

/// Listeners by group, their routes in the order in which they are tried, the rules. Uses the heap, and
/// time that grows with hosts times paths: for people, not for the main thread of a busy data plane.
[[nodiscard]] std::string dump(const PolicyView& policy);

/// Backends with their endpoints.
[[nodiscard]] std::string dump(const EndpointsView& endpoints);

/// "10.0.0.1" or "2001:db8::1".
[[nodiscard]] std::string to_text(const IpAddress& address);

}  // namespace byway::shm
