// A strict reader of Prometheus' text format 0.0.4, for tests: what it takes, a scraper takes.
#pragma once
#include <expected>
#include <map>
#include <string>
#include <string_view>

namespace byway::control {

struct PrometheusText {
  std::map<std::string, std::string> types;  ///< of each family
  std::map<std::string, double> samples;     ///< by name and labels as they stand: `a_total{b="c"}`

  /// The value; aborts the test if there is none.
  [[nodiscard]] double at(const std::string& series) const;
};

/// Error: the line and what is wrong with it. Beyond the grammar it demands: HELP and TYPE once for a family
/// and before its samples, all samples of a family together and of its type's names, no series twice,
/// histograms whose buckets grow and end with le="+Inf" equal to _count.
std::expected<PrometheusText, std::string> parse_prometheus(std::string_view text);

}  // namespace byway::control
