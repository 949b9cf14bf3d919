#include "dataplane/tcp/compact.h"

#include <algorithm>
#include <utility>

namespace byway::tcp {

bool compact(Rope& queue, BufferProvider& buffers) {
  const Bytes buffer_bytes = buffers.buffer_bytes_max();
  if ((queue.size() + buffer_bytes - 1) / buffer_bytes > queue.slice_count() / 2) return false;
  Rope merged(queue.pool());
  for (Bytes offset = 0; offset < queue.size();) {
    const Bytes size = std::min(queue.size() - offset, buffer_bytes);
    Buffer* buffer = buffers.allocate(size);
    if (buffer == nullptr) return false;
    queue.copy_to(offset, {buffer->memory, size});
    if (!merged.append(Slice::adopt(buffer, buffer->memory, size))) return false;
    offset += size;
  }
  queue = std::move(merged);
  return true;
}

}  // namespace byway::tcp
