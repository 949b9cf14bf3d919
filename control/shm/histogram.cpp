#include "control/shm/histogram.h"

#include <algorithm>
#include <cmath>

namespace byway::shm {

void HistogramSummary::add(std::span<const std::uint64_t, histogram_cell_count> cells) {
  sum_ns_ += read_cell(cells[0]);
  for (std::uint32_t bucket = 0; bucket < histogram_bucket_count; ++bucket) {
    buckets_[bucket] += read_cell(cells[1 + bucket]);
  }
}

std::uint64_t HistogramSummary::count() const {
  std::uint64_t count = 0;
  for (const std::uint64_t bucket : buckets_) count += bucket;
  return count;
}

std::uint64_t HistogramSummary::count_up_to(std::uint64_t bound_ns) const {
  std::uint64_t count = 0;
  for (std::uint32_t bucket = 0; bucket <= histogram_bucket(bound_ns); ++bucket) count += buckets_[bucket];
  return count;
}

std::uint64_t HistogramSummary::quantile_ns(double share) const {
  const std::uint64_t total = count();
  if (total == 0) return 0;
  const double wanted = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(total));
  const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, total);
  std::uint64_t seen = 0;
  for (std::uint32_t bucket = 0; bucket < histogram_bucket_count - 1; ++bucket) {
    seen += buckets_[bucket];
    if (seen >= rank) return histogram_bucket_end(bucket);
  }
  return std::uint64_t{1} << histogram_highest_bit;
}

HistogramSummary HistogramSummary::since(const HistogramSummary& earlier) const {
  HistogramSummary difference = *this;
  difference.sum_ns_ -= earlier.sum_ns_;
  for (std::uint32_t bucket = 0; bucket < histogram_bucket_count; ++bucket) {
    difference.buckets_[bucket] -= std::min(difference.buckets_[bucket], earlier.buckets_[bucket]);
  }
  return difference;
}

}  // namespace byway::shm
