// Mutation for the snapshot targets: starts from blobs that a builder made, changes bytes or whole words (a
// word is an index, an offset or a count), and mends header and checksum, so that most inputs reach the
// checks behind the checksum.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include "control/shm/blob_writer.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

namespace byway::test {

/// Inputs may grow so far: the largest random policy, and room to spare. libFuzzer's own 4,096 bytes would
/// let only the smallest through.
inline constexpr char size_option[] = "-max_len=65536";
inline constexpr char growth_option[] = "-len_control=0";

/// Adds the options above to the command line; to be called by LLVMFuzzerInitialize.
inline int set_size_options(int* argument_count, char*** arguments) {
  static std::vector<char*> extended;
  // Behind the program's name, so that options given by hand, which come later, win.
  extended.assign(*arguments, *arguments + *argument_count);
  extended.insert(extended.begin() + 1, {const_cast<char*>(size_option), const_cast<char*>(growth_option)});
  extended.push_back(nullptr);
  *argument_count = static_cast<int>(extended.size()) - 1;
  *arguments = extended.data();
  return 0;
}

/// Makes header and checksum fit the bytes, if there are enough of them.
inline void mend(std::span<std::uint8_t> data, shm::BlobKind kind) {
  if (data.size() < sizeof(shm::BlobHeader)) return;
  shm::BlobHeader header{.magic = shm::blob_magic,
                         .checksum = 0,
                         .layout_version = shm::layout_version,
                         .kind = kind,
                         .size_bytes = data.size()};
  std::memcpy(data.data(), &header, sizeof(header));
  header.checksum = shm::checksum_of(std::as_bytes(data));
  std::memcpy(data.data(), &header, sizeof(header));
}

/// One step of LLVMFuzzerCustomMutator. `build(seed)` gives a valid blob.
template <class Build>
std::size_t mutate_blob(std::uint8_t* data, std::size_t size, std::size_t size_max, unsigned seed,
                        shm::BlobKind kind, Build build) {
  std::minstd_rand random(seed);
  constexpr std::size_t body = sizeof(shm::BlobHeader);
  if (size < body + 8 || random() % 32 == 0) {
    const shm::BlobBytes fresh = build(seed);
    if (fresh.size() <= size_max) {
      std::memcpy(data, fresh.data(), fresh.size());
      return fresh.size();
    }
  }
  if (size < body + 8) return LLVMFuzzerMutate(data, size, size_max);
  const std::size_t words = (size - body) / 4;
  const auto word_at = [&](std::size_t index) { return data + body + index * 4; };
  switch (random() % 4) {
    case 0:
      size = body + LLVMFuzzerMutate(data + body, size - body, size_max - body);
      break;
    case 1:
      std::memcpy(word_at(random() % words), word_at(random() % words), 4);
      break;
    case 2: {
      std::uint32_t value = 0;
      std::uint8_t* place = word_at(random() % words);
      std::memcpy(&value, place, 4);
      value += static_cast<std::uint32_t>(random() % 9) - 4;
      std::memcpy(place, &value, 4);
      break;
    }
    default: {
      // Swaps two runs of words: records exchanged, ranges crossed.
      const std::size_t count = std::min<std::size_t>(1 + random() % 8, words / 2);
      const std::size_t first = random() % (words - count + 1);
      const std::size_t second = random() % (words - count + 1);
      for (std::size_t i = 0; i < count * 4; ++i) std::swap(word_at(first)[i], word_at(second)[i]);
      break;
    }
  }
  if (random() % 16 != 0) mend({data, size}, kind);
  return size;
}

}  // namespace byway::test
