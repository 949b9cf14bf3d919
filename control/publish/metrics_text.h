// The counter region in Prometheus' text format. Names, kinds and help are those of the region's own
// directory, so that a data plane may count what this agent has never heard of.
#pragma once
#include <string>

#include "control/shm/counters.h"

namespace byway::control {

/// Counters and gauges of each worker (label `worker`); histograms over all workers, in seconds.
std::string prometheus_text(const shm::CounterReader& counters);

}  // namespace byway::control
