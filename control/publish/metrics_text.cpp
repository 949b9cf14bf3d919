#include "control/publish/metrics_text.h"

#include <fmt/format.h>

#include <set>
#include <string_view>

namespace byway::control {
namespace {

/// Upper bounds of the buckets that are shown, in nanoseconds: 1-2.5-5 steps from 10 us to 10 s. The region
/// holds 834 buckets, too many series for one histogram.
constexpr std::uint64_t bucket_bounds_ns[] = {
    10'000,      25'000,        50'000,        100'000,       250'000,       500'000,     1'000'000,
    2'500'000,   5'000'000,     10'000'000,    25'000'000,    50'000'000,    100'000'000, 250'000'000,
    500'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};

/// A name of the directory: "responses" or "responses{class=\"2xx\"}".
struct Name {
  std::string base;
  std::string labels;  ///< without braces
};

Name split(std::string_view name) {
  const std::size_t brace = name.find('{');
  if (brace == name.npos || !name.ends_with('}')) return {std::string(name), ""};
  return {std::string(name.substr(0, brace)), std::string(name.substr(brace + 1, name.size() - brace - 2))};
}

std::string joined(const std::string& labels, const std::string& label) {
  return labels.empty() ? label : labels + "," + label;
}

void add_histogram(std::string& out, const std::string& family, const std::string& labels,
                   const shm::HistogramSummary& histogram) {
  const auto line = [&](std::string_view suffix, const std::string& all_labels, const std::string& value) {
    out += fmt::format("{}{}{}{}{} {}\n", family, suffix, all_labels.empty() ? "" : "{", all_labels,
                       all_labels.empty() ? "" : "}", value);
  };
  for (const std::uint64_t bound : bucket_bounds_ns)
    line("_bucket", joined(labels, fmt::format("le=\"{:g}\"", static_cast<double>(bound) / 1e9)),
         std::to_string(histogram.count_up_to(bound)));
  line("_bucket", joined(labels, "le=\"+Inf\""), std::to_string(histogram.count()));
  line("_sum", labels, fmt::format("{:.9f}", static_cast<double>(histogram.sum_ns()) / 1e9));
  line("_count", labels, std::to_string(histogram.count()));
}

}  // namespace

std::string prometheus_text(const shm::CounterReader& counters) {
  std::string out;
  std::set<std::string> families;
  for (const shm::CounterReader::Metric& metric : counters.metrics()) {
    const Name name = split(metric.name);
    const std::string& family = name.base;
    const bool is_counter = metric.kind == shm::MetricKind::counter;
    const bool is_histogram = metric.kind == shm::MetricKind::histogram;
    if (families.insert(family).second)
      out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", family, metric.help, family,
                         is_histogram ? "histogram"
                         : is_counter ? "counter"
                                      : "gauge");
    if (is_histogram) {
      add_histogram(out, family, name.labels, counters.histogram(metric));
      continue;
    }
    // What the main thread reads of ports is no worker's.
    if (family.starts_with("byway_port_")) {
      out += fmt::format("{}{{{}}} {}\n", family, name.labels, counters.sum(metric));
      continue;
    }
    for (std::uint32_t worker = 0; worker < counters.worker_count(); ++worker) {
      const std::uint64_t value = counters.value(metric, worker);
      const std::string labels = joined(name.labels, fmt::format("worker=\"{}\"", worker));
      // A gauge may be below zero on one worker: what one adds another takes away.
      out += is_counter ? fmt::format("{}{{{}}} {}\n", family, labels, value)
                        : fmt::format("{}{{{}}} {}\n", family, labels, static_cast<std::int64_t>(value));
    }
  }
  return out;
}

}  // namespace byway::control
