// What a run measured, and its report as text and as JSON.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "control/shm/histogram.h"
#include "dataplane/clock.h"

namespace byway::loadgen {

/// Why a request failed. Each request that was begun ends as completed or as exactly one of these.
enum class Failure : std::uint8_t {
  connect,    ///< The connection did not come about.
  reset,      ///< The connection broke before the whole answer was there.
  parse,      ///< The answer is not HTTP/1.1.
  status,     ///< Another status than expected.
  body,       ///< Other bytes, or another length, than expected.
  no_memory,  ///< The generator's own limits: it is too small for this load.
  count,
};
inline constexpr std::size_t failure_count = static_cast<std::size_t>(Failure::count);
[[nodiscard]] std::string_view name_of(Failure failure);

/// Counts of one worker. `latency` is in nanoseconds; in an open loop from when the request was due.
struct Results {
  std::uint64_t begun = 0;
  std::uint64_t completed = 0;
  std::uint64_t bytes_in = 0;  ///< Bodies only.
  std::uint64_t connections_opened = 0;
  std::array<std::uint64_t, failure_count> failures{};
  std::array<std::uint64_t, shm::histogram_cell_count> latency{};

  [[nodiscard]] std::uint64_t failed() const;
  void clear() { *this = Results{}; }
};

/// What the report says beside the counts.
struct RunFacts {
  double seconds = 0;     ///< Length of the measured part.
  double busy_share = 0;  ///< Of this generator's worker: near 1, it is the bottleneck.
  double rate_asked = 0;  ///< 0: closed loop.
  /// Open loop: requests that were due at the end and not sent. Their waiting is in no latency.
  std::uint64_t unsent = 0;
  std::uint32_t connections = 0;
  std::string transport;  ///< The device line.
};

/// Tables for people: rate, latency quantiles, failures by kind.
[[nodiscard]] std::string report_text(const Results& results, const RunFacts& facts);
/// The same and the whole histogram (bucket ends and counts) for programs.
[[nodiscard]] std::string report_json(const Results& results, const RunFacts& facts);
/// One line for the last second.
[[nodiscard]] std::string progress_line(const Results& before, const Results& now, double seconds,
                                        double load);

}  // namespace byway::loadgen
