// Host name patterns of the Gateway API: "" (every host), "a.com" (this host), "*.a.com" (every host below
// a.com at any depth, not a.com itself).
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "control/shm/policy_layout.h"

namespace byway::shm {

/// A pattern as the tables hold it.
struct HostPattern {
  HostKind kind;
  std::string pattern;  ///< in lower case; ".a.com" for "*.a.com", "" for every host

  /// Whether the pattern covers this host: in lower case, without port.
  [[nodiscard]] bool covers(std::string_view host) const;

  friend auto operator<=>(const HostPattern&, const HostPattern&) = default;
};

/// Reads "", "a.com" or "*.a.com" (RFC 1123 labels, any case). Error: what is wrong with it.
[[nodiscard]] std::expected<HostPattern, std::string> parse_host_pattern(std::string_view text);

/// Whether some host is covered by both, as a route's hostname must with its listener's (Gateway API,
/// HTTPRouteSpec.hostnames).
[[nodiscard]] bool intersects(const HostPattern& listener, const HostPattern& route);

}  // namespace byway::shm
