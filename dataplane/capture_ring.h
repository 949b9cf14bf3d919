// Frames on their way from a worker to the main thread while a capture runs: a ring of bytes with one writer
// and one reader, both of this process. A full one drops; nobody waits.
//
// Positions are byte counts since the start and never wrap. A record is a head and the frame's bytes, padded
// to 8, never split: a skip mark fills the rest of the ring where one does not fit before the end.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/clock.h"

namespace byway {

/// One frame as it was kept.
struct CapturedFrame {
  Instant time;
  std::uint32_t wire_bytes = 0;  ///< of the whole frame
  std::uint8_t link = 0;         ///< index of its port
  bool is_sent = false;
  std::span<const std::byte> bytes;  ///< what was kept of it; in the ring, until pop()
};

class CaptureRing {
 public:
  /// `bytes`: a power of two, at least two of the largest records. Main thread; touches every page.
  explicit CaptureRing(std::size_t bytes) : ring_(bytes) {}

  // ---- writer ---------------------------------------------------------------------------------------------
  /// Copies a frame in. False: there was no room.
  [[nodiscard]] bool push(const CapturedFrame& frame);

  // ---- reader ---------------------------------------------------------------------------------------------
  /// The oldest frame.
  [[nodiscard]] std::optional<CapturedFrame> front();
  /// Gives its place back. Only after front() has shown one.
  void pop();

 private:
  struct Head {
    std::uint32_t bytes;  ///< kept ones; skip_mark: nothing here up to the end of the ring
    std::uint32_t wire_bytes;
    std::int64_t time_ns;
    std::uint8_t link;
    std::uint8_t is_sent;
    std::uint8_t reserved[6];
  };
  static_assert(sizeof(Head) == 24);
  static constexpr std::uint32_t skip_mark = UINT32_MAX;
  [[nodiscard]] static std::uint64_t record_bytes(std::uint32_t kept) {
    return sizeof(Head) + (std::uint64_t{kept} + 7) / 8 * 8;
  }
  [[nodiscard]] std::byte* place(std::uint64_t position) {
    return ring_.data() + (position & (ring_.size() - 1));
  }

  std::vector<std::byte> ring_;
  std::uint64_t read_seen_ = 0;  ///< the writer's last look at `read_`
  alignas(64) std::atomic<std::uint64_t> written_{0};
  alignas(64) std::atomic<std::uint64_t> read_{0};
};

}  // namespace byway
