// What a connection knows while something of it is in flight, and only then: an idle connection has none.
#pragma once

#include <cstdint>

#include "dataplane/clock.h"
#include "dataplane/slab.h"
#include "dataplane/tcp/cubic.h"
#include "dataplane/tcp/pacer.h"
#include "dataplane/tcp/prr.h"
#include "dataplane/tcp/rack.h"
#include "dataplane/tcp/sent_segments.h"
#include "dataplane/tcp/seq.h"

namespace byway::tcp {

/// Why the window is as it is (RFC 5681's phases, by the names that people know from `ss`).
enum class Phase : std::uint8_t {
  open,      ///< Nothing is wrong.
  reduced,   ///< The window comes down after a congestion mark or a loss that a probe repaired.
  recovery,  ///< Losses are being repaired; the window comes down (RFC 6675, 6937).
  timeout,   ///< The retransmission timer ran out: slow start (RFC 5681 3.1).
};

struct Flight {
  explicit Flight(Seq una) : recover(una - 1), rtt_round_end(una) { rack.start(una); }

  SentSegments sent;
  RackState rack;
  CongestionControl::Rounds rounds;
  Pacer pacer;  ///< If the stack paces.

  Phase phase = Phase::open;
  Seq recover;  ///< RecoveryPoint: an ACK of it ends the phase.
  Prr prr;
  /// RFC 6298 5.4: a time-out sends the first segment again, whatever of the others is still in the network.
  bool first_owed = false;

  /// Undoing what turns out to have been no loss (RFC 4015).
  bool can_undo = false;
  bool has_stamp = false;
  std::uint32_t stamp = 0;     ///< TSval of the first retransmission (RFC 3522).
  std::uint32_t unproven = 0;  ///< Retransmissions that no DSACK has shown to be needless.
  Seq undo_from;               ///< snd_una when the phase began.
  CongestionControl before;

  /// RFC 5682.
  enum class Frto : std::uint8_t { off, first_ack, second_ack };
  Frto frto = Frto::off;
  std::uint8_t frto_new = 0;  ///< New segments that may still go before the second ACK.

  Micros reduced_at = 0;  ///< When the window came down last.

  /// RFC 8985 7: a tail loss probe is out.
  bool probe_out = false;
  bool probe_was_retransmission = false;
  Seq probe_end;

  /// For a peer without SACK: duplicate ACKs for snd_una, and how many there can be (RFC 6582).
  std::uint16_t duplicates = 0;
  std::uint16_t duplicates_max = 0;

  enum class Timer : std::uint8_t { none, reordering, probe };
  Timer timer = Timer::none;
  Instant timer_at = Instant::never();

  Seq rtt_round_end;  ///< An ACK of this gives the next round trip sample: one a round trip (RFC 6298 3).

  /// Once a round trip: a `recover` that was 2 GiB behind would look like one that is ahead.
  void keep_recover_near(Seq una) { recover = later(recover, una - 1); }
  void set_timer(Timer kind, Instant at) {
    timer = kind;
    timer_at = at;
  }
  void stop_timer() { set_timer(Timer::none, Instant::never()); }
  /// Segments arrive in order, and nothing is being repaired.
  [[nodiscard]] bool is_quiet() const {
    return phase == Phase::open && sent.sacked() == 0 && sent.lost() == 0 && sent.retransmitted_out() == 0 &&
           !probe_out && duplicates == 0;
  }
};

using FlightSlab = Slab<Flight>;

}  // namespace byway::tcp
