// Counters of the data plane: one writer (the worker), any number of readers in other threads and processes.
// Relaxed load and store, no lock prefix. The cells live in the shared counter region (control/shm); net, tcp
// and l7 get theirs handed in and name them by the enums that their counters.def generate.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

namespace byway {

/// A block of counters, indexed by an enum class `Index` whose last enumerator is `count`.
/// Owner of the cells: who made the block (shared region, or an array in a test).
template <typename Index>
class CounterBlock {
 public:
  static constexpr std::size_t size = static_cast<std::size_t>(Index::count);

  CounterBlock() = default;
  explicit CounterBlock(std::span<std::uint64_t, size> cells) : cells_(cells.data()) {}

  void add(Index index, std::uint64_t amount = 1) const {
    std::atomic_ref<std::uint64_t> cell(cells_[static_cast<std::size_t>(index)]);
    cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  /// For gauges.
  void set(Index index, std::uint64_t value) const {
    std::atomic_ref<std::uint64_t>(cells_[static_cast<std::size_t>(index)])
        .store(value, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value(Index index) const {
    return std::atomic_ref<std::uint64_t>(cells_[static_cast<std::size_t>(index)])
        .load(std::memory_order_relaxed);
  }

 private:
  std::uint64_t* cells_ = nullptr;
};

/// Cells in ordinary memory, for tests, the simulator and tools.
template <typename Index>
struct OwnCounters {
  alignas(64) std::uint64_t cells[CounterBlock<Index>::size] = {};
  CounterBlock<Index> block{std::span<std::uint64_t, CounterBlock<Index>::size>(cells)};

  OwnCounters() = default;
  OwnCounters(const OwnCounters&) = delete;
  OwnCounters& operator=(const OwnCounters&) = delete;
};

}  // namespace byway
