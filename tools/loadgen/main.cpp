// byway-loadgen: HTTP load from Byway's own stack, and a server that answers it.
#include <fmt/format.h>
#include <rte_version.h>
#include <signal.h>

#include <cstdio>
#include <exception>
#include <fstream>

#include "tools/loadgen/application.h"
#include "tools/loadgen/generator.h"
#include "tools/loadgen/options.h"
#include "tools/loadgen/results.h"

namespace byway::loadgen {

namespace {

volatile sig_atomic_t stop_asked = 0;

/// Connections get this long to come about before the run is given up.
constexpr std::chrono::seconds connect_time_max{10};
/// Requests under way at the end of the measurement may still be answered in this time.
constexpr Nanoseconds quiet_time_max{1s};

using Steady = std::chrono::steady_clock;

int fail(const std::string& message) {
  fmt::print(stderr, "error: {}\n", message);
  return 1;
}

/// Sleeps until `end`, reconnecting the port now and then; earlier when stop is asked.
void wait_until(Generator& generator, Steady::time_point end) {
  while (stop_asked == 0 && Steady::now() < end) {
    generator.tend();
    wait_a_little(std::chrono::milliseconds(5));
  }
}

Results results_of(Generator& generator, ClientApplication& application) {
  Results results;
  generator.on_worker([&] { results = application.client().results(); });
  return results;
}

/// False (and a message): packet buffers leaked.
bool stop(Generator& generator) {
  const std::uint32_t missing = generator.stop(quiet_time_max);
  if (missing != 0) fmt::print(stderr, "error: {} packet buffers did not come back\n", missing);
  return missing == 0;
}

/// Waits for the first connection: a memif's other side may still be starting.
bool wait_for_connection(Generator& generator, ClientApplication& application) {
  const auto end = Steady::now() + connect_time_max;
  std::uint32_t connected = 0;
  while (stop_asked == 0 && Steady::now() < end) {
    wait_until(generator, Steady::now() + std::chrono::milliseconds(50));
    generator.on_worker([&] { connected = application.client().connected_count(); });
    if (connected > 0) return true;
  }
  return false;
}

/// The measured part: a progress line each second, the results of the whole at the end.
Results measure(Generator& generator, ClientApplication& application, Nanoseconds duration, RunFacts& facts) {
  generator.on_worker([&] { application.client().clear_results(); });
  const auto started = Steady::now();
  const auto end = started + duration;
  const std::uint64_t busy_before = generator.busy_ns();
  const std::uint64_t total_before = generator.total_ns();
  Results earlier;
  auto earlier_at = started;
  std::uint64_t earlier_busy = busy_before;
  while (stop_asked == 0 && Steady::now() < end) {
    wait_until(generator, std::min(end, earlier_at + std::chrono::seconds(1)));
    const Results now = results_of(generator, application);
    const auto at = Steady::now();
    const double seconds = std::chrono::duration<double>(at - earlier_at).count();
    const std::uint64_t busy = generator.busy_ns();
    fmt::print(
        stderr, "{:>4.0f} s  {}\n", std::chrono::duration<double>(at - started).count(),
        progress_line(earlier, now, seconds, static_cast<double>(busy - earlier_busy) / 1e9 / seconds));
    earlier = now;
    earlier_at = at;
    earlier_busy = busy;
  }
  facts.seconds = std::chrono::duration<double>(Steady::now() - started).count();
  const Results results = results_of(generator, application);
  generator.on_worker([&] { facts.unsent = application.client().overdue(); });
  const std::uint64_t total = generator.total_ns() - total_before;
  facts.busy_share =
      total == 0 ? 0 : static_cast<double>(generator.busy_ns() - busy_before) / static_cast<double>(total);
  return results;
}

int run_client(const Options& options) {
  ClientApplication application(options.scenario);
  auto generator = Generator::create(options, application);
  if (!generator) return fail(generator.error());
  if (auto started = (*generator)->start(); !started) return fail(started.error());
  RunFacts facts{.rate_asked = options.scenario.rate,
                 .connections = options.scenario.connections,
                 .transport = options.device};
  int code = 0;
  if (!wait_for_connection(**generator, application)) {
    code = fail(fmt::format(
        "no connection to the target within {} s: is the port's other side up (link {}), and does "
        "the target listen?",
        connect_time_max.count(), (*generator)->is_link_up() ? "up" : "down"));
    fmt::print(stderr, "what was counted:\n{}", (*generator)->counters_text());
  } else {
    wait_until(**generator, Steady::now() + options.scenario.warm_up);
    const Results results = measure(**generator, application, options.scenario.duration, facts);
    fmt::print("{}", report_text(results, facts));
    if (options.json_file == "-") {
      fmt::print("{}", report_json(results, facts));
    } else if (!options.json_file.empty()) {
      std::ofstream out(options.json_file);
      out << report_json(results, facts);
      if (!out.flush()) code = fail(fmt::format("cannot write {}", options.json_file));
    }
    if (results.failed() != 0 || results.completed == 0) code = 1;
  }
  return stop(**generator) ? code : 1;
}

int run_server(const Options& options) {
  ServerApplication application(options.tcp_port, options.response_body_bytes, options.scenario.connections);
  auto generator = Generator::create(options, application);
  if (!generator) return fail(generator.error());
  if (auto started = (*generator)->start(); !started) return fail(started.error());
  fmt::print(stderr, "answering on TCP port {} until Ctrl-C\n", options.tcp_port);
  wait_until(**generator, Steady::time_point::max());
  ServerCounts counts;
  (*generator)->on_worker([&] { counts = application.counts(); });
  fmt::print("requests {}, refused heads {}, wrong bodies {}, out of memory {}, busy {:.0f} %\n",
             counts.requests, counts.refused_heads, counts.wrong_bodies, counts.no_memory,
             100 * static_cast<double>((*generator)->busy_ns()) /
                 static_cast<double>(std::max<std::uint64_t>(1, (*generator)->total_ns())));
  if (counts.requests == 0)
    fmt::print(stderr, "no request came; what was counted:\n{}", (*generator)->counters_text());
  if (!stop(**generator)) return 1;
  return counts.refused_heads + counts.wrong_bodies + counts.no_memory == 0 ? 0 : 1;
}

int run(int argc, char** argv) {
  auto options = parse_options(argc, argv, rte_version());
  if (!options) return options.error();
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action{};
    action.sa_handler = [](int) { stop_asked = 1; };
    sigaction(signal, &action, nullptr);
  }
  return options->role == Role::client ? run_client(*options) : run_server(*options);
}

}  // namespace
}  // namespace byway::loadgen

int main(int argc, char** argv) {
  try {
    return byway::loadgen::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
