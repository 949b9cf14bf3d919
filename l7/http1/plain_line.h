// The line that nearly all heads consist of: whole, in one piece, with a short name. It needs no state; what
// it is not (cut off, refused, with a long name) is left to LineScanner, which agrees with it wherever it
// answers.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "l7/http1/scan.h"
#include "l7/http1/vector.h"

namespace byway::l7::http1 {

inline constexpr std::uint32_t crlf_bytes = 2;

[[nodiscard]] constexpr std::uint16_t pair_of(char first, char second) {
  const auto low = static_cast<unsigned char>(std::endian::native == std::endian::little ? first : second);
  const auto high = static_cast<unsigned char>(std::endian::native == std::endian::little ? second : first);
  return static_cast<std::uint16_t>(low | high << 8);
}

/// Two bytes as pair_of() makes them.
[[nodiscard]] inline std::uint16_t load_pair(const char* at) {
  std::uint16_t pair = 0;
  std::memcpy(&pair, at, sizeof pair);
  return pair;
}

[[nodiscard]] inline bool is_crlf(const char* at) {
  return load_pair(at) == pair_of('\r', '\n');
}

/// Finds the line that begins at `first`, of data[0, end). False: see above; a LineScanner from `first` on
/// tells why. Inline, so that a loop over lines keeps the tables in registers.
[[nodiscard, gnu::always_inline]] inline bool find_plain_line([[maybe_unused]] const char* data,
                                                              [[maybe_unused]] std::uint32_t first,
                                                              [[maybe_unused]] std::uint32_t end,
                                                              [[maybe_unused]] Line& line) {
#if defined(__AVX2__)
  if (end < vector::bytes || first >= end) return false;
  vector::View view = vector::view_at(data, first, end);
  const std::uint32_t marks = vector::outside(view.text, vector::token_low) >> view.shift;
  std::uint32_t stops = vector::stops(view.text) >> view.shift;
  if (marks == 0) return false;
  line.first = first;
  line.name_end = first + static_cast<std::uint32_t>(std::countr_zero(marks));
  while (stops == 0) [[unlikely]] {
    first += vector::bytes - view.shift;
    if (first >= end) return false;
    view = vector::view_at(data, first, end);
    stops = vector::stops(view.text) >> view.shift;
  }
  line.end = first + static_cast<std::uint32_t>(std::countr_zero(stops));
  return line.end + 1 < end && is_crlf(data + line.end);
#else
  return false;
#endif
}

}  // namespace byway::l7::http1
