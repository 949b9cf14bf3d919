// Classes of 32 bytes at a time (AVX2), as bit masks: what the scanners are built on.
//
// The shuffle method: a byte belongs to a class if low_table[low nibble] has the bit of its high nibble.
// One 16-byte table and one shuffle per half of the byte decide any class of ASCII; bytes from 0x80 up have
// high nibbles without a bit, so they are in no class.
#pragma once

#if defined(__AVX2__)

#include <immintrin.h>

#include <array>
#include <cstdint>

#include "l7/http1/classes.h"

namespace byway::l7::http1::vector {

inline constexpr std::uint32_t bytes = 32;

// For each low nibble: the set of high nibbles 0-7, as bits, with which the byte is in the class.
template <typename Predicate>
consteval std::array<std::uint8_t, 16> make_low_table(Predicate is_member) {
  std::array<std::uint8_t, 16> table{};
  for (unsigned low = 0; low < 16; ++low) {
    unsigned bits = 0;
    for (unsigned high = 0; high < 8; ++high) {
      if (is_member(high << 4 | low)) bits |= 1U << high;
    }
    table[low] = static_cast<std::uint8_t>(bits);
  }
  return table;
}

alignas(16) inline constexpr std::array<std::uint8_t, 16> token_low = make_low_table(classes::is_token);
alignas(16) inline constexpr std::array<std::uint8_t, 16> target_low = make_low_table(classes::is_target);
alignas(16) inline constexpr std::array<std::uint8_t, 16> host_low = make_low_table(classes::is_host);
alignas(16) inline constexpr std::array<std::uint8_t, 16> high_bits = {1, 2, 4, 8, 16, 32, 64, 128};

[[nodiscard]] inline __m256i load(const char* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

/// 32 bytes of which the last ones are those from some place on: masks are to be shifted down by `shift`.
struct View {
  __m256i text;
  std::uint32_t shift;
};

/// text[at, ...) as far as it fits, where text[0, end) may be read, `at` < `end` and `end` >= 32.
[[nodiscard]] inline View view_at(const char* text, std::uint32_t at, std::uint32_t end) {
  const std::uint32_t first = at + bytes <= end ? at : end - bytes;
  return {.text = load(text + first), .shift = at - first};
}

[[nodiscard]] inline std::uint32_t mask_of(__m256i comparison) {
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(comparison));
}

/// Bits of the bytes that are NOT in the class of `low_table`.
[[nodiscard]] inline std::uint32_t outside(__m256i text, const std::array<std::uint8_t, 16>& low_table) {
  const auto broadcast = [](const std::array<std::uint8_t, 16>& table) {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table.data())));
  };
  // A byte from 0x80 up has bit 7 set, for which the shuffle gives 0: not in the class.
  const __m256i low = _mm256_shuffle_epi8(broadcast(low_table), text);
  const __m256i high = _mm256_shuffle_epi8(
      broadcast(high_bits), _mm256_and_si256(_mm256_srli_epi16(text, 4), _mm256_set1_epi8(0x0f)));
  return mask_of(_mm256_cmpeq_epi8(_mm256_and_si256(low, high), _mm256_setzero_si256()));
}

[[nodiscard]] inline std::uint32_t equal(__m256i text, char c) {
  return mask_of(_mm256_cmpeq_epi8(text, _mm256_set1_epi8(c)));
}

/// Bits of the control bytes but HTAB.
[[nodiscard]] inline std::uint32_t stops(__m256i text) {
  const __m256i controls = _mm256_cmpeq_epi8(_mm256_min_epu8(text, _mm256_set1_epi8(0x1f)), text);
  const __m256i tab = _mm256_cmpeq_epi8(text, _mm256_set1_epi8('\t'));
  const __m256i del = _mm256_cmpeq_epi8(text, _mm256_set1_epi8(0x7f));
  return mask_of(_mm256_or_si256(_mm256_andnot_si256(tab, controls), del));
}

}  // namespace byway::l7::http1::vector

#endif
