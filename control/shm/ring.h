// Per-worker rings that carry log lines and spans from the data plane to the agent.
//
// Single producer (the worker), single consumer (the agent). A full ring drops the record and counts it;
// nothing here ever waits. Positions are byte counts since the start and never wrap; a place in the ring is
// position & (bytes - 1).
//
//   rings region (read-only for the agent)        cursor page (the agent writes)
//   +------+-----------------+--------+----       +---------+---------+----
//   | head | ProducerLine[n] | ring 0 | ...       | line 0  | line 1  | ...
//   +------+-----------------+--------+----       +---------+---------+----
//
// A record is a RecordHead and its payload, padded to 8 bytes, never split: a skip record fills the rest of
// the ring where one does not fit before the end. What the producer reads from the cursor page is untrusted:
// a cursor that is not within [written - ring size, written] counts as "full", so a bad agent loses records
// and harms nobody else.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "control/shm/control_page.h"
#include "control/shm/region.h"

namespace byway::shm {

/// Bytes of a ring: a power of two. 1 MiB holds some 5,000 access log lines, 50 ms at 100,000 requests a
/// second, well above the time between two visits of the agent.
inline constexpr std::uint32_t ring_bytes_min = 8192;
inline constexpr std::uint32_t ring_bytes_max = 64U << 20;
/// Payload of one record: the largest access log line. A longer one is dropped and counted.
inline constexpr std::uint32_t record_bytes_max = 2048;
static_assert(record_bytes_max + 8 <= ring_bytes_min / 2,
              "a record and the skip before it always fit in an empty ring");

/// Written by the worker.
struct alignas(cache_line_bytes) RingProducerLine {
  std::atomic<std::uint64_t> written;  ///< bytes ever put in
  std::atomic<std::uint64_t> dropped;  ///< records lost to a full ring or too long
};

/// Written by the agent; untrusted.
struct alignas(cache_line_bytes) RingCursorLine {
  std::atomic<std::uint64_t> consumed;  ///< bytes ever taken out
};

/// The one page that the agent writes.
inline constexpr std::size_t cursor_page_bytes = 4096;
static_assert(workers_max * sizeof(RingCursorLine) <= cursor_page_bytes);

/// A worker's end of its ring.
class RingWriter {
 public:
  RingWriter() = default;
  RingWriter(std::span<std::byte> ring, RingProducerLine& producer, const RingCursorLine& cursor)
      : ring_(ring), producer_(&producer), cursor_(&cursor) {}

  /// Copies a record in. False: it was dropped and counted. `kind` is the reader's to interpret (nonzero).
  bool write(std::uint16_t kind, std::span<const std::byte> payload);

 private:
  [[nodiscard]] bool has_room(std::uint64_t bytes);
  bool drop();

  std::span<std::byte> ring_;
  RingProducerLine* producer_ = nullptr;
  const RingCursorLine* cursor_ = nullptr;
  std::uint64_t written_ = 0;   ///< own copy: the shared one is never read back
  std::uint64_t consumed_ = 0;  ///< last cursor that made sense
};

/// Main thread's side: owner of all rings and of the cursor page.
class RingRegion {
 public:
  /// `ring_bytes` for each worker: a power of two, ring_bytes_min..ring_bytes_max.
  [[nodiscard]] static std::expected<RingRegion, std::string> create(std::uint32_t worker_count,
                                                                     std::uint32_t ring_bytes);
  /// Once for each worker.
  [[nodiscard]] RingWriter writer(std::uint32_t worker);
  [[nodiscard]] const SharedMemory& memory() const { return memory_; }
  [[nodiscard]] const SharedMemory& cursors() const { return cursors_; }

 private:
  RingRegion() = default;
  SharedMemory memory_;
  SharedMemory cursors_;
  std::uint32_t worker_count_ = 0;
  std::uint32_t ring_bytes_ = 0;
};

/// The agent's side. One reader at a time: two would steal each other's records.
class RingReader {
 public:
  struct Record {
    std::uint16_t kind = 0;
    std::vector<std::byte> payload;
  };
  /// Checks the head against the sizes. Goes on where the cursor page says the last reader stopped.
  [[nodiscard]] static std::expected<RingReader, std::string> open(std::span<const std::byte> region,
                                                                   std::span<std::byte> cursor_page);
  [[nodiscard]] std::uint32_t worker_count() const { return static_cast<std::uint32_t>(rings_.size()); }
  /// Takes up to `records_max` records out of a worker's ring.
  [[nodiscard]] std::vector<Record> read(std::uint32_t worker, std::size_t records_max);
  [[nodiscard]] std::uint64_t dropped(std::uint32_t worker) const;

 private:
  struct Ring {
    std::span<const std::byte> bytes;
    const RingProducerLine* producer = nullptr;
    RingCursorLine* cursor = nullptr;
  };
  std::vector<Ring> rings_;
};

}  // namespace byway::shm
