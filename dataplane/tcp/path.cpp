// How long segments may be: path MTU discovery (RFC 1191, RFC 8201), and a way out of black holes, where what
// is too long disappears without a word (RFC 2923 2.1).
#include <algorithm>

#include "dataplane/tcp/connection.h"

namespace byway::tcp {

void Connection::limit_mss(Context& context, Bytes mss, Instant now) {
  if (lone_) make_flight(context);
  lower_mss(without_options(mss), now);
}

/// What is out and longer will not arrive; it is sent again in pieces (build_again).
void Connection::lower_mss(Bytes mss, Instant now) {
  if (mss >= mss_) return;
  mss_ = static_cast<std::uint16_t>(mss);
  mss_lowered_ms_ = milliseconds(now);
  if (flight_ == nullptr) return;
  for (SentSegments::Place at = flight_->sent.begin(); at; ++at) {
    if (at->bytes > mss_ && at->state == SentSegment::State::out) {
      flight_->sent.set_state(at, SentSegment::State::lost);
    }
  }
  signal(signal::output);
}

/// The time-out of a segment has come `backoffs_` times in a row.
void Connection::suspect_black_hole(Context& context, Instant now) {
  const Bytes floor = (is_v6_ ? mss_default_v6 : mss_default_v4) - options_bytes();
  if (backoffs_ != black_hole_timeouts || flight_->sent.front().bytes <= floor) return;
  context.count(CounterIndex::black_holes_suspected);
  lower_mss(floor, now);
}

/// Routes change: after a while what the peer takes is tried again.
void Connection::try_larger_mss(Instant now) {
  if (mss_ >= mss_peer_ || milliseconds(now) - mss_lowered_ms_ < mss_raise_interval / 1ms) return;
  mss_ = mss_peer_;
}

}  // namespace byway::tcp
