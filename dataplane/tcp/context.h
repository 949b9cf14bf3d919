// What a connection works with and does not own: the same for all connections of a stack.
#pragma once

#include <algorithm>

#include "dataplane/rope.h"
#include "dataplane/tcp/counters.h"
#include "dataplane/tcp/flight.h"
#include "dataplane/tcp/options.h"
#include "dataplane/tcp/reassembly.h"
#include "dataplane/tcp/supply.h"

namespace byway::tcp {

struct Context {
  const StackOptions& options;
  Memory memory;
  ReassemblySlab& reassemblies;
  FlightSlab& flights;
  SentBlockSlab& sent_blocks;
  Counters counters;
  BufferSupply buffers{};

  void count(CounterIndex index, std::uint64_t amount = 1) const { counters.add(index, amount); }
  /// How short memory is: buffers or chain nodes, whichever is worse.
  [[nodiscard]] Pressure pressure() const { return std::max(buffers.pressure(), nodes_pressure()); }
  [[nodiscard]] Pressure nodes_pressure() const {
    const std::uint64_t used = std::uint64_t{memory.slices.in_use()} * 8;
    const std::uint64_t all = memory.slices.capacity();
    if (used < all * pressure_high_eighths) return Pressure::none;
    return used < all * pressure_critical_eighths ? Pressure::high : Pressure::critical;
  }
  /// Whether more than one of `parts` of the chain nodes is free.
  [[nodiscard]] bool has_nodes_beyond(std::uint32_t parts) const {
    const std::uint32_t capacity = memory.slices.capacity();
    return capacity - memory.slices.in_use() > capacity / parts;
  }

  /// Slices that one queue may grow to (limits.h, rule 1).
  [[nodiscard]] std::uint32_t queue_share() const {
    const std::uint32_t nodes = memory.slices.capacity();
    const std::uint32_t of_nodes = share_of(nodes - memory.slices.in_use(), nodes);
    const std::uint32_t share = buffers.is_known() ? std::min(of_nodes, buffers.share()) : of_nodes;
    return std::clamp(share, fair_share, queue_slices_max);
  }
  /// Slices that a queue may hold of what its peer was invited to send (rule 2).
  [[nodiscard]] std::uint32_t received_slices_max() const {
    if (pressure() == Pressure::none) return queue_slices_max;
    return buffers.is_at_floor() ? 0 : queue_share();
  }
  /// How much a connection with segments of `mss` octets may hold for its reader.
  [[nodiscard]] Bytes receive_limit(Bytes mss) const {
    return std::min(options.receive_buffer_bytes, queue_share() * mss);
  }
  /// How much a connection with a share of `share` slices may hold for its peer. With the last chain nodes
  /// nothing new is taken: they carry acknowledgments and the octets that they wait for.
  [[nodiscard]] Bytes send_limit(std::uint32_t share, Bytes mss) const {
    if (nodes_pressure() == Pressure::critical) return 0;
    return std::min(options.send_buffer_bytes, share * mss);
  }

  /// What a queue may always hold: by the number of connections (update_fair_share).
  std::uint32_t fair_share = fair_share_slices_max;
  void update_fair_share(std::uint32_t connections) {
    const std::uint32_t all = buffers.is_known() ? buffers.total() : memory.slices.capacity();
    const std::uint32_t parts = std::max(connections, 1u) * fair_share_parts_per_connection;
    fair_share = std::clamp(all / parts, 1u, fair_share_slices_max);
  }
};

}  // namespace byway::tcp
