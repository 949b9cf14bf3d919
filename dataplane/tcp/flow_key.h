// Which connection a segment belongs to: both addresses and both TCP ports.
#pragma once

#include <cstdint>

#include "dataplane/net/address.h"

namespace byway::tcp {

/// A connection's two ends, as this host sees them.
struct FlowKey {
  net::IpAddress local;
  net::IpAddress remote;
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  friend bool operator==(const FlowKey&, const FlowKey&) = default;
};
static_assert(sizeof(FlowKey) == 36);

}  // namespace byway::tcp
