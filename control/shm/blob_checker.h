// The checks that all kinds of blobs have in common; verify.cpp and verify_policy.cpp are made of them. Each
// check returns whether it holds and remembers the first failure with its place.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "control/shm/policy_view.h"
#include "control/shm/verify.h"

namespace byway::shm {

class BlobChecker {
 public:
  explicit BlobChecker(std::span<const std::byte> blob) : blob_(blob), view_(blob.data()) {}

  [[nodiscard]] const VerifyError& error() const { return error_; }
  [[nodiscard]] const BlobView& view() const { return view_; }

  /// Remembers why and where; false, for `return fail(...)`.
  bool fail(VerifyReason reason, std::uint64_t offset) {
    error_ = {reason, offset};
    return false;
  }
  bool fail_at(VerifyReason reason, const void* record) { return fail(reason, offset_of(record)); }

  /// The header, and that a root of this size fits. After it, the root may be read.
  bool check_header(BlobKind kind, std::size_t root_bytes);

  /// The strings come first: right behind the root.
  bool check_strings(const Table<char>& place);

  /// The next table lies where it must, with zeros before it.
  template <class T>
  bool check_table(const Table<T>& place) {
    static_assert(alignof(T) <= table_alignment);
    if (!skip_padding()) return false;
    if (place.offset != cursor_) return fail_at(VerifyReason::bad_table, &place);
    if (place.count > (blob_.size() - cursor_) / sizeof(T)) return fail_at(VerifyReason::bad_table, &place);
    cursor_ += std::uint64_t{place.count} * sizeof(T);
    return true;
  }
  bool check_table(const HashTable& place) {
    if (place.slots.count != 0 && !std::has_single_bit(place.slots.count)) {
      return fail_at(VerifyReason::bad_hash, &place);
    }
    return check_table(place.slots);
  }

  /// The last table ends with the blob.
  bool check_end();

  /// A string within the strings, of these lengths; empty text is {0, 0}.
  bool check_text(const StringRef& ref, std::uint32_t bytes_min, std::uint32_t bytes_max);

  /// A range within a table of `count` records, of at most `most` of them.
  bool check_range(const Range& range, std::uint32_t count, std::uint32_t most) {
    if (range.first > range.end || range.end > count || range.count() > most) {
      return fail_at(VerifyReason::bad_range, &range);
    }
    return true;
  }
  bool check_index(const std::uint32_t& index, std::size_t count) {
    return index < count || fail_at(VerifyReason::bad_index, &index);
  }
  bool check_index_or_none(const std::uint32_t& index, std::size_t count) {
    return index == no_index || check_index(index, count);
  }
  bool check_zero(const std::uint32_t& reserved) {
    return reserved == 0 || fail_at(VerifyReason::bad_reserved, &reserved);
  }
  template <class Enum>
  bool check_enum(const Enum& value, Enum first, Enum last) {
    return (value >= first && value <= last) || fail_at(VerifyReason::bad_enum, &value);
  }

  /// Each record for which `is_keyed(index)` is found under its key, and nothing else is in the slots.
  /// `owner_of(index)` and `key_of(index)` give the key; `same_key(a, b)` compares two records' keys.
  template <class Record, class IsKeyed, class OwnerOf, class KeyOf, class SameKey>
  bool check_hash_table(const HashTable& place, std::span<const Record> records, IsKeyed is_keyed,
                        OwnerOf owner_of, KeyOf key_of, SameKey same_key);

 private:
  [[nodiscard]] std::uint64_t offset_of(const void* record) const {
    return static_cast<std::uint64_t>(static_cast<const std::byte*>(record) - blob_.data());
  }
  bool skip_padding();

  std::span<const std::byte> blob_;
  BlobView view_;
  std::uint64_t cursor_ = 0;  ///< end of what the tables have accounted for so far
  std::uint64_t strings_first_ = 0;
  std::uint64_t strings_end_ = 0;
  VerifyError error_{};
};

template <class Record, class IsKeyed, class OwnerOf, class KeyOf, class SameKey>
bool BlobChecker::check_hash_table(const HashTable& place, std::span<const Record> records, IsKeyed is_keyed,
                                   OwnerOf owner_of, KeyOf key_of, SameKey same_key) {
  std::uint64_t used = 0;
  for (const HashSlot& slot : view_.table(place.slots)) {
    if (slot.index == no_index) {
      if (slot.tag != 0) return fail_at(VerifyReason::bad_hash, &slot);
      continue;
    }
    if (slot.index >= records.size() || !is_keyed(records[slot.index])) {
      return fail_at(VerifyReason::bad_hash, &slot);
    }
    ++used;
  }
  // The reader's own lookup, so that what is proved is what will happen. Each keyed record fills a slot of
  // its own; if there are no more filled slots than that, there is nothing else.
  const HashTableView table = view_.hash_table(place);
  std::uint64_t keyed = 0;
  for (const Record& record : records) {
    if (!is_keyed(record)) continue;
    ++keyed;
    const std::uint32_t found = table.find(owner_of(record), key_of(record), [&](std::uint32_t other) {
      return same_key(record, records[other]);
    });
    if (found != static_cast<std::uint32_t>(&record - records.data())) {
      return fail_at(VerifyReason::bad_hash, &record);
    }
  }
  return used == keyed || fail_at(VerifyReason::bad_hash, &place);
}

}  // namespace byway::shm
