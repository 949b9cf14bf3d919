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
  Pressure pressure = Pressure::none;

  void count(CounterIndex index, std::uint64_t amount = 1) const { counters.add(index, amount); }
  /// How much a connection may hold for its reader.
  [[nodiscard]] Bytes receive_limit() const {
    return pressure == Pressure::none ? options.receive_buffer_bytes
                                      : std::min(options.receive_buffer_bytes, receive_buffer_bytes_pressed);
  }
};

}  // namespace byway::tcp
