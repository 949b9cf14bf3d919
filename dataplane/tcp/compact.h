// Copies queues of tiny slices together, so that writers of single octets pin no packet buffer for each.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/rope.h"
#include "dataplane/tcp/limits.h"

namespace byway::tcp {

/// Whether the slices of a queue that may have `slices_max` of them are below sparse_slice_bytes on average,
/// and enough to be worth a copy.
[[nodiscard]] inline bool is_sparse(std::uint32_t slices, Bytes size, std::uint32_t slices_max) {
  return slices > size / sparse_slice_bytes + std::min(sparse_slices_min, slices_max / 2);
}

/// Copies `queue` into full buffers. False, and nothing is changed: less than half of its slices would come
/// back, or no memory. (Half, so that each copy is paid by as many slices as it leaves: 2 KiB of copying a
/// slice.)
bool compact(Rope& queue, BufferProvider& buffers);

}  // namespace byway::tcp
