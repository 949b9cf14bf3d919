// The counter region's directory: every counter of the worker loop, the network layer, TCP and layer 7 under
// the name that people see, generated from the .def files beside the code that counts.
#pragma once

#include <cstdint>
#include <span>

#include "control/shm/counters.h"
#include "dataplane/worker.h"
#include "l7/telemetry/telemetry.h"

namespace byway::tools {

/// All metrics, in the order of their cells.
[[nodiscard]] std::span<const shm::MetricDescription> metric_descriptions();

/// The cells of one worker, by who counts in them.
struct WorkerCells {
  WorkerCounterBlocks blocks;
  l7::Telemetry telemetry;
};
[[nodiscard]] WorkerCells cells_of_worker(shm::CounterRegion& region, std::uint32_t worker);

}  // namespace byway::tools
