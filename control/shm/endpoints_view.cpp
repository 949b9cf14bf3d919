#include "control/shm/endpoints_view.h"

#include <algorithm>
#include <string>

#include "control/shm/dump.h"

namespace byway::shm {

std::uint64_t endpoint_id(std::string_view backend_name, const IpAddress& address, std::uint16_t tcp_port) {
  std::string full_name(backend_name);
  full_name += '@';
  full_name += to_text(address);
  full_name += ':';
  full_name += std::to_string(tcp_port);
  return stable_id(full_name);
}

std::uint32_t EndpointsView::find_backend(std::uint64_t id) const {
  const auto all = backends();
  const auto found = std::ranges::lower_bound(all, id, {}, &Backend::id);
  if (found == all.end() || found->id != id) return no_index;
  return static_cast<std::uint32_t>(found - all.begin());
}

}  // namespace byway::shm
