// Links that change while a run goes on: outages, partitions, a narrower or longer path, another MTU.
#pragma once

#include <vector>

#include "tests/sim/network.h"
#include "tests/sim/random.h"

namespace byway::sim {

/// Plans changes of the links between `nodes` for the first `length` of the run; at its end all are as they
/// were at its beginning. No MTU is below `mtu_min`. Outages are short enough for every handshake to survive
/// (tcp::syn_ack_retransmits_max).
void plan_weather(Network& network, const std::vector<Node*>& nodes, std::uint16_t mtu_min,
                  Nanoseconds length, Random& random);

}  // namespace byway::sim
