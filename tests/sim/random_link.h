// Links as bad as a seed makes them.
#pragma once

#include "tests/sim/network.h"
#include "tests/sim/random.h"

namespace byway::sim {

/// Up to a tenth of the packets lost, overtaken, duplicated or damaged, 10 us to 30 ms of delay each way, in
/// a third of the seeds a narrow link with a short queue (that may mark), in a fifth losses in bursts.
[[nodiscard]] inline LinkOptions random_link(Random& random) {
  LinkOptions link;
  link.delay = Nanoseconds(static_cast<std::int64_t>(random.between(10'000, 30'000'000)));
  if (random.chance(0.5)) link.jitter = random.duration(link.delay);
  if (random.chance(0.7)) link.loss = static_cast<double>(random.below(100)) / 1000;
  if (random.chance(0.3)) link.duplicate = static_cast<double>(random.below(100)) / 1000;
  if (random.chance(0.3)) link.reorder = static_cast<double>(random.below(200)) / 1000;
  if (random.chance(0.3)) link.corrupt = static_cast<double>(random.below(50)) / 1000;
  link.reorder_delay = random.duration(20ms) + 1us;
  if (random.chance(0.3)) {
    link.bits_per_second = random.between(500'000, 100'000'000);
    link.queue_bytes = static_cast<Bytes>(random.between(10'000, 300'000));
    if (random.chance(0.3)) link.mark_bytes = link.queue_bytes / 4;
  }
  if (random.chance(0.2)) {
    link.bursts = {static_cast<double>(random.below(20)) / 1000, random.duration(200ms) + 1ms,
                   random.chance(0.5) ? 1 : 0.5};
  }
  return link;
}

}  // namespace byway::sim
