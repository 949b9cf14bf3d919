// The one hash table of all blobs: open addressing with linear probing over a power of two of slots.
//
// A slot holds 32 bits of the hash and the index of a record in a table beside it; the record holds its own
// key. The builder chooses a seed under which no key lies further than `probe_max` slots from its home, so
// that a lookup, also one that fails on purpose, costs a bounded number of steps; the verifier checks
// that each record can be found.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "control/shm/blob.h"

namespace byway::shm {

/// Furthest a key may lie from its home slot. At most half of the slots are used, where linear probing
/// passes 32 only for one key in millions; the builder then takes another seed or doubles the slots.
inline constexpr std::uint32_t probe_max = 32;

struct HashSlot {
  std::uint32_t tag;    ///< upper half of the key's hash
  std::uint32_t index;  ///< of the record, or no_index: the slot is empty
};
static_assert(sizeof(HashSlot) == 8);

/// A hash table in a root: its slots, and the seed of its hash. The slot count is 0 or a power of two.
struct HashTable {
  Table<HashSlot> slots;
  std::uint64_t seed;
};
static_assert(sizeof(HashTable) == 16);

/// The hash of a key that belongs to an owner (a group, a listener, a host, a node), given by its index.
[[nodiscard]] inline std::uint64_t key_hash(std::uint64_t seed, std::uint32_t owner, std::string_view key) {
  // An odd multiplier spreads the owners over all seeds (golden ratio, Knuth vol. 3, 6.4).
  return XXH3_64bits_withSeed(key.data(), key.size(), seed ^ (owner + 1ULL) * 0x9e37'79b9'7f4a'7c15ULL);
}

/// Reads one hash table of a verified blob.
class HashTableView {
 public:
  HashTableView() = default;
  HashTableView(std::span<const HashSlot> slots, std::uint64_t seed) : slots_(slots), seed_(seed) {}

  /// The index of the record that `is_match(index)` confirms, or no_index. `is_match` is asked only for
  /// records whose hash agrees in the tag.
  template <class IsMatch>
  [[nodiscard]] std::uint32_t find(std::uint32_t owner, std::string_view key, IsMatch is_match) const {
    if (slots_.empty()) return no_index;
    const std::uint64_t hash = key_hash(seed_, owner, key);
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    const std::size_t mask = slots_.size() - 1;
    std::size_t place = static_cast<std::size_t>(hash) & mask;
    for (std::uint32_t probe = 0; probe <= probe_max; ++probe, place = (place + 1) & mask) {
      const HashSlot& slot = slots_[place];
      if (slot.index == no_index) return no_index;
      if (slot.tag == tag && is_match(slot.index)) return slot.index;
    }
    return no_index;
  }

 private:
  std::span<const HashSlot> slots_;
  std::uint64_t seed_ = 0;
};

}  // namespace byway::shm
