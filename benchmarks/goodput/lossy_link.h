// One direction of a path, in real time: a narrow wire behind a queue, which loses packets.
//
//   packet -> queue (drop-tail) -> wire (bandwidth) -> loss -> delay -> other end
//
// Which packets are lost is decided by the seed and the packet's number alone, so it is the same for whoever
// sends.
#pragma once

#include <cstdint>
#include <deque>

#include "dataplane/clock.h"
#include "tests/sim/wire.h"

namespace byway::goodput {

struct LinkOptions {
  std::uint64_t bits_per_second = 50'000'000;
  Nanoseconds delay = 10ms;
  /// What does not fit is dropped: as much as the path holds, bandwidth times round trip.
  Bytes queue_bytes = 125'000;
  double loss = 0;
  std::uint64_t seed = 1;
};

class LossyLink {
 public:
  explicit LossyLink(const LinkOptions& options) : options_(options) {}

  /// `packet` from its IP header on, whose octets are those that take time.
  void send(sim::Packet packet, Instant now);
  /// The next packet that has arrived by `now`.
  [[nodiscard]] bool receive(sim::Packet& packet, Instant now);
  /// When the next one arrives.
  [[nodiscard]] Instant next_due() const;

  [[nodiscard]] std::uint64_t packets() const { return packets_; }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  [[nodiscard]] std::uint64_t overflowed() const { return overflowed_; }

 private:
  struct OnItsWay {
    Instant arrival;
    sim::Packet packet;
  };
  [[nodiscard]] bool is_lost(std::uint64_t number) const;
  [[nodiscard]] Nanoseconds time_of(std::uint64_t octets) const;

  LinkOptions options_;
  std::deque<OnItsWay> way_;  ///< In the order of arrival: all have the same delay.
  Instant free_at_;           ///< When the wire has sent what is queued.
  std::uint64_t packets_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t overflowed_ = 0;
};

}  // namespace byway::goodput
