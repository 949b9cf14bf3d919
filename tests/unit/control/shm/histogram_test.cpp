#include "control/shm/histogram.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <random>
#include <vector>

namespace byway::shm {

TEST_CASE("each value lies in a bucket that ends above it and is at most 1/32 of it wide", "[histogram]") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 100'000; ++round) {
    const std::uint64_t value = random() >> (random() % 64);
    const std::uint32_t bucket = histogram_bucket(value);
    REQUIRE(bucket < histogram_bucket_count);
    if (bucket == histogram_bucket_count - 1) {
      REQUIRE(value >= std::uint64_t{1} << histogram_highest_bit);
      continue;
    }
    REQUIRE(value < histogram_bucket_end(bucket));
    if (bucket == 0) continue;
    const std::uint64_t first = histogram_bucket_end(bucket - 1);
    REQUIRE(value >= first);
    REQUIRE((histogram_bucket_end(bucket) - first) * 32 <= first);
  }
}

TEST_CASE("quantiles of a histogram are within a bucket of those of the values", "[histogram]") {
  std::mt19937_64 random(2);
  std::lognormal_distribution<double> latency(std::log(50'000.0), 1.0);
  std::vector<std::uint64_t> cells(histogram_cell_count, 0);
  std::vector<std::uint64_t> values;
  std::uint64_t sum = 0;
  for (int round = 0; round < 20'000; ++round) {
    values.push_back(2'000 + static_cast<std::uint64_t>(latency(random)));
    sum += values.back();
    HistogramWriter(cells.data()).record(values.back());
  }
  std::ranges::sort(values);
  HistogramSummary summary;
  summary.add(std::span<const std::uint64_t, histogram_cell_count>(cells));
  CHECK(summary.count() == values.size());
  CHECK(summary.sum_ns() == sum);
  for (const double share : {0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size()))) - 1;
    const std::uint64_t quantile = summary.quantile_ns(share);
    CHECK(quantile > values[rank]);
    CHECK(quantile - values[rank] <= values[rank] / 32 + 1);
  }
}

TEST_CASE("an empty histogram has quantile 0, one of values beyond the range the top of the range",
          "[histogram]") {
  std::vector<std::uint64_t> cells(histogram_cell_count, 0);
  const auto summary = [&] {
    HistogramSummary sum;
    sum.add(std::span<const std::uint64_t, histogram_cell_count>(cells));
    return sum;
  };
  CHECK(summary().quantile_ns(0.5) == 0);
  HistogramWriter(cells.data()).record(~std::uint64_t{0});
  CHECK(summary().quantile_ns(0.5) == std::uint64_t{1} << histogram_highest_bit);
  CHECK(summary().count_up_to(1'000'000) == 0);
}

TEST_CASE("the difference of two summaries holds what was recorded in between", "[histogram]") {
  std::vector<std::uint64_t> cells(histogram_cell_count, 0);
  const HistogramWriter writer(cells.data());
  writer.record(5'000);
  HistogramSummary before;
  before.add(std::span<const std::uint64_t, histogram_cell_count>(cells));
  writer.record(70'000);
  HistogramSummary after;
  after.add(std::span<const std::uint64_t, histogram_cell_count>(cells));
  const HistogramSummary difference = after.since(before);
  CHECK(difference.count() == 1);
  CHECK(difference.sum_ns() == 70'000);
  CHECK(difference.count_up_to(10'000) == 0);
}

}  // namespace byway::shm
