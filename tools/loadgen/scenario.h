// What byway-loadgen is asked to do.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/clock.h"
#include "dataplane/net/address.h"

namespace byway::loadgen {

/// Most connections of one run: each costs about 1 KB here and 600 B of TCP state.
inline constexpr std::uint32_t connections_max = 1'000'000;
/// Largest body that is sent, or expected in an answer: it is held once for comparison.
inline constexpr std::uint32_t body_bytes_max = 16u << 20;

struct Scenario {
  net::SocketAddress target;
  std::string host;  ///< The Host field; empty: the target's address.
  std::string method = "GET";
  std::string path = "/";
  std::uint32_t request_body_bytes = 0;
  std::uint32_t connections = 64;
  /// Requests a second over all connections, each counted from the time it was due (open loop: no coordinated
  /// omission). 0: closed loop, each connection sends its next request when it has its answer.
  double rate = 0;
  Nanoseconds warm_up{1s};
  Nanoseconds duration{10s};
  /// 0: keep connections; N: close each after N requests and open another.
  std::uint32_t requests_per_connection = 0;
  std::uint16_t expected_status = 200;
};

/// The bytes of a body of the server role, and of requests: the same on both sides, so that each can check
/// the other's. Byte i of every body.
[[nodiscard]] constexpr std::uint8_t body_byte(std::uint64_t index) {
  return static_cast<std::uint8_t>('a' + index % 23);
}

}  // namespace byway::loadgen
