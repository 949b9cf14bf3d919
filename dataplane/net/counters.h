// The counters of the network layer, by name. Generated from counters.def.
#pragma once

#include <cstdint>

#include "dataplane/counters.h"

namespace byway::net {

/// Why a frame or packet goes no further.
enum class DropReason : std::uint8_t {
  none,
#define BYWAY_DROP(reason, help) reason,
#define BYWAY_COUNTER(name, kind, help)
#include "dataplane/net/counters.def"
#undef BYWAY_DROP
#undef BYWAY_COUNTER
};

enum class Counter : std::uint8_t {
#define BYWAY_DROP(reason, help) drop_##reason,
#define BYWAY_COUNTER(name, kind, help) name,
#include "dataplane/net/counters.def"
#undef BYWAY_DROP
#undef BYWAY_COUNTER
  count
};

using Counters = CounterBlock<Counter>;

/// The counter of a reason (not none). The drops stand first in counters.def.
[[nodiscard]] constexpr Counter counter_of(DropReason reason) {
  return static_cast<Counter>(static_cast<std::uint8_t>(reason) - 1);
}
static_assert(counter_of(DropReason::frame_truncated) == Counter::drop_frame_truncated);
static_assert(counter_of(DropReason::tx_port) == Counter::drop_tx_port);

}  // namespace byway::net
