// What each worker counts about each endpoint: requests, answers by class, failures, time.
//
// One cache line for each pair of worker and runtime slot, written by that worker alone (no lock prefix), so
// that counting by endpoint costs no shared line. An entry belongs to one generation of its slot: the worker
// clears it when it first counts for a newer one, and the reader leaves out entries of other generations.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>

#include "control/shm/cell.h"
#include "control/shm/region.h"
#include "control/shm/slots.h"

namespace byway::shm {

struct alignas(cache_line_bytes) EndpointStats {
  std::uint64_t slot_generation;
  std::uint64_t requests;        ///< for which it was chosen, retries counted each
  std::uint64_t responses[4];    ///< final ones: 2xx, 3xx, 4xx, 5xx
  std::uint64_t failures;        ///< no final response: not connected, broken, timed out, invalid
  std::uint64_t latency_sum_ns;  ///< from the request's last byte out to the response's first byte in
};
static_assert(sizeof(EndpointStats) == cache_line_bytes && alignof(EndpointStats) == cache_line_bytes);

/// One worker's table. A view; the region must outlive it. Handles without a slot and stale ones count
/// nothing.
class EndpointStatsTable {
 public:
  EndpointStatsTable() = default;
  explicit EndpointStatsTable(std::span<EndpointStats> entries) : entries_(entries) {}

  void count_request(SlotHandle handle) const;
  /// `status` is 200..599; others are not counted (1xx is not final).
  void count_response(SlotHandle handle, std::uint32_t status, std::uint64_t latency_ns) const;
  void count_failure(SlotHandle handle) const;

 private:
  [[nodiscard]] EndpointStats* entry_of(SlotHandle handle) const;
  std::span<EndpointStats> entries_;
};

/// Main thread's side: owner of the tables of all workers.
class EndpointStatsRegion {
 public:
  [[nodiscard]] static std::expected<EndpointStatsRegion, std::string> create(std::uint32_t worker_count,
                                                                              std::uint32_t slot_count);
  [[nodiscard]] EndpointStatsTable table(std::uint32_t worker);
  [[nodiscard]] const SharedMemory& memory() const { return memory_; }

 private:
  EndpointStatsRegion() = default;
  SharedMemory memory_;
  std::uint32_t slot_count_ = 0;
};

/// The agent's side.
class EndpointStatsReader {
 public:
  /// Checks the head against the size; `region` must outlive the reader.
  [[nodiscard]] static std::expected<EndpointStatsReader, std::string> open(
      std::span<const std::byte> region);
  [[nodiscard]] std::uint32_t slot_count() const { return slot_count_; }
  [[nodiscard]] std::uint32_t worker_count() const { return worker_count_; }
  /// Sum over the workers of what was counted for this slot, in this generation of it.
  [[nodiscard]] EndpointStats sum(SlotHandle handle) const;

 private:
  std::span<const EndpointStats> entries_;
  std::uint32_t worker_count_ = 0;
  std::uint32_t slot_count_ = 0;
};

}  // namespace byway::shm
