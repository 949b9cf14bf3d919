// Reads the Prometheus text format (version 0.0.4) as far as `byway stats` needs it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace byway::cli {

struct Family {
  std::string type;  ///< counter, gauge, histogram, or empty
  std::string help;
};

struct Metrics {
  std::map<std::string, Family> families;
  /// "name{labels}" as it stands in the text -> value.
  std::map<std::string, double> samples;

  /// Sum over all samples of that name, whatever their labels.
  [[nodiscard]] double sum(std::string_view name) const;
  /// The value below which `share` of a histogram's observations since `earlier` lie, from its cumulative
  /// `le` buckets (summed over other labels); 0 when there were none.
  [[nodiscard]] double quantile(std::string_view name, double share, const Metrics& earlier) const;
};

[[nodiscard]] Metrics parse_metrics(std::string_view text);

}  // namespace byway::cli
