#include "dataplane/tcp/send_queue.h"

#include <algorithm>
#include <utility>

namespace byway::tcp {

Bytes SendQueue::write(Rope& data, Bytes count, std::uint32_t slices_max) {
  const std::uint32_t slices = slice_count();
  std::uint32_t left = slices_max - std::min(slices, slices_max);
  if (data.slice_count() <= left) return data.move_front(count, unsent_);
  Bytes covered = 0;
  for (const Slice& slice : data) {
    if (left-- == 0 || covered >= count) break;
    covered += slice.size();
  }
  return data.move_front(std::min(count, covered), unsent_);
}

Bytes SendQueue::send(Bytes count, Rope& out, BufferProvider& buffers) {
  BYWAY_ASSERT(out.empty() && count > 0 && count <= unsent_.size());
  const Bytes sent = move_and_share(bound_slices(count, buffers), out);
  if (sent > 0) return sent;
  return move_and_share(std::min(count, unsent_.front().size()), out);
}

/// Sees to it that a segment of the next octets has few slices; returns how long it may be.
Bytes SendQueue::bound_slices(Bytes count, BufferProvider& buffers) {
  if (unsent_.slice_count() <= segment_slices_max) return count;
  Bytes covered = 0;
  std::uint32_t slices = 0;
  for (const Slice& slice : unsent_) {
    covered += slice.size();
    if (covered >= count) return count;
    if (++slices == segment_slices_max) break;
  }
  const Bytes whole = std::min(count, buffers.buffer_bytes_max());
  return whole > covered && unsent_.coalesce_front(whole, buffers) ? whole : covered;
}

Bytes SendQueue::move_and_share(Bytes count, Rope& out) {
  const Bytes moved = unsent_.move_front(count, out);
  if (moved == 0 || out.share(0, moved, sent_)) return moved;
  out.append(std::move(unsent_));
  unsent_ = std::move(out);
  return 0;
}

void SendQueue::acknowledge(Bytes count) {
  const Bytes from_sent = std::min(count, sent_.size());
  sent_.consume(from_sent);
  unsent_.consume(count - from_sent);
}

void SendQueue::clear() {
  sent_.clear();
  unsent_.clear();
}

}  // namespace byway::tcp
