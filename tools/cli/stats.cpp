#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <thread>

#include "tools/cli/prometheus.h"
#include "tools/cli/verbs.h"

namespace byway::cli {

namespace {

struct Options {
  bool watch = false;
  double interval_s = 1;
  bool all = false;
};

std::string number(double value) {
  return value == static_cast<double>(static_cast<long long>(value)) ? fmt::format("{:.0f}", value)
                                                                     : fmt::format("{:.3f}", value);
}

bool is_histogram_part(const Metrics& metrics, const std::string& sample) {
  const std::string name = sample.substr(0, sample.find('{'));
  for (const char* suffix : {"_bucket", "_sum", "_count"}) {
    if (!name.ends_with(suffix)) continue;
    const auto family = metrics.families.find(name.substr(0, name.size() - std::string_view(suffix).size()));
    if (family != metrics.families.end() && family->second.type == "histogram") return true;
  }
  return false;
}

/// One table: each counter with its total and its rate since `earlier`, each histogram with its quantiles.
std::string view(const Metrics& now, const Metrics& earlier, double seconds, bool all) {
  Table table({"METRIC", "VALUE", seconds > 0 ? "PER SECOND" : ""});
  for (const auto& [sample, value] : now.samples) {
    if ((!all && value == 0) || is_histogram_part(now, sample)) continue;
    const auto family = now.families.find(sample.substr(0, sample.find('{')));
    const auto before = earlier.samples.find(sample);
    const bool is_counter = family != now.families.end() && family->second.type == "counter";
    std::string rate;
    if (is_counter && seconds > 0 && before != earlier.samples.end()) {
      rate = fmt::format("{:.0f}", (value - before->second) / seconds);
    }
    table.add({sample, number(value), rate});
  }
  for (const auto& [name, family] : now.families) {
    if (family.type != "histogram") continue;
    const double count = now.sum(name + "_count");
    if (!all && count == 0) continue;
    std::string cell = number(count);
    for (const double share : {0.5, 0.99}) {
      cell += fmt::format("  p{:g} {}", share * 100, duration_text(now.quantile(name, share, earlier) * 1e9));
    }
    table.add({name, cell,
               seconds > 0 ? fmt::format("{:.0f}", (count - earlier.sum(name + "_count")) / seconds) : ""});
  }
  return table.text();
}

void run(const Options& options, Context& context) {
  const Client client = context.client();
  Metrics earlier;
  auto earlier_at = std::chrono::steady_clock::now();
  for (bool first = true;; first = false) {
    auto answer = client.get("/metrics");
    if (!answer) return context.fail(answer.error());
    const auto at = std::chrono::steady_clock::now();
    Metrics now = parse_metrics(answer->text);
    const double seconds = first ? 0 : std::chrono::duration<double>(at - earlier_at).count();
    if (context.format != Format::table) {
      Json samples = Json::object();
      for (const auto& [sample, value] : now.samples) samples[sample] = value;
      fmt::print("{}", formatted(samples, context.format));
    } else {
      if (options.watch && isatty(STDOUT_FILENO) != 0) fmt::print("\033[H\033[2J");
      fmt::print("{}", view(now, earlier, seconds, options.all));
    }
    std::fflush(stdout);
    if (!options.watch) return;
    earlier = std::move(now);
    earlier_at = at;
    std::this_thread::sleep_for(std::chrono::duration<double>(options.interval_s));
  }
}

}  // namespace

void add_stats(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      app.add_subcommand("stats", "counters and latencies; times are in the units that they show");
  CLI::Option* watch = verb->add_flag("-w,--watch", options->watch, "again and again, with rates");
  verb->add_option("--interval", options->interval_s, "seconds between two looks")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 3600.0))
      ->needs(watch);
  verb->add_flag("--all", options->all, "also what is zero");
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace byway::cli
