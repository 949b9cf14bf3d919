#include "tests/sim/link.h"

#include <algorithm>

namespace byway::sim {

const char* name_of(Fate fate) {
  switch (fate) {
    case Fate::passes:
      return "sent";
    case Fate::too_big:
      return "too big";
    case Fate::link_down:
      return "link down";
    case Fate::queue_full:
      return "queue full";
    case Fate::lost:
      return "lost";
    case Fate::lost_in_burst:
      return "lost (burst)";
  }
  return "";
}

Nanoseconds Link::time_of(Bytes octets) const {
  if (options_.bits_per_second == 0) return Nanoseconds{0};
  const std::uint64_t bits = std::uint64_t{octets} * 8;
  return Nanoseconds(static_cast<std::int64_t>(bits * 1'000'000'000 / options_.bits_per_second));
}

Bytes Link::queued(Instant now) const {
  if (options_.bits_per_second == 0 || free_at_ <= now) return 0;
  const auto ns = static_cast<std::uint64_t>((free_at_ - now).count());
  // In two steps: a minute of a fast link has more bits than fit times a billion.
  return static_cast<Bytes>(ns / 1000 * (options_.bits_per_second / 1000) / 8 / 1000);
}

bool Link::is_lost_in_burst(Instant now) {
  if (options_.bursts.begin == 0) return false;
  if (now >= bad_until_ && random_.chance(options_.bursts.begin)) {
    bad_until_ = now + random_.duration(options_.bursts.length_max);
  }
  return now < bad_until_ && random_.chance(options_.bursts.loss);
}

Passage Link::pass(Packet& packet, Instant now) {
  Passage passage;
  const auto end_with = [&passage](Fate fate) {
    passage.fate = fate;
    return passage;
  };
  if (options_.is_down) return end_with(Fate::link_down);
  if (packet.size() > options_.mtu) return end_with(Fate::too_big);
  const auto size = static_cast<Bytes>(packet.size());
  const Bytes waiting = queued(now);
  if (waiting > 0 && waiting + size > options_.queue_bytes) return end_with(Fate::queue_full);
  if (options_.mark_bytes > 0 && waiting >= options_.mark_bytes) passage.marked = mark_congestion(packet);
  free_at_ = std::max(free_at_, now) + time_of(size);
  if (is_lost_in_burst(now)) return end_with(Fate::lost_in_burst);
  if (random_.chance(options_.loss)) return end_with(Fate::lost);
  passage.copies = random_.chance(options_.duplicate) ? 2 : 1;
  for (std::uint8_t i = 0; i < passage.copies; ++i) {
    Instant& arrival = passage.arrivals[i];
    arrival = free_at_ + options_.delay + random_.duration(options_.jitter);
    if (random_.chance(options_.reorder)) arrival = arrival + options_.reorder_delay;
    passage.flipped_bits[i] =
        random_.chance(options_.corrupt) ? random_.below(packet.size() * 8) : Passage::no_bit;
  }
  return passage;
}

}  // namespace byway::sim
