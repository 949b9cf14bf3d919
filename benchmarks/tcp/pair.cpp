#include "benchmarks/tcp/pair.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <new>
#include <thread>

#include "benchmarks/lib/ticks.h"

namespace byway::benchmark {

namespace {

/// DPDK starts in 0.2 s, a memif connects within some retries of 0.3 s.
constexpr std::chrono::seconds ready_time_max{20};
/// What both may take to end: Byway's sides let connections go in order for a second.
constexpr std::chrono::seconds end_time_max{20};
constexpr std::chrono::milliseconds poll_time{2};

using Steady = std::chrono::steady_clock;

pid_t start(Shared& shared, const std::function<int(Shared&)>& side) {
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int code = side(shared);
  std::fflush(nullptr);
  _exit(code);
}

/// True: it has ended; `failed` says how.
bool has_ended(pid_t pid, bool& failed) {
  int status = 0;
  if (waitpid(pid, &status, WNOHANG) != pid) return false;
  failed = failed || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
  return true;
}

void add_side(Figures& figures, std::string_view who, const SideCounts& first, const SideCounts& last) {
  const auto add = [&](std::string_view name, std::uint64_t SideCounts::* count) {
    figures.add(fmt::format("{}{}", who, name), last.*count - first.*count);
  };
  figures.add(fmt::format("{}Seconds", who), static_cast<double>(last.at_ns - first.at_ns) / 1e9);
  add("Operations", &SideCounts::operations);
  add("Bytes", &SideCounts::bytes);
  add("BusyNs", &SideCounts::busy_ns);
  add("FramesIn", &SideCounts::frames_in);
  add("FramesOut", &SideCounts::frames_out);
  add("Bursts", &SideCounts::bursts);
}

}  // namespace

std::uint64_t steady_ns() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(Steady::now().time_since_epoch()).count());
}

Shared& make_shared() {
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  return *::new (memory) Shared;
}

bool run_pair(Shared& shared, const PairTimes& times, const std::function<int(Shared&)>& server,
              const std::function<int(Shared&)>& client) {
  std::array<pid_t, 2> sides{start(shared, server), start(shared, client)};
  bool failed = false;
  const auto wait = [&](auto until, Steady::time_point deadline) {
    while (!failed && !until()) {
      for (pid_t& pid : sides) {
        if (pid > 0 && has_ended(pid, failed)) pid = 0;
      }
      if (Steady::now() > deadline) failed = true;
      std::this_thread::sleep_for(poll_time);
    }
  };
  const auto sleep = [&](double seconds) {
    const auto end =
        Steady::now() + std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1'000'000'000));
    wait([&] { return Steady::now() >= end; }, end + end_time_max);
  };
  wait([&] { return shared.ready_count.load() == sides.size(); }, Steady::now() + ready_time_max);
  if (failed) fmt::print(stderr, "error: server and client do not come together\n");
  sleep(times.warm_up_seconds);
  shared.phase.store(Phase::measuring);
  sleep(times.seconds);
  shared.phase.store(Phase::done);
  wait([&] { return sides[0] == 0 && sides[1] == 0; }, Steady::now() + end_time_max);
  for (const pid_t pid : sides) {
    if (pid <= 0) continue;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  return !failed;
}

Figures figures_of(const Shared& shared) {
  Figures figures;
  add_side(figures, "server", shared.server_first, shared.server_last);
  add_side(figures, "client", shared.client_first, shared.client_last);
  figures.add("nsPerTick", measure_ns_per_tick());
  figures.add("p50Us", shared.latency.p50_us);
  figures.add("p99Us", shared.latency.p99_us);
  figures.add("p999Us", shared.latency.p999_us);
  figures.add("failed", shared.latency.failed);
  if (shared.has_stages) {
    for (std::size_t i = 0; i < stage_names.size(); ++i) {
      figures.add(fmt::format("{}StageNs", stage_names[i]),
                  shared.server_last.stage_ns[i] - shared.server_first.stage_ns[i]);
    }
  }
  return figures;
}

Latency RoundTrips::latency() const {
  std::uint64_t all = 0;
  for (const std::uint32_t count : counts_) all += count;
  const auto quantile = [&](double share) {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(all));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > wanted) return static_cast<double>((i + 1) * step_ns) / 1000;
    }
    return 0.0;
  };
  Latency latency;
  latency.p50_us = quantile(0.5);
  latency.p99_us = quantile(0.99);
  latency.p999_us = quantile(0.999);
  return latency;
}

}  // namespace byway::benchmark
