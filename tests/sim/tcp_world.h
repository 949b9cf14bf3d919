// A world of honest hosts by seed: how many, how large their memory is, what links are between them, when
// their clocks start, who connects to whom.
#pragma once

#include <memory>
#include <vector>

#include "tests/sim/network.h"
#include "tests/sim/tcp_traffic.h"

namespace byway::sim {

/// Every transfer is over within this much virtual time, whatever the links do: the slowest (150 KB, a tenth
/// of the packets lost, a reader that pauses) takes some minutes.
inline constexpr Nanoseconds transfer_time_max = std::chrono::minutes(30);

[[nodiscard]] HostOptions random_host(Random& random);
/// A start that lets 32-bit milliseconds wrap in the run, or a sequence number of the first connection from
/// `client_address` (with `client`) to `server_address`, or nothing at all.
[[nodiscard]] Instant random_start(const HostOptions& client, const net::IpAddress& client_address,
                                   const net::IpAddress& server_address, Random& random);

struct TcpWorld {
  /// `lone_segments`: as tcp::StackOptions has it.
  TcpWorld(std::uint64_t seed, bool trace, bool lone_segments = true);

  Random random;
  std::unique_ptr<Network> network;
  std::vector<Host*> hosts;
  std::unique_ptr<Traffic> traffic;
  Traffic::Excuses excuses;
};

}  // namespace byway::sim
