#include "dataplane/net/routes.h"

#include <algorithm>

namespace byway::net {

RouteError Routes::add(const Route& route) {
  const bool is_v4 = route.destination.is_v4();
  Table& table = is_v4 ? v4_ : v6_;
  for (const Route& other : std::span(table.routes).first(table.count)) {
    if (other.destination.bits == route.destination.bits &&
        other.destination.contains(route.destination.address)) {
      return RouteError::duplicate;
    }
  }
  if (v4_.count + v6_.count == routes_max) return RouteError::table_full;
  std::size_t at = table.count++;
  for (; at > 0 && table.routes[at - 1].destination.bits < route.destination.bits; --at) {
    table.routes[at] = table.routes[at - 1];
    if (is_v4) v4_keys_[at] = v4_keys_[at - 1];
  }
  table.routes[at] = route;
  if (is_v4) {
    const std::uint32_t mask = route.destination.v4_mask();
    v4_keys_[at] = {route.destination.address.v4().value & mask, mask};
  }
  return RouteError::none;
}

const Route* Routes::find_v6(const IpAddress& destination) const {
  for (std::size_t i = 0; i < v6_.count; ++i) {
    if (v6_.routes[i].destination.contains(destination)) return &v6_.routes[i];
  }
  return nullptr;
}

}  // namespace byway::net
