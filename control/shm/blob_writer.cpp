#include "control/shm/blob_writer.h"

#include <algorithm>
#include <bit>

namespace byway::shm {

namespace {

/// Seeds tried with one number of slots before it is doubled.
constexpr std::uint64_t seeds_per_size = 4;

bool fill(std::vector<HashSlot>& slots, std::span<const HashKey> keys, std::uint64_t seed) {
  std::ranges::fill(slots, HashSlot{0, no_index});
  const std::size_t mask = slots.size() - 1;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::uint64_t hash = key_hash(seed, keys[i].owner, keys[i].key);
    std::uint32_t probe = 0;
    while (slots[(hash + probe) & mask].index != no_index) {
      if (++probe > probe_max) return false;
    }
    slots[(hash + probe) & mask] = {static_cast<std::uint32_t>(hash >> 32), static_cast<std::uint32_t>(i)};
  }
  return true;
}

}  // namespace

HashSlots build_hash_slots(std::span<const HashKey> keys) {
  HashSlots result;
  if (keys.empty()) return result;
  // Half full at most. Doubling ends: as soon as the slots outnumber the clusters any seed will do.
  for (std::size_t count = std::bit_ceil(keys.size() * 2);; count *= 2) {
    result.slots.resize(count);
    for (std::uint64_t attempt = 0; attempt < seeds_per_size; ++attempt, ++result.seed) {
      if (fill(result.slots, keys, result.seed)) return result;
    }
  }
}

BlobWriter::BlobWriter(BlobKind kind, std::size_t root_bytes)
    : kind_(kind), strings_offset_(sizeof(BlobHeader) + root_bytes), bytes_(strings_offset_) {}

StringRef BlobWriter::text(std::string_view value) {
  if (value.empty()) return {0, 0};
  const auto [entry, is_new] = texts_.try_emplace(std::string(value));
  if (is_new) {
    entry->second = {static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint32_t>(value.size())};
    append(std::as_bytes(std::span(value)));
  }
  return entry->second;
}

Table<char> BlobWriter::place_strings() {
  return {static_cast<std::uint32_t>(strings_offset_),
          static_cast<std::uint32_t>(bytes_.size() - strings_offset_)};
}

void BlobWriter::align() {
  bytes_.resize((bytes_.size() + table_alignment - 1) / table_alignment * table_alignment);
}

void BlobWriter::append(std::span<const std::byte> bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

std::expected<BlobBytes, BuildError> BlobWriter::finish_bytes(std::span<const std::byte> root) {
  align();
  if (bytes_.size() > blob_bytes_max) {
    return std::unexpected(BuildError{"the blob would have " + std::to_string(bytes_.size()) +
                                      " bytes; at most " + std::to_string(blob_bytes_max) + " are allowed"});
  }
  std::ranges::copy(root, bytes_.begin() + sizeof(BlobHeader));
  BlobHeader header{.magic = blob_magic,
                    .checksum = 0,
                    .layout_version = layout_version,
                    .kind = kind_,
                    .size_bytes = bytes_.size()};
  std::memcpy(bytes_.data(), &header, sizeof(header));
  header.checksum = checksum_of(bytes_);
  std::memcpy(bytes_.data(), &header, sizeof(header));
  return std::move(bytes_);
}

}  // namespace byway::shm
