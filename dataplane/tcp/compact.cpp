#include "dataplane/tcp/compact.h"

#include <utility>

namespace byway::tcp {

bool compact(Rope& queue, BufferProvider& buffers) {
  const Bytes buffer_bytes = buffers.buffer_bytes_max();
  if ((queue.size() + buffer_bytes - 1) / buffer_bytes > queue.slice_count() / 2) return false;
  Rope merged(queue.pool());
  if (!merged.append_copy(queue, buffers)) return false;
  queue = std::move(merged);
  return true;
}

}  // namespace byway::tcp
