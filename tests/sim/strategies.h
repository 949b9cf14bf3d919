// How a hand-made peer misbehaves: one strategy a connection, each with the name that its trace shows.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/tcp/segment.h"

namespace byway::sim {

class RawConnection;

struct Strategy {
  const char* name;
  /// A segment without SYN and RST has come; header() acknowledges it already.
  void (*on_segment)(RawConnection& connection, const tcp::SegmentView& segment);
  /// First some milliseconds after the handshake, then when it asked for with wake_in.
  void (*on_wake)(RawConnection& connection);
  /// Changes what its SYN says; nullptr: nothing.
  void (*shape_syn)(RawConnection& connection) = nullptr;
  bool completes_handshake = true;
  bool has_tiny_segments = false;
};

[[nodiscard]] std::span<const Strategy> strategies();

}  // namespace byway::sim
