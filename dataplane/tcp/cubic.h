// Congestion control by CUBIC (RFC 9438) with the slow start of HyStart++ (RFC 9406). After a loss the window
// grows along a cubic function of time that is flat where the loss was and steep far from it, and at least as
// fast as Reno would (RFC 9438 4.3).
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/tcp/congestion.h"
#include "dataplane/tcp/hystart.h"

namespace byway::tcp {

class Cubic {
 public:
  using Rounds = HyStart;

  void start(Bytes mss);
  void on_ack(const AckEvent& ack, HyStart& rounds);
  /// RFC 9438 4.6, 4.7.
  void on_congestion(Bytes flight, Bytes mss);
  /// RFC 9438 4.8; `first`: for the first time for these octets (RFC 5681 3.1: the threshold is held for
  /// further ones).
  void on_timeout(Bytes flight, Bytes mss, bool first);
  /// RFC 5681 4.1.
  void on_idle(Bytes mss);
  void set_window(Bytes cwnd) { cwnd_ = cwnd; }
  /// RFC 9438 4.9, RFC 4015 3.
  void undo(const Cubic& before);
  /// What a connection that moves takes along; the stage of congestion avoidance begins anew.
  using Saved = std::array<std::uint32_t, 4>;
  [[nodiscard]] Saved save() const;
  void restore(const Saved& saved, Bytes mss);

  [[nodiscard]] Bytes window() const { return cwnd_; }
  [[nodiscard]] Bytes threshold() const { return ssthresh_; }

 private:
  void slow_start(const AckEvent& ack, HyStart& rounds);
  void avoid_congestion(const AckEvent& ack);
  void begin_epoch(std::uint32_t now_ms, Bytes mss);
  void reduce(Bytes flight, Bytes mss);
  void grow(Bytes octets);

  Bytes cwnd_ = 0;
  Bytes ssthresh_ = UINT32_MAX;
  std::uint32_t epoch_ms_ = 0;  ///< When this stage of congestion avoidance began.
  std::uint32_t last_ms_ = 0;   ///< Of the last ACK: time in which nothing was tried does not count.
  float w_max_ = 0;             ///< Octets. 0: begin where the window is.
  float prior_ = 0;             ///< cwnd_prior: the window before the last reduction.
  float k_ = 0;                 ///< Seconds until w_max_ is reached again.
  float w_est_ = 0;             ///< What Reno would have.
  float growth_ = 0;            ///< Fractions of octets that the window has not grown by yet.
  bool in_epoch_ = false;
};
static_assert(CongestionController<Cubic>);

using CongestionControl = Cubic;

}  // namespace byway::tcp
