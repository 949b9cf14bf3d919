#include "tools/dataplane/listen_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace byway::tools {

namespace {

net::IpAddress address_of(const shm::IpAddress& from) {
  net::IpAddress address;
  std::memcpy(address.bytes.data(), from.bytes, address.bytes.size());
  return address;
}

void sort_once(std::vector<net::IpAddress>& list) {
  std::ranges::sort(list);
  const auto repeated = std::ranges::unique(list);
  list.erase(repeated.begin(), repeated.end());
}

// Of several with one address the one that drains longest stays.
void sort_once(std::vector<ListenSocket>& list) {
  std::ranges::sort(list, [](const ListenSocket& a, const ListenSocket& b) {
    return a.local != b.local ? a.local < b.local : a.drain > b.drain;
  });
  const auto repeated = std::ranges::unique(list, {}, &ListenSocket::local);
  list.erase(repeated.begin(), repeated.end());
}

Nanoseconds drain_of(const shm::PolicyView& policy, const shm::ListenerGroup& group) {
  std::uint64_t longest_ns = 0;
  for (const shm::Listener& listener : policy.listeners()) {
    if (listener.tcp_port != group.tcp_port) continue;
    const auto addresses = policy.addresses(listener);
    const bool is_of_group = addresses.empty()
                                 ? address_of(group.address) == net::IpAddress{}
                                 : std::ranges::find(addresses, group.address) != addresses.end();
    if (is_of_group) longest_ns = std::max(longest_ns, listener.limits.drain_ns);
  }
  return Nanoseconds(static_cast<std::int64_t>(longest_ns));
}

}  // namespace

std::expected<std::unique_ptr<const ListenPlan>, std::string> make_listen_plan(
    const shm::PolicyView& policy, std::span<const net::Prefix> node_addresses) {
  auto plan = std::make_unique<ListenPlan>();
  const std::vector<shm::NodeAddress> node = shared_addresses(node_addresses);
  for (const shm::ListenerGroup& group : policy.groups()) {
    const auto tcp_port = static_cast<std::uint16_t>(group.tcp_port);
    const net::IpAddress address = address_of(group.address);
    const Nanoseconds drain = drain_of(policy, group);
    if (address == net::IpAddress{}) {
      for (const net::Prefix& own : node_addresses) plan->sockets.push_back({{own.address, tcp_port}, drain});
      continue;
    }
    plan->sockets.push_back({{address, tcp_port}, drain});
    if (std::ranges::find(node_addresses, address, &net::Prefix::address) != node_addresses.end()) continue;
    (shm::can_answer_on(group.address, node) ? plan->virtual_addresses : plan->unusable_addresses)
        .push_back(address);
  }
  sort_once(plan->sockets);
  sort_once(plan->virtual_addresses);
  sort_once(plan->unusable_addresses);
  if (plan->sockets.size() > listen_sockets_max) {
    return std::unexpected(fmt::format("listeners: {} pairs of address and port, at most {} are possible",
                                       plan->sockets.size(), listen_sockets_max));
  }
  if (plan->virtual_addresses.size() > virtual_addresses_max) {
    return std::unexpected(fmt::format("listeners: {} addresses, at most {} are possible",
                                       plan->virtual_addresses.size(), virtual_addresses_max));
  }
  return plan;
}

std::vector<shm::NodeAddress> shared_addresses(std::span<const net::Prefix> node_addresses) {
  std::vector<shm::NodeAddress> shared;
  for (const net::Prefix& own : node_addresses) {
    shm::NodeAddress& address = shared.emplace_back();
    std::memcpy(address.address.bytes, own.address.bytes.data(), own.address.bytes.size());
    address.prefix_bits = own.bits;
  }
  return shared;
}

}  // namespace byway::tools
