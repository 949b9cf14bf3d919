// Latency histograms with a bounded relative error, after HdrHistogram: buckets are linear within each power
// of two.
//
// Values are nanoseconds. Below 1.024 us there is one bucket; from there to 68.7 s each octave has 32
// buckets, so a bucket is at most 1/32 (3.1 %) of its value wide; above there is one more. A histogram is a
// row of 64-bit cells (sum of values, then the buckets) inside a worker's counter block, written by that
// worker alone.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include "control/shm/cell.h"

namespace byway::shm {

inline constexpr std::uint32_t histogram_lowest_bit =
    10;  ///< 1.024 us: a request takes longer (performance notes)
inline constexpr std::uint32_t histogram_highest_bit =
    36;  ///< 68.7 s: beyond the longest timeout that is of interest
inline constexpr std::uint32_t histogram_octave_bits = 5;  ///< 32 buckets an octave
inline constexpr std::uint32_t histogram_bucket_count =
    ((histogram_highest_bit - histogram_lowest_bit) << histogram_octave_bits) + 2;
/// Cells of one histogram: the sum, then the buckets. 6.7 KiB.
inline constexpr std::uint32_t histogram_cell_count = histogram_bucket_count + 1;

/// The bucket that `value` falls into. No branch but the two ends.
[[nodiscard]] constexpr std::uint32_t histogram_bucket(std::uint64_t value) {
  if (value < (std::uint64_t{1} << histogram_lowest_bit)) return 0;
  if (value >= (std::uint64_t{1} << histogram_highest_bit)) return histogram_bucket_count - 1;
  const auto top_bit = static_cast<std::uint32_t>(std::bit_width(value)) - 1;
  const auto within = static_cast<std::uint32_t>(value >> (top_bit - histogram_octave_bits)) &
                      ((1U << histogram_octave_bits) - 1);
  return 1 + ((top_bit - histogram_lowest_bit) << histogram_octave_bits) + within;
}

/// First value that is above the bucket; the last bucket has none and gives the largest number.
[[nodiscard]] constexpr std::uint64_t histogram_bucket_end(std::uint32_t bucket) {
  if (bucket == 0) return std::uint64_t{1} << histogram_lowest_bit;
  if (bucket >= histogram_bucket_count - 1) return ~std::uint64_t{0};
  const std::uint32_t octave = (bucket - 1) >> histogram_octave_bits;
  const std::uint64_t within = (bucket - 1) & ((1U << histogram_octave_bits) - 1);
  const std::uint32_t shift = histogram_lowest_bit + octave - histogram_octave_bits;
  return ((std::uint64_t{1} << histogram_octave_bits) + within + 1) << shift;
}

static_assert(histogram_bucket(1023) == 0 && histogram_bucket(1024) == 1);
static_assert(histogram_bucket((std::uint64_t{1} << 36) - 1) == histogram_bucket_count - 2);
static_assert(histogram_bucket_end(histogram_bucket_count - 2) == std::uint64_t{1} << 36);

/// The writer's end: `cells` are histogram_cell_count cells of this worker's block.
class HistogramWriter {
 public:
  explicit HistogramWriter(std::uint64_t* cells) : cells_(cells) {}
  void record(std::uint64_t value_ns) const {
    add_to_cell(cells_[0], value_ns);
    add_to_cell(cells_[1 + histogram_bucket(value_ns)], 1);
  }

 private:
  std::uint64_t* cells_;
};

/// The reader's copy: the sum over workers at some moment. Counts of one request may be seen a little before
/// others.
class HistogramSummary {
 public:
  /// Adds the cells of one worker.
  void add(std::span<const std::uint64_t, histogram_cell_count> cells);

  [[nodiscard]] std::uint64_t count() const;
  [[nodiscard]] std::uint64_t sum_ns() const { return sum_ns_; }
  [[nodiscard]] std::uint64_t bucket(std::uint32_t index) const { return buckets_[index]; }
  /// How many values were at most the end of the bucket that `bound_ns` falls into (for `le` buckets of
  /// Prometheus).
  [[nodiscard]] std::uint64_t count_up_to(std::uint64_t bound_ns) const;
  /// The value below which `share` (0..1) of all values lie, as the upper end of its bucket; 0 when empty,
  /// and the lower end of the last bucket for values beyond the range.
  [[nodiscard]] std::uint64_t quantile_ns(double share) const;
  /// What was recorded since `earlier`, an older summary of the same histogram (for rates and live views).
  [[nodiscard]] HistogramSummary since(const HistogramSummary& earlier) const;

 private:
  std::uint64_t sum_ns_ = 0;
  std::array<std::uint64_t, histogram_bucket_count> buckets_{};
};

}  // namespace byway::shm
