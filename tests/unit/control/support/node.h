// The node's addresses in tests.
#pragma once
#include <initializer_list>
#include <memory>

#include "control/publish/publisher.h"

namespace byway::control {

struct OwnIpv4 {
  std::uint32_t address;
  std::uint32_t length;
};

/// {{0x0A500001, 24}} is 10.80.0.1/24.
inline std::shared_ptr<const NodeAddresses> node_of(std::initializer_list<OwnIpv4> addresses) {
  auto node = std::make_shared<NodeAddresses>();
  for (const OwnIpv4& own : addresses)
    node->push_back({shm::IpAddress::from_ipv4(own.address), 96 + own.length});
  return node;
}

}  // namespace byway::control
