#include "dataplane/tcp/cubic.h"

#include <algorithm>
#include <cmath>

namespace byway::tcp {

namespace {

constexpr float beta = 0.7F;                               // RFC 9438 4.6
constexpr float c = 0.4F;                                  // 5.1, segments per second cubed
constexpr float reno_alpha = 3 * (1 - beta) / (1 + beta);  // 4.3
/// RFC 9438 4.4: the window does not grow by more than half in a round trip.
constexpr float target_max = 1.5F;

/// RFC 5681 would grow by one segment an ACK. Receivers (ours too) answer a whole burst by one ACK, so the
/// octets are counted (RFC 3465), up to the 8 segments that RFC 9406 4.3 takes for senders without pacing.
constexpr Bytes slow_start_segments_max = 8;

}  // namespace

void Cubic::start(Bytes mss) {
  *this = Cubic();
  cwnd_ = initial_window(mss);
}

/// A window that was not filled does not grow (RFC 7661 4.3): what was not tried says nothing about the path.
void Cubic::on_ack(const AckEvent& ack, HyStart& rounds) {
  const auto now_ms = static_cast<std::uint32_t>(ack.now.ns / 1'000'000);
  if (cwnd_ < ssthresh_) {
    if (2 * std::uint64_t{ack.flight} >= cwnd_) slow_start(ack, rounds);
  } else if (ack.flight + ack.mss >= cwnd_) {
    if (!in_epoch_) begin_epoch(now_ms, ack.mss);
    avoid_congestion(ack);
  } else if (in_epoch_) {
    epoch_ms_ += now_ms - last_ms_;
  }
  last_ms_ = now_ms;
}

void Cubic::slow_start(const AckEvent& ack, HyStart& rounds) {
  Bytes octets = std::min(ack.acked, slow_start_segments_max * ack.mss);
  if (ssthresh_ == UINT32_MAX) {  // RFC 9406 4.2: for the first slow start
    switch (rounds.on_ack(ack.una, ack.nxt, ack.rtt)) {
      case HyStart::Advice::grow:
        break;
      case HyStart::Advice::slow:
        octets /= HyStart::css_growth_divisor;
        break;
      case HyStart::Advice::leave:
        ssthresh_ = cwnd_;
        return;
    }
  }
  grow(octets);
}

void Cubic::begin_epoch(std::uint32_t now_ms, Bytes mss) {
  in_epoch_ = true;
  epoch_ms_ = last_ms_ = now_ms;
  const auto cwnd = static_cast<float>(cwnd_);
  if (cwnd < w_max_) {
    k_ = std::cbrt((w_max_ - cwnd) / static_cast<float>(mss) / c);  // RFC 9438 4.2, figure 2
  } else {
    k_ = 0;
    w_max_ = cwnd;
  }
  w_est_ = cwnd;
  growth_ = 0;
}

void Cubic::avoid_congestion(const AckEvent& ack) {
  const auto cwnd = static_cast<float>(cwnd_);
  const auto mss = static_cast<float>(ack.mss);
  const auto acked = static_cast<float>(ack.acked);
  const auto now_ms = static_cast<std::uint32_t>(ack.now.ns / 1'000'000);
  const float t = static_cast<float>(now_ms - epoch_ms_) / 1000;
  const auto window_at = [&](float when) {  // figure 1
    const float d = when - k_;
    return c * d * d * d * mss + w_max_;
  };
  // 4.3: what Reno would have, with an increase that makes up for the smaller decrease.
  w_est_ += (w_est_ < prior_ ? reno_alpha : 1.0F) * mss * acked / cwnd;
  if (window_at(t) < w_est_) {
    growth_ = std::max(growth_, w_est_ - cwnd);
  } else {  // 4.4, 4.5
    const float target =
        std::clamp(window_at(t + static_cast<float>(ack.srtt) / 1e6F), cwnd, target_max * cwnd);
    growth_ += acked * (target - cwnd) / cwnd;
  }
  if (growth_ < 1) return;
  const auto octets = static_cast<Bytes>(std::min(growth_, cwnd));
  growth_ -= static_cast<float>(octets);
  grow(octets);
}

void Cubic::grow(Bytes octets) {
  cwnd_ = std::min(cwnd_ + octets, congestion_window_max);
}

void Cubic::reduce(Bytes flight, Bytes mss) {
  const auto cwnd = static_cast<float>(cwnd_);
  prior_ = cwnd;
  w_max_ = cwnd < w_max_ ? cwnd * (1 + beta) / 2 : cwnd;  // 4.7, fast convergence
  ssthresh_ = std::max(static_cast<Bytes>(static_cast<float>(flight) * beta), 2 * mss);
  in_epoch_ = false;
}

void Cubic::on_congestion(Bytes flight, Bytes mss) {
  reduce(flight, mss);
  cwnd_ = ssthresh_;
}

void Cubic::on_timeout(Bytes flight, Bytes mss, bool first) {
  if (first) reduce(flight, mss);
  w_max_ = 0;  // 4.8: the next stage begins with K = 0 at the window of that time
  in_epoch_ = false;
  cwnd_ = mss;
}

void Cubic::on_idle(Bytes mss) {
  in_epoch_ = false;  // a new stage: the pause and the slow start behind it are not time that was tried
  cwnd_ = std::min(cwnd_, initial_window(mss));
}

void Cubic::undo(const Cubic& before) {
  const Bytes cwnd = std::max(cwnd_, before.cwnd_);
  const std::uint32_t last_ms = last_ms_;
  *this = before;
  cwnd_ = cwnd;
  last_ms_ = last_ms;
}

Cubic::Saved Cubic::save() const {
  return {cwnd_, ssthresh_, static_cast<std::uint32_t>(w_max_), static_cast<std::uint32_t>(prior_)};
}

void Cubic::restore(const Saved& saved, Bytes mss) {
  *this = Cubic();
  cwnd_ = std::clamp(saved[0], mss, congestion_window_max);
  ssthresh_ = saved[1] == UINT32_MAX ? UINT32_MAX : std::clamp(saved[1], 2 * mss, congestion_window_max);
  w_max_ = static_cast<float>(std::min(saved[2], congestion_window_max));
  prior_ = static_cast<float>(std::min(saved[3], congestion_window_max));
}

}  // namespace byway::tcp
