#include "tools/cli/prometheus.h"

#include <cstdlib>

namespace byway::cli {

namespace {

std::string_view name_of(std::string_view sample) {
  return sample.substr(0, sample.find('{'));
}

/// The value of le="…" in a sample's labels; negative when there is none.
double bound_of(std::string_view sample) {
  const auto at = sample.find("le=\"");
  if (at == std::string_view::npos) return -1;
  const std::string text(sample.substr(at + 4, sample.find('"', at + 4) - at - 4));
  return text == "+Inf" ? 1e300 : std::strtod(text.c_str(), nullptr);
}

std::map<double, double> buckets_of(const Metrics& metrics, std::string_view name) {
  std::map<double, double> buckets;
  const std::string wanted = std::string(name) + "_bucket";
  for (const auto& [sample, value] : metrics.samples) {
    if (name_of(sample) == wanted) buckets[bound_of(sample)] += value;
  }
  return buckets;
}

void take_comment(std::string_view line, Metrics& metrics) {
  for (const bool is_type : {true, false}) {
    const std::string_view prefix = is_type ? "# TYPE " : "# HELP ";
    if (!line.starts_with(prefix)) continue;
    line.remove_prefix(prefix.size());
    const auto space = line.find(' ');
    if (space == std::string_view::npos) return;
    Family& family = metrics.families[std::string(line.substr(0, space))];
    (is_type ? family.type : family.help) = line.substr(space + 1);
    return;
  }
}

}  // namespace

double Metrics::sum(std::string_view name) const {
  double total = 0;
  for (auto at = samples.lower_bound(std::string(name)); at != samples.end() && at->first.starts_with(name);
       ++at) {
    if (name_of(at->first) == name) total += at->second;
  }
  return total;
}

double Metrics::quantile(std::string_view name, double share, const Metrics& earlier) const {
  auto buckets = buckets_of(*this, name);
  for (const auto& [bound, count] : buckets_of(earlier, name)) buckets[bound] -= count;
  if (buckets.empty() || buckets.rbegin()->second <= 0) return 0;
  const double wanted = share * buckets.rbegin()->second;
  for (const auto& [bound, count] : buckets) {
    if (count >= wanted) return bound;
  }
  return buckets.rbegin()->first;
}

Metrics parse_metrics(std::string_view text) {
  Metrics metrics;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.empty()) continue;
    if (line[0] == '#') {
      take_comment(line, metrics);
      continue;
    }
    // The value stands behind the labels; a label's value may hold spaces.
    const auto labels_end = line.rfind('}');
    const auto space = line.find(' ', labels_end == std::string_view::npos ? 0 : labels_end);
    if (space == std::string_view::npos) continue;
    metrics.samples[std::string(line.substr(0, space))] =
        std::strtod(std::string(line.substr(space + 1)).c_str(), nullptr);
  }
  return metrics;
}

}  // namespace byway::cli
