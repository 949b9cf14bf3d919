#include "control/shm/policy_view.h"

#include <algorithm>
#include <tuple>

namespace byway::shm {

namespace {

std::uint32_t group_at(std::span<const ListenerGroup> groups, const IpAddress& address,
                       std::uint16_t tcp_port) {
  const auto key = [](const ListenerGroup& group) { return std::tie(group.tcp_port, group.address); };
  const std::uint32_t port = tcp_port;
  const auto wanted = std::tie(port, address);
  const auto found = std::ranges::lower_bound(groups, wanted, {}, key);
  if (found == groups.end() || key(*found) != wanted) return no_index;
  return static_cast<std::uint32_t>(found - groups.begin());
}

}  // namespace

std::uint32_t PolicyView::find_group(const IpAddress& address, std::uint16_t tcp_port,
                                     bool is_node_address) const {
  const std::uint32_t own = address.is_none() ? no_index : group_at(groups(), address, tcp_port);
  if (own != no_index || !is_node_address) return own;
  return group_at(groups(), IpAddress{}, tcp_port);
}

}  // namespace byway::shm
