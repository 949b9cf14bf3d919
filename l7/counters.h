// The counters and histograms of layer 7, one block a worker (counters.def).
#pragma once

#include <cstdint>

#include "dataplane/counters.h"
#include "l7/http1/refusal.h"
#include "l7/response_flag.h"

namespace byway::l7 {

/// Counters and gauges, in the order of counters.def without its histograms.
enum class Counter : std::uint16_t {
#define BYWAY_COUNTER(name, kind, sentence) name,
#define BYWAY_HISTOGRAM(name, sentence)
#include "l7/counters.def"
#undef BYWAY_COUNTER
#undef BYWAY_HISTOGRAM
  count
};

/// Histograms, in the order of counters.def.
enum class Histogram : std::uint8_t {
#define BYWAY_COUNTER(name, kind, sentence)
#define BYWAY_HISTOGRAM(name, sentence) name,
#include "l7/counters.def"
#undef BYWAY_COUNTER
#undef BYWAY_HISTOGRAM
  count
};

using Counters = CounterBlock<Counter>;

/// The counter of exchanges that ended so, and of messages refused for this reason (not Refusal::none).
[[nodiscard]] constexpr Counter counter_of(ResponseFlag flag) {
  return static_cast<Counter>(static_cast<unsigned>(Counter::flag_none) + static_cast<unsigned>(flag));
}
[[nodiscard]] constexpr Counter counter_of(http1::Refusal refusal) {
  return static_cast<Counter>(static_cast<unsigned>(Counter::http1_refused_too_many_empty_lines) +
                              static_cast<unsigned>(refusal) - 1);
}

}  // namespace byway::l7
