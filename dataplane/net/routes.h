// Where a packet goes next: longest prefix of a small table. A gateway node has one connected prefix a port,
// a default route and a handful of others, so the table is an array for each version, sorted by length: the
// first hit is the longest. Of IPv4 what is compared stands apart, eight routes in a cache line.
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
  [[nodiscard]] const Route* find(const IpAddress& destination) const {
    return destination.is_v4() ? find(destination.v4()) : find_v6(destination);
  }
  [[nodiscard]] const Route* find(Ipv4Address destination) const {
    for (std::size_t i = 0; i < v4_.count; ++i) {
      if ((destination.value & v4_keys_[i].mask) == v4_keys_[i].network) return &v4_.routes[i];
    }
    return nullptr;
  }

 private:
  struct V4Key {
    std::uint32_t network = 0;
    std::uint32_t mask = 0;
  };
  struct Table {
    std::array<Route, routes_max> routes;  ///< longest first
    std::size_t count = 0;
  };

  [[nodiscard]] const Route* find_v6(const IpAddress& destination) const;

  Table v4_;
  std::array<V4Key, routes_max> v4_keys_;  ///< of the routes in v4_
  Table v6_;
};

}  // namespace byway::net
