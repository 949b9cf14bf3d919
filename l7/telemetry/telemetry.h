// Where layer 7 of one worker counts: counters and histograms, handed in as cells.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "control/shm/histogram.h"
#include "dataplane/clock.h"
#include "l7/counters.h"

namespace byway::l7 {

inline constexpr std::size_t histogram_cells_count =
    static_cast<std::size_t>(Histogram::count) * shm::histogram_cell_count;

/// Owner of the cells: who made them (the shared counter region, or an OwnTelemetry). Thread: the worker's.
class Telemetry {
 public:
  /// `histogram_cells`: one histogram after the other, in the order of counters.def.
  Telemetry(std::span<std::uint64_t, Counters::size> counter_cells,
            std::span<std::uint64_t, histogram_cells_count> histogram_cells)
      : counters_(counter_cells), histogram_cells_(histogram_cells.data()) {}

  void count(Counter counter, std::uint64_t amount = 1) const { counters_.add(counter, amount); }
  /// Of a gauge.
  void lower(Counter gauge) const { counters_.add(gauge, ~std::uint64_t{0}); }
  void observe(Histogram histogram, Nanoseconds duration) const {
    shm::HistogramWriter(cells_of(histogram)).record(static_cast<std::uint64_t>(duration.count()));
  }
  [[nodiscard]] std::uint64_t value(Counter counter) const { return counters_.value(counter); }
  [[nodiscard]] std::uint64_t* cells_of(Histogram histogram) const {
    return histogram_cells_ + static_cast<std::size_t>(histogram) * shm::histogram_cell_count;
  }

 private:
  Counters counters_;
  std::uint64_t* histogram_cells_;
};

/// Cells in ordinary memory, for tests, the simulator and tools.
struct OwnTelemetry {
  std::unique_ptr<std::uint64_t[]> cells =
      std::make_unique<std::uint64_t[]>(Counters::size + histogram_cells_count);
  Telemetry telemetry{
      std::span<std::uint64_t, Counters::size>(cells.get(), Counters::size),
      std::span<std::uint64_t, histogram_cells_count>(cells.get() + Counters::size, histogram_cells_count)};
};

}  // namespace byway::l7
