// The counter region: numbers that workers count and the agent reads, and a directory that says what they
// are.
//
// The data plane's counters are named in .def files beside the code that counts (lines
// BYWAY_COUNTER(name, kind, "help")). The program that is made of that code lists them here as
// MetricDescription; the region begins with this list, so that the agent needs no names of its own and a
// newer data plane may count more.
//
//   0              head: magic, layout, counts, offsets
//   64             directory: one DirectoryEntry (256 bytes, text included) a metric
//   blocks_offset  worker 0: std::uint64_t cells[], from a page boundary
//   + stride       worker 1 ...
//
// Cells are addressed by index: metrics in the order of the list, a counter or gauge takes one cell, a
// histogram histogram_cell_count. One writer a cell (the block's worker; of those of ports the main thread,
// in the first block), relaxed loads and stores, readers sum. A name may end in labels in Prometheus
// notation, as in http_responses_total{class="2xx"}.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/shm/control_page.h"
#include "control/shm/histogram.h"
#include "control/shm/region.h"

namespace byway::shm {

enum class MetricKind : std::uint32_t {
  counter = 1,    ///< only rises; the value of the gateway is the sum over workers
  gauge = 2,      ///< a level; summed as well
  histogram = 3,  ///< nanoseconds, see histogram.h
};

/// What the program that owns the counters says about one of them. The texts are copied into the region.
struct MetricDescription {
  std::string_view name;
  MetricKind kind = MetricKind::counter;
  std::string_view help;
};

/// Most metrics in one region. The data plane has some 300; 2,048 directory entries are half a MiB.
inline constexpr std::uint32_t metrics_max = 2048;
/// Most histograms in one region: 6.7 KiB a worker each, 27 MiB with all of them on 64 workers.
inline constexpr std::uint32_t histograms_max = 64;
/// A name with labels, and one sentence of help; longer ones are refused when the region is made.
inline constexpr std::size_t metric_name_bytes_max = 96;
inline constexpr std::size_t metric_help_bytes_max = 148;

/// How many cells a metric of this kind takes.
[[nodiscard]] constexpr std::uint32_t metric_cell_count(MetricKind kind) {
  return kind == MetricKind::histogram ? histogram_cell_count : 1;
}

/// The data plane's side.
class CounterRegion {
 public:
  /// Makes the region; the cells of `metrics` lie in their order. Refused: too many metrics or workers, a
  /// text that is too long, empty or not printable ASCII, a name that occurs twice.
  [[nodiscard]] static std::expected<CounterRegion, std::string> create(
      std::span<const MetricDescription> metrics, std::uint32_t worker_count);

  /// The cells of one worker, 64-byte aligned, for that worker alone to write. They live as long as this
  /// object.
  [[nodiscard]] std::span<std::uint64_t> worker_cells(std::uint32_t worker);
  /// Where the cells of the metric at `position` of the list begin within a block.
  [[nodiscard]] std::uint32_t first_cell(std::uint32_t position) const { return first_cells_[position]; }
  [[nodiscard]] const SharedMemory& memory() const { return memory_; }

 private:
  CounterRegion() = default;
  SharedMemory memory_;
  std::vector<std::uint32_t> first_cells_;
  std::size_t blocks_offset_ = 0;
  std::size_t block_stride_ = 0;
  std::uint32_t cell_count_ = 0;
};

/// The agent's side: a view of a mapped region.
class CounterReader {
 public:
  struct Metric {
    std::string_view name;
    std::string_view help;
    MetricKind kind = MetricKind::counter;
    std::uint32_t first_cell = 0;
  };

  /// Checks the head and every entry of the directory against the size; `region` must outlive the reader.
  [[nodiscard]] static std::expected<CounterReader, std::string> open(std::span<const std::byte> region);

  [[nodiscard]] std::span<const Metric> metrics() const { return metrics_; }
  [[nodiscard]] std::uint32_t worker_count() const { return worker_count_; }
  [[nodiscard]] const Metric* find(std::string_view name) const;

  /// Value of a counter or gauge on one worker, and over all (gauges may pass below zero: two's complement).
  [[nodiscard]] std::uint64_t value(const Metric& metric, std::uint32_t worker) const;
  [[nodiscard]] std::uint64_t sum(const Metric& metric) const;
  /// A histogram of one worker, or of all.
  [[nodiscard]] HistogramSummary histogram(const Metric& metric,
                                           std::optional<std::uint32_t> worker = {}) const;

 private:
  CounterReader() = default;
  [[nodiscard]] const std::uint64_t* cells_of(std::uint32_t worker) const;

  std::span<const std::byte> region_;
  std::vector<Metric> metrics_;
  std::size_t blocks_offset_ = 0;
  std::size_t block_stride_ = 0;
  std::uint32_t worker_count_ = 0;
};

}  // namespace byway::shm
