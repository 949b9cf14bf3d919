// A counter cell: 64 bits that one thread writes and any thread or process reads.
//
// A single writer needs no atomic addition: a relaxed load and a relaxed store compile to plain instructions
// without a lock prefix, and readers still never see half a value. Cells are plain std::uint64_t, so that
// code that is handed its counters (dataplane/net, dataplane/tcp) needs nothing of this folder.
#pragma once

#include <atomic>
#include <cstdint>

namespace byway::shm {

/// Writer only.
inline void add_to_cell(std::uint64_t& cell, std::uint64_t amount) {
  const std::atomic_ref<std::uint64_t> shared(cell);
  shared.store(shared.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

/// Writer only; for gauges.
inline void set_cell(std::uint64_t& cell, std::uint64_t value) {
  std::atomic_ref<std::uint64_t>(cell).store(value, std::memory_order_relaxed);
}

/// Any thread or process; the memory may be mapped read-only.
[[nodiscard]] inline std::uint64_t read_cell(const std::uint64_t& cell) {
  // C++23 has no atomic_ref to const; loading does not write (it is lock-free, asserted below).
  return std::atomic_ref<std::uint64_t>(const_cast<std::uint64_t&>(cell)).load(std::memory_order_relaxed);
}

static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free);

}  // namespace byway::shm
