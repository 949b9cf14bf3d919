#include "dataplane/tcp/send_queue.h"

#include <algorithm>
#include <utility>

namespace byway::tcp {

Bytes SendQueue::send(Bytes count, Rope& out) {
  BYWAY_ASSERT(out.empty() && count <= unsent_.size());
  const Bytes moved = unsent_.move_front(count, out);
  if (moved == 0 || out.share(0, moved, sent_)) return moved;
  out.append(std::move(unsent_));
  unsent_ = std::move(out);
  return 0;
}

bool SendQueue::share_front(Bytes count, Rope& out) const {
  BYWAY_ASSERT(out.empty() && count <= size());
  const Bytes from_sent = std::min(count, sent_.size());
  if (!sent_.share(0, from_sent, out)) return false;
  if (unsent_.share(0, count - from_sent, out)) return true;
  out.clear();
  return false;
}

void SendQueue::acknowledge(Bytes count) {
  const Bytes from_sent = std::min(count, sent_.size());
  sent_.consume(from_sent);
  unsent_.consume(count - from_sent);
}

void SendQueue::rewind() {
  sent_.append(std::move(unsent_));
  unsent_ = std::move(sent_);
}

void SendQueue::clear() {
  sent_.clear();
  unsent_.clear();
}

}  // namespace byway::tcp
