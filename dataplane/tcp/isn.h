// Numbers that an outsider must not guess: initial sequence numbers (RFC 6528), timestamp offsets (RFC 7323
// 7.1) and local ports (RFC 6056), all from one secret.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/clock.h"
#include "dataplane/tcp/flow_key.h"
#include "dataplane/tcp/seq.h"
#include "dataplane/tcp/siphash.h"

namespace byway::tcp {

class NumberSource {
 public:
  explicit NumberSource(std::span<const std::uint8_t, 16> secret) : hash_(secret) {}

  /// RFC 6528 3: M + F(flow, secret), where M ticks every 4 us. Of two connections with the same addresses
  /// and ports the later one begins higher, as TIME-WAIT reuse needs (RFC 9293 3.4.1).
  [[nodiscard]] Seq initial_sequence(const FlowKey& flow, Instant now) const {
    const auto clock = static_cast<std::uint32_t>(now.ns / 4000);
    return Seq{clock + static_cast<std::uint32_t>(hash(flow, Purpose::sequence))};
  }
  /// RFC 7323 7.1: a constant of the flow, so that timestamps go on rising when its ports are used again.
  [[nodiscard]] std::uint32_t timestamp_offset(const FlowKey& flow) const {
    return static_cast<std::uint32_t>(hash(flow, Purpose::timestamp));
  }
  /// RFC 6056 3.3.4 (double-hash port selection): where among the `range` ports to look first for `flow`,
  /// whose local port does not count. Successive calls for one peer give successive ports.
  [[nodiscard]] std::uint32_t port_offset(FlowKey flow, std::uint32_t range);

 private:
  enum class Purpose : std::uint8_t { sequence = 1, timestamp, port, port_counter };
  [[nodiscard]] std::uint64_t hash(const FlowKey& flow, Purpose purpose) const;

  /// RFC 6056 3.3.4 suggests 10 or more; with 256 a peer learns little about the rate of others.
  static constexpr std::size_t port_counters = 256;

  SipHash hash_;
  std::array<std::uint32_t, port_counters> next_port_{};
};

}  // namespace byway::tcp
