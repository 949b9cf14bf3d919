// How much may be sent while a loss is repaired: Proportional Rate Reduction (RFC 6937, with the lower bounds
// of RFC 9937, which replaces it), so that the window comes down to its new size over one round trip, by ACKs
// that arrive, without a pause and without a burst.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/rope.h"

namespace byway::tcp {

class Prr {
 public:
  /// `flight`: octets in flight when the loss was found (RecoverFS).
  void start(Bytes flight) {
    delivered_ = out_ = 0;
    flight_ = std::max(flight, 1u);
  }
  /// The window after an ACK that delivered `delivered` octets, with `pipe` left in the network. `progress`:
  /// the ACK moved snd_una and showed no new loss, so the lower bound may be the one of slow start
  /// (RFC 9937 6: SafeACK, PRR-SSRB), else it is the conservative one.
  [[nodiscard]] Bytes on_ack(Bytes delivered, Bytes pipe, Bytes threshold, Bytes mss, bool progress) {
    delivered_ += delivered;
    std::int64_t send = 0;
    if (pipe > threshold) {
      const std::uint64_t share = (std::uint64_t{delivered_} * threshold + flight_ - 1) / flight_;
      send = static_cast<std::int64_t>(share) - out_;
    } else {
      std::int64_t limit = std::max<std::int64_t>(std::int64_t{delivered_} - out_, delivered);
      if (progress) limit += mss;
      send = std::min<std::int64_t>(std::int64_t{threshold} - pipe, limit);
    }
    if (out_ == 0) send = std::max<std::int64_t>(send, mss);  // the fast retransmit itself
    return pipe + static_cast<Bytes>(std::max<std::int64_t>(send, 0));
  }
  void on_sent(Bytes octets) { out_ += octets; }

 private:
  Bytes delivered_ = 0;
  Bytes out_ = 0;
  Bytes flight_ = 1;
};

}  // namespace byway::tcp
