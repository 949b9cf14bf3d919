// Octets that the user wrote and the peer has not acknowledged: those that were sent (kept to be sent again)
// and those that were not.
//
//     snd_una            snd_nxt                  end of what was written
//        |---- sent ------|------- unsent ---------|
//
// Two ropes, so that sending and acknowledging touch only their ends. A segment on its way shares slices with
// `sent`.
#pragma once

#include <algorithm>
#include <utility>

#include "dataplane/rope.h"
#include "dataplane/tcp/compact.h"

namespace byway::tcp {

/// Slices in one segment. A proxied message has a head and a body in a handful; a writer of tiny pieces would
/// make packets of a thousand, so that beyond this they are copied together.
inline constexpr std::uint32_t segment_slices_max = 16;

class SendQueue {
 public:
  explicit SendQueue(SlicePool& pool) : sent_(pool), unsent_(pool) {}

  [[nodiscard]] Bytes size() const { return sent_.size() + unsent_.size(); }
  [[nodiscard]] Bytes unsent() const { return unsent_.size(); }
  [[nodiscard]] std::uint32_t slice_count() const { return sent_.slice_count() + unsent_.slice_count(); }

  /// Moves up to `count` octets off the front of `data` to the end; returns how many: fewer when the queue
  /// then has `slices_max` slices.
  Bytes write(Rope& data, Bytes count, std::uint32_t slices_max);

  /// Copies tiny slices together if they are many for a queue that may have `slices_max`: those that were
  /// sent too, since a small segment keeps its slice until it is acknowledged, and a writer of small messages
  /// would soon have the queue full of them.
  void compact_sparse(std::uint32_t slices_max, BufferProvider& buffers) {
    if (slice_count() <= std::min(sparse_slices_min, slices_max / 2)) return;
    for (Rope* part : {&sent_, &unsent_}) {
      if (is_sparse(part->slice_count(), part->size(), slices_max))
        static_cast<void>(compact(*part, buffers));
    }
  }

  /// Puts the next up to `count` octets into `out` (empty before) and counts them as sent. Returns how many:
  /// fewer than asked when memory is short, 0 when there is none (nothing changed).
  Bytes send(Bytes count, Rope& out, BufferProvider& buffers);
  /// Puts `count` octets that were sent, from snd_una + `offset` on, into `out` (empty before). False: memory
  /// is short.
  [[nodiscard]] bool share_sent(Bytes offset, Bytes count, Rope& out) const {
    return sent_.share(offset, count, out);
  }
  /// Puts the first unsent octet into `out`, for a probe: it stays unsent. False: memory is short.
  [[nodiscard]] bool share_unsent_octet(Rope& out) const { return unsent_.share(0, 1, out); }
  /// Drops `count` octets from the front (asserted: <= size()).
  void acknowledge(Bytes count);
  [[nodiscard]] const Rope& sent() const { return sent_; }
  [[nodiscard]] const Rope& unsent_rope() const { return unsent_; }
  /// Of a connection that has moved. Asserted: empty before.
  void restore(Rope&& sent, Rope&& unsent) {
    BYWAY_ASSERT(size() == 0);
    sent_ = std::move(sent);
    unsent_ = std::move(unsent);
  }
  void clear();

 private:
  Bytes bound_slices(Bytes count, BufferProvider& buffers);
  Bytes move_and_share(Bytes count, Rope& out);

  Rope sent_;
  Rope unsent_;
};

}  // namespace byway::tcp
