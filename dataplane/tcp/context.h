// What a connection works with and does not own: the same for all connections of a stack.
#pragma once

#include <algorithm>

#include "dataplane/rope.h"
#include "dataplane/tcp/counters.h"
#include "dataplane/tcp/options.h"
#include "dataplane/tcp/reassembly.h"

namespace byway::tcp {

struct Context {
  const StackOptions& options;
  Memory memory;
  ReassemblySlab& reassemblies;
  Counters counters;
  Pressure pressure_of_buffers = Pressure::none;  ///< What the worker says.

  void count(CounterIndex index, std::uint64_t amount = 1) const { counters.add(index, amount); }
  /// How short memory is: buffers or chain nodes, whichever is worse.
  [[nodiscard]] Pressure pressure() const {
    const std::uint64_t used = std::uint64_t{memory.slices.in_use()} * 8;
    const std::uint64_t all = memory.slices.capacity();
    if (used < all * pressure_high_eighths) return pressure_of_buffers;
    return used < all * pressure_critical_eighths ? std::max(pressure_of_buffers, Pressure::high)
                                                  : Pressure::critical;
  }
  /// Whether more than one of `parts` of the chain nodes is free.
  [[nodiscard]] bool has_nodes_beyond(std::uint32_t parts) const {
    const std::uint32_t capacity = memory.slices.capacity();
    return capacity - memory.slices.in_use() > capacity / parts;
  }
  /// How much a connection may hold for its reader.
  [[nodiscard]] Bytes receive_limit() const {
    return pressure() == Pressure::none
               ? options.receive_buffer_bytes
               : std::min(options.receive_buffer_bytes, receive_buffer_bytes_pressed);
  }
  /// How much a connection may hold for its peer. At critical pressure nothing new is taken, so that what is
  /// left of the chain nodes carries acknowledgments and the octets that they wait for.
  [[nodiscard]] Bytes send_limit() const {
    switch (pressure()) {
      case Pressure::none:
        return options.send_buffer_bytes;
      case Pressure::high:
        return std::min(options.send_buffer_bytes, send_buffer_bytes_pressed);
      case Pressure::critical:
        break;
    }
    return 0;
  }
};

}  // namespace byway::tcp
