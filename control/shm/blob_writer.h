// Puts a blob together: the strings while the records are made, then the tables in the order of the root.
// Used by the builders (agent, tests); it uses the heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/shm/hash_table.h"

namespace byway::shm {

/// What a builder could not express, and in which object; for the agent's log and the receipt.
struct BuildError {
  std::string what;
};

using BlobBytes = std::vector<std::byte>;

/// The key of one record of a hash table; the records are numbered as the keys are.
struct HashKey {
  std::uint32_t owner;
  std::string_view key;
};

/// Slots in which every key lies within probe_max of its home. The keys differ.
struct HashSlots {
  std::vector<HashSlot> slots;
  std::uint64_t seed = 0;
};
[[nodiscard]] HashSlots build_hash_slots(std::span<const HashKey> keys);

/// One blob in the making: first text(), then place() for each table in the root's order, then finish().
class BlobWriter {
 public:
  BlobWriter(BlobKind kind, std::size_t root_bytes);

  /// The text's place among the strings; equal texts share one.
  [[nodiscard]] StringRef text(std::string_view value);

  /// Ends the strings; call once, before the first place().
  [[nodiscard]] Table<char> place_strings();

  template <class T>
  [[nodiscard]] Table<T> place(const std::vector<T>& records) {
    align();
    const Table<T> result{static_cast<std::uint32_t>(bytes_.size()),
                          static_cast<std::uint32_t>(records.size())};
    append(std::as_bytes(std::span(records)));
    return result;
  }
  [[nodiscard]] HashTable place(const HashSlots& table) { return {place(table.slots), table.seed}; }

  /// Writes root and header. Error: the blob would exceed blob_bytes_max.
  template <class Root>
  [[nodiscard]] std::expected<BlobBytes, BuildError> finish(const Root& root) {
    return finish_bytes(std::as_bytes(std::span(&root, 1)));
  }

 private:
  void align();
  void append(std::span<const std::byte> bytes);
  [[nodiscard]] std::expected<BlobBytes, BuildError> finish_bytes(std::span<const std::byte> root);

  BlobKind kind_;
  std::size_t strings_offset_;
  BlobBytes bytes_;
  std::unordered_map<std::string, StringRef> texts_;
};

}  // namespace byway::shm
