// A second router, as plain as the Gateway API's text: it tries every match of every route and keeps the
// best. It shares nothing with the builder, the tables or the router but the specs.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "control/shm/policy_builder.h"
#include "tests/support/random_policy.h"

namespace byway::test {

/// Where a request went, by position in the PolicySpec.
struct ReferenceMatch {
  std::size_t route;
  std::size_t rule;
  std::size_t match;
};

struct ReferenceResult {
  std::optional<std::size_t> listener;
  std::optional<ReferenceMatch> match;
};

/// `address` none: the node's own.
[[nodiscard]] ReferenceResult reference_route(const shm::PolicySpec& policy, const shm::IpAddress& address,
                                              std::uint16_t tcp_port, const OwnedRequest& request);

}  // namespace byway::test
