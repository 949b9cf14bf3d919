// Two processes that measure together, a server and a client, and a third that tells them when. What they
// find out stands in memory that all three share.
//
//   starting ── both are ready, warm-up ──> measuring ── seconds ──> done
//
// Each side takes what it has counted when it sees `measuring` and again when it sees `done`; the difference,
// over the time that it itself saw pass, is its figure.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>

#include "benchmarks/lib/figures.h"

namespace byway::benchmark {

/// Parts of a worker's round, in their order (staged_worker.h).
inline constexpr std::array stage_names = {"receive", "parse",  "lookUp", "tcpIn",   "application",
                                           "timers",  "tcpOut", "ipOut",  "transmit"};

/// What one side has counted since its start.
struct SideCounts {
  std::uint64_t at_ns = 0;
  std::uint64_t operations = 0;  ///< exchanges or connections that are complete
  std::uint64_t bytes = 0;       ///< of payload, of bulk loads
  std::uint64_t busy_ns = 0;     ///< of its core
  std::uint64_t frames_in = 0;
  std::uint64_t frames_out = 0;
  std::uint64_t bursts = 0;
  std::array<double, stage_names.size()> stage_ns{};
};

struct Latency {
  double p50_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  std::uint64_t failed = 0;  ///< connections that ended when they should not
};

enum class Phase : std::uint32_t { starting, measuring, done };

struct Shared {
  std::atomic<Phase> phase{Phase::starting};
  std::atomic<std::uint32_t> ready_count{0};
  std::atomic<bool> client_is_done{false};
  SideCounts server_first, server_last, client_first, client_last;
  Latency latency;
  bool has_stages = false;
};

struct PairTimes {
  double warm_up_seconds = 0.5;
  double seconds = 2;
};

/// Runs both in processes of their own; each returns 0 or a failure, and counts itself ready in between.
/// False: one of them failed or did not come about. Neither outlives the call.
[[nodiscard]] bool run_pair(Shared& shared, const PairTimes& times, const std::function<int(Shared&)>& server,
                            const std::function<int(Shared&)>& client);
/// In memory that the processes share.
[[nodiscard]] Shared& make_shared();
[[nodiscard]] Figures figures_of(const Shared& shared);

/// Round trips in steps of 16 ns up to 16 ms; what is longer counts as that.
class RoundTrips {
 public:
  void add(std::uint64_t ns) { ++counts_[std::min<std::uint64_t>(ns / step_ns, counts_.size() - 1)]; }
  void clear() { counts_.fill(0); }
  [[nodiscard]] Latency latency() const;

 private:
  static constexpr std::uint64_t step_ns = 16;
  std::array<std::uint32_t, 1'000'000> counts_{};
};

[[nodiscard]] std::uint64_t steady_ns();

}  // namespace byway::benchmark
