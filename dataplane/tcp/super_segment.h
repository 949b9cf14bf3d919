// Segments of one connection that follow one another, joined to one that a port cuts again (TSO). The
// connection knows nothing of it: it has built and noted each of them, and they go on the wire as it built
// them. What is saved is the way from here to the port: route, neighbour, headers, and a frame for each.
#pragma once

#include <cstdint>

#include "dataplane/tcp/limits.h"
#include "dataplane/tcp/segment.h"

namespace byway::tcp {

/// Most segments in one: what a connection may send in its turn.
inline constexpr std::uint32_t super_segment_parts_max = segments_per_turn_max;
/// Most octets of payload: IPv4's total length has 16 bits, and the headers count.
inline constexpr Bytes super_segment_bytes_max = 65'535 - 2 * header_bytes_max;

/// What becomes of `first` when others join it.
class SuperSegment {
 public:
  /// `pieces_max`: slices that the port takes in one frame.
  SuperSegment(SegmentOut& first, std::uint32_t pieces_max)
      : whole_(first), part_bytes_(first.payload.size()), pieces_max_(pieces_max) {}

  /// Whether `next` stands on the wire as it does now when the port cuts it off again: the header that the
  /// port makes is the first one's with another sequence number, and PSH and FIN only on the last.
  [[nodiscard]] bool takes(const SegmentOut& next) const;
  /// Asserted: takes(). Empties the payload of `next`.
  void join(SegmentOut& next);

  [[nodiscard]] std::uint32_t parts() const { return parts_; }
  /// Payload of each but the last; 0: it is one segment.
  [[nodiscard]] std::uint16_t part_bytes() const {
    return parts_ > 1 ? static_cast<std::uint16_t>(part_bytes_) : std::uint16_t{0};
  }

 private:
  SegmentOut& whole_;
  Bytes part_bytes_;
  std::uint32_t pieces_max_;
  std::uint32_t parts_ = 1;
};

}  // namespace byway::tcp
