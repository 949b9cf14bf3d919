#include <catch2/catch_test_macros.hpp>

#include "tools/cli/prometheus.h"

using namespace byway::cli;

TEST_CASE("metrics are read with labels that hold spaces, and summed over labels") {
  const Metrics metrics = parse_metrics(
      "# HELP a_total What it is.\n# TYPE a_total counter\na_total{x=\"1 2\"} 3\na_total{x=\"y\"} "
      "4\na_total_other 9\nbad\n");
  CHECK(metrics.families.at("a_total").type == "counter");
  CHECK(metrics.families.at("a_total").help == "What it is.");
  CHECK(metrics.samples.at("a_total{x=\"1 2\"}") == 3);
  CHECK(metrics.sum("a_total") == 7);
  CHECK(metrics.sum("absent") == 0);
}

TEST_CASE("quantiles come from what was observed since the earlier look") {
  const Metrics earlier =
      parse_metrics("h_bucket{le=\"0.001\"} 100\nh_bucket{le=\"0.01\"} 100\nh_bucket{le=\"+Inf\"} 100\n");
  const Metrics now =
      parse_metrics("h_bucket{le=\"0.001\"} 100\nh_bucket{le=\"0.01\"} 199\nh_bucket{le=\"+Inf\"} 200\n");
  CHECK(now.quantile("h", 0.5, earlier) == 0.01);
  CHECK(now.quantile("h", 0.5, Metrics{}) == 0.001);
  CHECK(now.quantile("h", 1.0, earlier) > 1e6);
  CHECK(earlier.quantile("h", 0.5, earlier) == 0);
}
