// The counters of a worker's loop, from worker_counters.def.
#pragma once

#include <cstdint>

#include "dataplane/counters.h"

namespace byway {

enum class WorkerCounter : std::uint8_t {
#define BYWAY_COUNTER(name, kind, help) name,
#include "dataplane/worker_counters.def"
#undef BYWAY_COUNTER
  count
};

using WorkerCounters = CounterBlock<WorkerCounter>;

}  // namespace byway
