// Which expanded keys a worker has, the least recently used first to go. A key finds its place by the number
// of the slot that it had last and its own number, which no other key ever has: a hit is one comparison.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/assert.h"

namespace byway::tls {

class KeyCache {
 public:
  /// Asserted: at least 2 slots.
  explicit KeyCache(std::uint32_t slots);

  [[nodiscard]] std::uint32_t slots() const { return static_cast<std::uint32_t>(entries_.size()); }
  /// A number that no key has had: never 0.
  [[nodiscard]] std::uint64_t next_id() { return ++last_id_; }

  /// True: the expanded form of the key `id` is in `slot`, and is now the most recently used one.
  [[nodiscard]] bool find(std::uint64_t id, std::uint32_t slot) {
    if (entries_[slot].id != id) return false;
    if (slot != newest_) use(slot);
    return true;
  }
  /// Gives the key the slot that has been unused for longest.
  [[nodiscard]] std::uint32_t place(std::uint64_t id);
  /// True: the key (0: none) had `slot`, which is free now and the first to be used again.
  [[nodiscard]] bool drop(std::uint64_t id, std::uint32_t slot);

 private:
  struct Entry {
    std::uint64_t id = 0;
    std::uint32_t newer = none;
    std::uint32_t older = none;
  };
  static constexpr std::uint32_t none = UINT32_MAX;

  void use(std::uint32_t slot);
  void unlink(std::uint32_t slot);

  std::vector<Entry> entries_;
  std::uint32_t newest_ = 0;
  std::uint32_t oldest_ = 0;
  std::uint64_t last_id_ = 0;
};

}  // namespace byway::tls
