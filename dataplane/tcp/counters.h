// The TCP stack's counters, from counters.def.
#pragma once

#include <cstdint>

#include "dataplane/counters.h"

namespace byway::tcp {

enum class CounterIndex : std::uint16_t {
#define BYWAY_COUNTER(name, kind, help) name,
#include "dataplane/tcp/counters.def"
#undef BYWAY_COUNTER
  count,
};

using Counters = CounterBlock<CounterIndex>;

}  // namespace byway::tcp
