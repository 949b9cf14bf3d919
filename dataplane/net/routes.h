// Where a packet goes next: longest prefix of a small table. A gateway node has one connected prefix a port,
// a default route and a handful of others, so the table is an array sorted by length: the first hit is the
// longest, and a hit takes a few comparisons in one or two cache lines.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dataplane/net/parse.h"
#include "dataplane/net/prefix.h"

namespace byway::net {

/// Most routes. Looking through 64 takes about 60 ns; a node that needs more has a router in front of it.
inline constexpr std::size_t routes_max = 64;

struct Route {
  Prefix destination;
  LinkIndex link = 0;
  std::optional<IpAddress> gateway;  ///< none: the destination is a neighbour itself
};

enum class RouteError : std::uint8_t {
  none,
  table_full,
  duplicate,
  gateway_not_on_link,  ///< the gateway is in no connected network
};

class Routes {
 public:
  /// duplicate: the same destination prefix stands there already.
  [[nodiscard]] RouteError add(const Route& route);
  /// The route with the longest prefix that holds `destination`; nullptr: none.
  [[nodiscard]] const Route* find(const IpAddress& destination) const;

 private:
  std::array<Route, routes_max> routes_;  ///< longest first
  std::size_t count_ = 0;
};

}  // namespace byway::net
