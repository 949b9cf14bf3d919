// One direction of a path between two hosts: what it does to each packet, by its options and by chance.
//
//   packet -> MTU -> queue (drop-tail, marks) -> wire (bandwidth) -> loss, damage, duplication, delay -> host
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/clock.h"
#include "dataplane/rope.h"
#include "tests/sim/random.h"
#include "tests/sim/wire.h"

namespace byway::sim {

/// Losses that come together (Gilbert, 1960; Elliott, 1963): the path is good or bad. It becomes bad at a
/// packet and good again after a time, not a number of packets: a lone repetition a minute would meet the
/// same burst for an hour.
struct BurstLoss {
  double begin = 0;  ///< Good to bad; 0: never.
  Nanoseconds length_max = 50ms;
  double loss = 1;  ///< While it is bad.
};

struct LinkOptions {
  Nanoseconds delay = 500us;
  Nanoseconds jitter{0};  ///< Added at random: packets overtake each other when it exceeds their spacing.
  double loss = 0;
  BurstLoss bursts;
  double duplicate = 0;
  double corrupt = 0;  ///< One bit flipped anywhere in the packet: a checksum must notice.
  double reorder = 0;  ///< Held back by reorder_delay.
  Nanoseconds reorder_delay = 5ms;
  std::uint64_t bits_per_second = 0;  ///< 0: no limit. Packets queue at the sender's end.
  Bytes queue_bytes = 256 * 1024;     ///< What does not fit is dropped.
  Bytes mark_bytes = 0;               ///< ECN-capable packets that find so much queued are marked; 0: none.
  std::uint16_t mtu = 65'535;         ///< Larger packets are dropped.
  bool tells_too_big = false;         ///< An ICMP error goes back for those (RFC 1191).
  bool is_down = false;               ///< A partition: nothing passes.
};

/// What became of a packet.
enum class Fate : std::uint8_t { passes, too_big, link_down, queue_full, lost, lost_in_burst };
[[nodiscard]] const char* name_of(Fate fate);

/// The time at which each copy of a packet arrives.
struct Passage {
  static constexpr std::uint64_t no_bit = UINT64_MAX;
  Fate fate = Fate::passes;
  bool marked = false;
  std::uint8_t copies = 0;
  std::array<Instant, 2> arrivals{};
  /// The bit of each copy that the wire flipped; none: no_bit.
  std::array<std::uint64_t, 2> flipped_bits{no_bit, no_bit};
};

/// Owner: the network. Options may change at any time; what is on its way stays as it is.
class Link {
 public:
  explicit Link(Random random) : random_(random) {}

  void set_options(const LinkOptions& options) { options_ = options; }
  [[nodiscard]] const LinkOptions& options() const { return options_; }
  /// Sends `packet` (marks it, if the queue is long), which leaves at `now`.
  [[nodiscard]] Passage pass(Packet& packet, Instant now);
  /// What waits to be sent.
  [[nodiscard]] Bytes queued(Instant now) const;

 private:
  [[nodiscard]] Nanoseconds time_of(Bytes octets) const;
  [[nodiscard]] bool is_lost_in_burst(Instant now);

  LinkOptions options_;
  Random random_;
  Instant free_at_;  ///< When all that is queued has been sent.
  Instant bad_until_{INT64_MIN};
};

}  // namespace byway::sim
