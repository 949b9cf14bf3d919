// What a stack can be told at its start, and how short memory is while it runs.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "dataplane/clock.h"
#include "dataplane/rope.h"
#include "dataplane/tcp/limits.h"

namespace byway::tcp {

/// How short memory is (limits.h, "Memory").
enum class Pressure : std::uint8_t {
  none,
  high,      ///< Each queue has its fair share, and the stuck ones are looked for.
  critical,  ///< New connections are refused too.
};

struct KeepAlive {
  bool enabled = false;                      ///< Off unless asked for (RFC 9293 3.8.4, MUST-25).
  Nanoseconds idle = std::chrono::hours(2);  ///< Silence before the first probe (MUST-28: two hours).
  Nanoseconds interval = 75s;
  std::uint8_t probes_max = 9;
};

/// Explicit congestion notification (RFC 3168).
enum class Ecn : std::uint8_t {
  off,
  when_asked,  ///< Agree to it, do not ask for it: as Linux does by default.
  always,
};

struct StackOptions {
  std::uint32_t sockets_max = 4096;   ///< Connections, TIME-WAIT included; 600 B each at most.
  std::uint32_t listeners_max = 256;  ///< Pairs of address and TCP port.
  Bytes receive_buffer_bytes = receive_buffer_bytes_default;  ///< The most; see receive_buffer_bytes_min.
  Bytes send_buffer_bytes = send_buffer_bytes_default;        ///< The most; see send_buffer_bytes_min.
  /// Octets that stay unacknowledged (or a window that stays closed with no answer to probes) this long end
  /// the connection: RFC 9293 3.8.3 wants at least 100 s; Linux waits about 15 min.
  Nanoseconds user_timeout = 120s;
  KeepAlive keepalive;
  Ecn ecn = Ecn::when_asked;
  /// A segment that is out alone has no Flight (lone.cpp). Off for tests: what goes on the wire is the same.
  bool lone_segments = true;
  bool pacing = false;  ///< Spread what a window allows over the round trip (pacer.h).
  /// Key of sequence numbers, timestamps, local ports and the flow hash: random, never shown (RFC 6528 3).
  std::array<std::uint8_t, 16> secret{};
};

}  // namespace byway::tcp
