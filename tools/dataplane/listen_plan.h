// Where the workers listen under one set: made by the main thread when it installs the set, so that a worker
// only compares two sorted lists.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "control/shm/node_address.h"
#include "control/shm/publication.h"
#include "dataplane/clock.h"
#include "dataplane/net/address.h"
#include "dataplane/net/prefix.h"

namespace byway::tools {

/// Most pairs of address and TCP port that one set may listen on, and most addresses beside the node's own.
/// They size the workers' tables; a set with more is refused.
inline constexpr std::size_t listen_sockets_max = 1024;
inline constexpr std::size_t virtual_addresses_max = 512;

struct ListenSocket {
  net::SocketAddress local;
  Nanoseconds drain{0};  ///< What its connections are granted when it goes: the longest of its listeners'.
  friend bool operator<(const ListenSocket& a, const ListenSocket& b) { return a.local < b.local; }
  friend bool operator==(const ListenSocket&, const ListenSocket&) = default;
};

struct ListenPlan final : shm::SetAttachment {
  std::vector<ListenSocket> sockets;               ///< sorted by address, each once
  std::vector<net::IpAddress> virtual_addresses;   ///< sorted; in a network of a port, not the node's own
  std::vector<net::IpAddress> unusable_addresses;  ///< those that shm::can_answer_on() denies
};

/// The plan of a verified policy on a node with these addresses (with their prefixes). A listener without
/// addresses listens on all of the node's. Refused: a set beyond the bounds.
[[nodiscard]] std::expected<std::unique_ptr<const ListenPlan>, std::string> make_listen_plan(
    const shm::PolicyView& policy, std::span<const net::Prefix> node_addresses);

/// The node's addresses as shared memory has them: for the rule above, and for the agent to know it.
[[nodiscard]] std::vector<shm::NodeAddress> shared_addresses(std::span<const net::Prefix> node_addresses);

}  // namespace byway::tools
