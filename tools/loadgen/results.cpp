#include "tools/loadgen/results.h"

#include <fmt/format.h>

#include <numeric>

namespace byway::loadgen {

namespace {

constexpr std::array quantiles = {0.5, 0.75, 0.9, 0.99, 0.999, 0.9999};

shm::HistogramSummary summary_of(const Results& results) {
  shm::HistogramSummary summary;
  summary.add(results.latency);
  return summary;
}

double microseconds(std::uint64_t ns) {
  return static_cast<double>(ns) / 1e3;
}

}  // namespace

std::string_view name_of(Failure failure) {
  switch (failure) {
    case Failure::connect:
      return "connect";
    case Failure::reset:
      return "reset";
    case Failure::parse:
      return "parse";
    case Failure::status:
      return "status";
    case Failure::body:
      return "body";
    case Failure::no_memory:
      return "no_memory";
    case Failure::count:
      break;
  }
  return "unknown";
}

std::uint64_t Results::failed() const {
  return std::accumulate(failures.begin(), failures.end(), std::uint64_t{0});
}

std::string report_text(const Results& results, const RunFacts& facts) {
  const auto summary = summary_of(results);
  const double rate = static_cast<double>(results.completed) / facts.seconds;
  std::string out =
      fmt::format("{} requests in {:.2f} s over {} connections: {:.0f} requests/s, {:.1f} MB/s of bodies\n",
                  results.completed, facts.seconds, facts.connections, rate,
                  static_cast<double>(results.bytes_in) / facts.seconds / 1e6);
  if (facts.rate_asked > 0) {
    out += fmt::format("asked for {:.0f} requests/s; latency counts from when each request was due\n",
                       facts.rate_asked);
    if (facts.unsent > 0) {
      out += fmt::format(
          "{} requests were due at the end and not sent: they waited for a connection, and "
          "their waiting is in no latency below\n",
          facts.unsent);
    }
  }
  out += fmt::format("generator busy {:.0f} %{}\n", facts.busy_share * 100,
                     facts.busy_share > 0.95 ? ": it is the bottleneck, the rate is its own" : "");
  out += "latency us ";
  for (const double q : quantiles)
    out += fmt::format("  p{:g} {:.1f}", q * 100, microseconds(summary.quantile_ns(q)));
  out += "\n";
  if (results.failed() == 0) return out + "failed 0\n";
  out += fmt::format("failed {}:", results.failed());
  for (std::size_t i = 0; i < failure_count; ++i) {
    if (results.failures[i] != 0)
      out += fmt::format(" {} {}", name_of(static_cast<Failure>(i)), results.failures[i]);
  }
  return out + "\n";
}

std::string report_json(const Results& results, const RunFacts& facts) {
  const auto summary = summary_of(results);
  std::string out = fmt::format(
      "{{\"seconds\": {:.6f}, \"connections\": {}, \"connectionsOpened\": {}, \"rateAsked\": {}, "
      "\"unsent\": {}, \"busyShare\": {:.4f}, "
      "\"begun\": {}, \"completed\": {}, \"failed\": {}, \"requestsPerSecond\": {:.1f}, \"bodyBytes\": {}, ",
      facts.seconds, facts.connections, results.connections_opened, facts.rate_asked, facts.unsent,
      facts.busy_share, results.begun, results.completed, results.failed(),
      static_cast<double>(results.completed) / facts.seconds, results.bytes_in);
  out += "\"failures\": {";
  for (std::size_t i = 0; i < failure_count; ++i) {
    out += fmt::format("{}\"{}\": {}", i == 0 ? "" : ", ", name_of(static_cast<Failure>(i)),
                       results.failures[i]);
  }
  out += "}, \"latencyNs\": {";
  for (const double q : quantiles) out += fmt::format("\"p{:g}\": {}, ", q * 100, summary.quantile_ns(q));
  out += fmt::format("\"mean\": {:.0f}}}, \"histogram\": [",
                     summary.count() == 0
                         ? 0.0
                         : static_cast<double>(summary.sum_ns()) / static_cast<double>(summary.count()));
  bool first = true;
  for (std::uint32_t i = 0; i < shm::histogram_bucket_count; ++i) {
    if (summary.bucket(i) == 0) continue;
    out += fmt::format("{}[{}, {}]", first ? "" : ", ", shm::histogram_bucket_end(i), summary.bucket(i));
    first = false;
  }
  return out + "]}\n";
}

std::string progress_line(const Results& before, const Results& now, double seconds, double load) {
  shm::HistogramSummary older;
  older.add(before.latency);
  const auto last = summary_of(now).since(older);
  return fmt::format("{:>9.0f} req/s   p50 {:>8.1f} us   p99 {:>8.1f} us   failed {:>6}   busy {:>3.0f} %",
                     static_cast<double>(now.completed - before.completed) / seconds,
                     microseconds(last.quantile_ns(0.5)), microseconds(last.quantile_ns(0.99)),
                     now.failed() - before.failed(), load * 100);
}

}  // namespace byway::loadgen
