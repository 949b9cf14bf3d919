// A worker's part of a capture: which frames it takes, and the ring that it puts them in.
//
// The main thread makes one for each worker, hands it over by a command, takes frames out of its ring, and
// destroys it when a later command has made the worker forget it. While no capture runs a worker looks once a
// burst whether there is one, and that is all that it costs.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "control/shm/capture_request.h"
#include "dataplane/capture_ring.h"

namespace byway {

/// Links have an index below this (net::links_max).
inline constexpr std::size_t capture_links_max = 16;

/// What became of the frames of one port.
struct CaptureCounts {
  std::uint64_t seen = 0;     ///< before the filter, of the wanted direction
  std::uint64_t matched = 0;  ///< passed the filter
  std::uint64_t dropped = 0;  ///< of those: found the ring full
};

enum class CaptureOutcome : std::uint8_t { passed_over, kept, dropped };

class Capture {
 public:
  /// `request` is sound (shm::parse_capture_request) and outlives this. `links`: a bit for each link wanted.
  Capture(const shm::CaptureRequest& request, std::uint32_t links)
      : request_(request), links_(links), scratch_(shm::capture_snaplen_max), ring_(request.ring_bytes) {}

  // ---- worker ---------------------------------------------------------------------------------------------
  [[nodiscard]] bool wants(std::uint8_t link, bool is_sent) const {
    using shm::CaptureDirection;
    const CaptureDirection unwanted = is_sent ? CaptureDirection::received : CaptureDirection::sent;
    return (links_ >> link & 1U) != 0 && request_.direction != unwanted;
  }
  /// Looks at a frame that wants() is true for. `frame.bytes` is all of it, or as much as scratch() holds:
  /// the filter sees more than is kept.
  CaptureOutcome take(CapturedFrame frame);
  /// Room for the beginning of a frame that lies in pieces.
  [[nodiscard]] std::span<std::byte> scratch() { return scratch_; }

  // ---- main thread ----------------------------------------------------------------------------------------
  [[nodiscard]] CaptureRing& ring() { return ring_; }
  /// Of one link; only when the worker has forgotten this capture.
  [[nodiscard]] const CaptureCounts& counts(std::size_t link) const { return counts_[link]; }

 private:
  const shm::CaptureRequest& request_;
  std::uint32_t links_;
  std::array<CaptureCounts, capture_links_max> counts_{};
  std::vector<std::byte> scratch_;
  CaptureRing ring_;
};

/// Whether the program wants a frame of which `bytes` are at hand. The program must have passed
/// shm::check_filter; an empty one wants every frame.
[[nodiscard]] bool matches(std::span<const shm::FilterInstruction> program, std::span<const std::byte> bytes,
                           std::uint32_t wire_bytes);

}  // namespace byway
