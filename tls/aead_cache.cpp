#include "tls/aead_cache.h"

namespace byway::tls {

KeyCache::KeyCache(std::uint32_t slots) : entries_(slots) {
  BYWAY_ASSERT(slots >= 2);
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    entries_[slot].newer = slot == 0 ? none : slot - 1;
    entries_[slot].older = slot + 1 == slots ? none : slot + 1;
  }
  oldest_ = slots - 1;
}

std::uint32_t KeyCache::place(std::uint64_t id) {
  const std::uint32_t slot = oldest_;
  use(slot);
  entries_[slot].id = id;
  return slot;
}

bool KeyCache::drop(std::uint64_t id, std::uint32_t slot) {
  if (id == 0 || entries_[slot].id != id) return false;
  entries_[slot].id = 0;
  if (slot == oldest_) return true;
  unlink(slot);
  entries_[slot].newer = oldest_;
  entries_[oldest_].older = slot;
  oldest_ = slot;
  return true;
}

void KeyCache::use(std::uint32_t slot) {
  unlink(slot);
  entries_[slot].older = newest_;
  entries_[newest_].newer = slot;
  newest_ = slot;
}

/// Asserted: not the only one. Both of its links are `none` afterwards.
void KeyCache::unlink(std::uint32_t slot) {
  Entry& entry = entries_[slot];
  if (entry.newer == none) {
    newest_ = entry.older;
  } else {
    entries_[entry.newer].older = entry.older;
  }
  if (entry.older == none) {
    oldest_ = entry.newer;
  } else {
    entries_[entry.older].newer = entry.newer;
  }
  entry.newer = entry.older = none;
}

}  // namespace byway::tls
