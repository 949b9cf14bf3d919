// The record layer's counters, from record_counters.def.
#pragma once

#include <cstdint>

#include "dataplane/counters.h"

namespace byway::tls {

enum class RecordCounter : std::uint16_t {
#define BYWAY_COUNTER(name, kind, help) name,
#include "tls/record_counters.def"
#undef BYWAY_COUNTER
  count,
};

using RecordCounters = CounterBlock<RecordCounter>;

}  // namespace byway::tls
