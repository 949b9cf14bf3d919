#include "dataplane/toeplitz.h"

namespace byway {

std::uint32_t toeplitz_window(std::span<const std::uint8_t, toeplitz_key_bytes> key, std::size_t at) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < 5 && at / 8 + i < key.size(); ++i) {
    bits |= std::uint64_t{key[at / 8 + i]} << (32 - 8 * i);
  }
  return static_cast<std::uint32_t>(bits >> (8 - at % 8));
}

Toeplitz::Toeplitz(std::span<const std::uint8_t, toeplitz_key_bytes> key) {
  for (std::size_t place = 0; place < tables_.size(); ++place) {
    for (unsigned value = 0; value < 256; ++value) {
      std::uint32_t sum = 0;
      for (std::size_t bit = 0; bit < 8; ++bit) {
        if ((value & 0x80u >> bit) != 0) sum ^= toeplitz_window(key, place * 8 + bit);
      }
      tables_[place][value] = sum;
    }
  }
}

}  // namespace byway
