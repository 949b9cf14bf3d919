#include "dataplane/net/routes.h"

#include <algorithm>

namespace byway::net {

RouteError Routes::add(const Route& route) {
  for (std::size_t i = 0; i < count_; ++i) {
    if (routes_[i].destination.bits == route.destination.bits &&
        routes_[i].destination.contains(route.destination.address)) {
      return RouteError::duplicate;
    }
  }
  if (count_ == routes_.size()) return RouteError::table_full;
  std::size_t at = count_++;
  for (; at > 0 && routes_[at - 1].destination.bits < route.destination.bits; --at) {
    routes_[at] = routes_[at - 1];
  }
  routes_[at] = route;
  return RouteError::none;
}

const Route* Routes::find(const IpAddress& destination) const {
  for (std::size_t i = 0; i < count_; ++i) {
    if (!routes_[i].destination.contains(destination)) continue;
    // The prefix of all IPv6 addresses holds the mapped ones too, and as a route they are none of its
    // business. Those shorter than what all mapped addresses share come last.
    if (routes_[i].destination.bits < v4_prefix_offset && destination.is_v4()) return nullptr;
    return &routes_[i];
  }
  return nullptr;
}

}  // namespace byway::net
