// How long each worker took to run a generation, read off the control page: the figures of a receipt.
#pragma once

#include <cstdint>
#include <vector>

#include "control/shm/control_page.h"
#include "control/shm/messages.h"

namespace byway::shm {

/// One entry a worker: nanoseconds from `published_at_ns` until it ran `generation` or a newer one, or
/// apply_time_pending, or apply_time_no_worker. A worker that went straight to a newer one counts with that
/// time.
[[nodiscard]] inline std::vector<std::uint64_t> apply_times(const ControlPage& page, std::uint64_t generation,
                                                            std::uint64_t published_at_ns) {
  std::vector<std::uint64_t> times;
  for (std::uint32_t worker = 0; worker < page.worker_count && worker < workers_max; ++worker) {
    const WorkerLine& line = page.workers[worker];
    const std::uint64_t running = line.running.load(std::memory_order_acquire);
    if (running == worker_absent) {
      times.push_back(apply_time_no_worker);
    } else if (running < generation) {
      times.push_back(apply_time_pending);
    } else {
      const std::uint64_t applied_at_ns = line.applied_at_ns.load(std::memory_order_relaxed);
      // Workers take their time once a round: it may be a little older than the publication.
      times.push_back(applied_at_ns > published_at_ns ? applied_at_ns - published_at_ns : 0);
    }
  }
  return times;
}

}  // namespace byway::shm
