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
  Context(const StackOptions& of_all, const Memory& from, ReassemblySlab& holes, FlightSlab& in_flight,
          SentBlockSlab& blocks, Counters cells)
      : options(of_all),
        memory(from),
        reassemblies(holes),
        flights(in_flight),
        sent_blocks(blocks),
        counters(cells) {}

  const StackOptions& options;
  Memory memory;
  ReassemblySlab& reassemblies;
  FlightSlab& flights;
  SentBlockSlab& sent_blocks;
  Counters counters;
  BufferSupply buffers{};
  /// Chain nodes in use from which the stack calls memory short, and when a share is worked out anew.
  std::uint32_t nodes_high = memory.slices.capacity() / 8 * pressure_high_eighths;
  std::uint32_t nodes_critical = memory.slices.capacity() / 8 * pressure_critical_eighths;
  std::uint32_t share_slack = memory.slices.capacity() / share_slack_parts;

  void count(CounterIndex index, std::uint64_t amount = 1) const { counters.add(index, amount); }
  /// How short memory is: buffers or chain nodes, whichever is worse.
  [[nodiscard]] Pressure pressure() const { return std::max(buffers.pressure(), nodes_pressure()); }
  [[nodiscard]] Pressure nodes_pressure() const {
    const std::uint32_t used = memory.slices.in_use();
    if (used < nodes_high) return Pressure::none;
    return used < nodes_critical ? Pressure::high : Pressure::critical;
  }
  /// Whether more than one of `parts` of the chain nodes is free.
  [[nodiscard]] bool has_nodes_beyond(std::uint32_t parts) const {
    const std::uint32_t capacity = memory.slices.capacity();
    return capacity - memory.slices.in_use() > capacity / parts;
  }

  /// Slices that one queue may grow to (limits.h, rule 1). Kept until what is free has changed by a little:
  /// every write and every window asks for it.
  [[nodiscard]] std::uint32_t queue_share() {
    const bool nodes_hold = memory.slices.in_use() - share_.nodes + share_slack <= 2 * share_slack;
    const bool buffers_hold = buffers.available() - share_.buffers + share_slack <= 2 * share_slack;
    if (!nodes_hold || !buffers_hold || share_.slices == 0) [[unlikely]]
      update_share();
    return share_.slices;
  }
  /// Slices that a queue may hold of what its peer was invited to send (rule 2).
  [[nodiscard]] std::uint32_t received_slices_max() {
    if (pressure() == Pressure::none) return queue_slices_max;
    return buffers.is_at_floor() ? 0 : queue_share();
  }
  /// How much a connection with segments of `mss` octets may hold for its peer, if its window is `window`:
  /// twice that, so that the next windowful is there when this one is acknowledged. With the last chain nodes
  /// nothing new is taken: they carry acknowledgments and the octets that they wait for.
  [[nodiscard]] Bytes send_limit(std::uint32_t share, Bytes mss, Bytes window) const {
    if (nodes_pressure() == Pressure::critical) return 0;
    const Bytes wanted = std::max(send_buffer_bytes_min, 2 * std::min(window, options.send_buffer_bytes));
    return std::min({options.send_buffer_bytes, wanted, share * mss});
  }

  /// What a queue may always hold: by the number of connections.
  std::uint32_t fair_share = fair_share_slices_max;
  void update_fair_share(std::uint32_t connections) {
    const std::uint32_t all = buffers.is_known() ? buffers.total() : memory.slices.capacity();
    const std::uint32_t parts = std::max(connections, 1u) * fair_share_parts_per_connection;
    fair_share = std::clamp(all / parts, 1u, fair_share_slices_max);
    share_.slices = 0;
  }

 private:
  void update_share() {
    const std::uint32_t nodes = memory.slices.capacity();
    const std::uint32_t of_nodes = share_of(nodes - memory.slices.in_use(), nodes);
    const std::uint32_t share = buffers.is_known() ? std::min(of_nodes, buffers.share()) : of_nodes;
    share_ = {std::clamp(share, fair_share, queue_slices_max), memory.slices.in_use(), buffers.available()};
  }
  struct {
    std::uint32_t slices = 0;   ///< 0: not worked out
    std::uint32_t nodes = 0;    ///< in use at that time
    std::uint32_t buffers = 0;  ///< free at that time
  } share_;
};

}  // namespace byway::tcp
