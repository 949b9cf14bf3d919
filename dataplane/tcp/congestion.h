// What a congestion control is to a connection: it says how much may be in flight, and is told what ACKs and
// losses show. How losses are found and repaired is not its business (rack.h, prr.h). Another algorithm is
// one more file with these functions, and the alias at the end of this one.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>

#include "dataplane/clock.h"
#include "dataplane/rope.h"
#include "dataplane/tcp/sent_segments.h"
#include "dataplane/tcp/seq.h"

namespace byway::tcp {

/// RFC 6928 2: the initial window, ten segments but at most 14,600 octets, or two if those are larger.
[[nodiscard]] constexpr Bytes initial_window(Bytes mss) {
  return std::min(10 * mss, std::max(2 * mss, 14'600u));
}
/// No peer offers a larger window (RFC 7323 2.3).
inline constexpr Bytes congestion_window_max = 1u << 30;

/// One ACK that moved snd_una.
struct AckEvent {
  Instant now;
  Seq una;  ///< After it.
  Seq nxt;
  Bytes acked = 0;   ///< Octets that arrived, by what it says.
  Bytes flight = 0;  ///< In flight before it.
  Bytes mss = 0;
  Micros rtt = 0;  ///< Of the newest segment that it acknowledges; 0: no sample.
  Micros srtt = 0;
};

template <typename T>
concept CongestionController = requires(T control, const T& other, const AckEvent& ack,
                                        typename T::Rounds& rounds, Bytes octets, bool first) {
  /// State that only matters while something is in flight: begins anew with each flight.
  typename T::Rounds;
  control.start(octets);                      ///< The MSS is known: a connection begins.
  control.on_ack(ack, rounds);                ///< Outside recovery, or after a time-out.
  control.on_congestion(octets, octets);      ///< flight, MSS: a loss or a mark. Sets threshold().
  control.on_timeout(octets, octets, first);  ///< flight, MSS, first for these octets.
  control.on_idle(octets);                    ///< MSS: a pause longer than the time-out.
  control.set_window(octets);                 ///< Recovery moves the window on its way down.
  control.undo(other);                        ///< It was no loss: back to the state before it.
  /// What a connection that moves takes along: four numbers, in octets or UINT32_MAX (handover.h).
  { other.save() } -> std::same_as<std::array<std::uint32_t, 4>>;
  control.restore(other.save(), octets);  ///< MSS. The numbers may be anybody's.
  { other.window() } -> std::same_as<Bytes>;
  { other.threshold() } -> std::same_as<Bytes>;
};

}  // namespace byway::tcp
