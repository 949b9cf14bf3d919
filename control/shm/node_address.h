// The node's own addresses, as the data plane tells them in its Welcome, and the one rule that says which
// addresses a Gateway may ask for beside them: the data plane listens by it, the agent reports by it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "control/shm/blob.h"

namespace byway::shm {

/// node.yaml has at most 16 ports with 16 addresses each.
inline constexpr std::size_t node_addresses_max = 256;

/// An address of a port and how many of its leading bits name the port's network; 96 + n for IPv4.
struct NodeAddress {
  IpAddress address;
  std::uint32_t prefix_bits = 0;
  bool operator==(const NodeAddress&) const = default;
};
static_assert(sizeof(NodeAddress) == 20);

/// A length that fits the address, which is one.
[[nodiscard]] bool is_sound(const NodeAddress& own);

/// Whether the node can answer on `address`: it is one of its own, or lies in the network of one of its ports
/// and is neither that network's name (IPv6: the address of all its routers) nor its broadcast address (which
/// RFC 3021 and RFC 6164 take from networks of two).
/// `node` holds sound addresses.
[[nodiscard]] bool can_answer_on(const IpAddress& address, std::span<const NodeAddress> node);

}  // namespace byway::shm
