// Byte classes of HTTP/1 heads, 64 bytes at a time as bit masks, and the line scanner built on them.
//
// One pass classifies every byte of a head exactly once, whatever the pieces it arrives in:
//
//   bytes   H o s t :   a . b CR LF
//   stops   0 0 0 0 0 0 0 0 0 1  1     control bytes but HTAB: a line ends here, or is refused
//   marks   0 0 0 0 1 1 0 0 0 1  1     no token characters: the first of a line ends its name
//
// so finding the end of a line and of its name is a count of trailing zeros each. The mask functions exist
// as AVX2 (the build is x86-64-v3) and as plain loops; a property test holds them equal. The classes are in
// classes.h.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace byway::l7::http1 {

/// Bit i describes byte i of a block.
struct HeadMasks {
  std::uint64_t stops;  ///< 0x00-0x1f but HTAB, and 0x7f
  std::uint64_t marks;  ///< not a token character (all stops are marks)
};

struct TargetMasks {
  std::uint64_t bad;        ///< may not stand in a target: controls, SP, non-ASCII, " # < > backslash
  std::uint64_t percents;   ///< `%`
  std::uint64_t questions;  ///< `?`
};

inline constexpr std::uint32_t block_bytes = 64;

/// Classify `count` (1..64) bytes; bits from `count` up are 0. Reads nothing behind them; the vectorised one
/// may read, but does not look at, the `before` bytes in front of them (a short block is then loaded without
/// a copy).
[[nodiscard]] HeadMasks classify_head_scalar(const char* bytes, std::uint32_t count);
#if defined(__AVX2__)
[[nodiscard]] HeadMasks classify_head_avx2(const char* bytes, std::uint32_t count, std::uint32_t before);
#endif

[[nodiscard]] inline HeadMasks classify_head(const char* bytes, std::uint32_t count,
                                             [[maybe_unused]] std::uint32_t before) {
#if defined(__AVX2__)
  return classify_head_avx2(bytes, count, before);
#else
  return classify_head_scalar(bytes, count);
#endif
}

/// So many bytes of a target are classified at once.
inline constexpr std::uint32_t target_block_bytes = 32;

/// Classifies text[at, at + count), `count` 1..32; text[0, end) has arrived. Bits from `count` up are 0.
[[nodiscard]] TargetMasks classify_target(const char* text, std::uint32_t at, std::uint32_t count,
                                          std::uint32_t end);
[[nodiscard]] TargetMasks classify_target_scalar(const char* bytes, std::uint32_t count);

/// How many of text[at, at + size) are host characters before the first other one.
[[nodiscard]] std::uint32_t count_host_characters(const char* text, std::uint32_t at, std::uint32_t size,
                                                  std::uint32_t end);

enum CharacterClass : std::uint8_t { stop_class = 1, mark_class = 2, bad_target_class = 4, host_class = 8 };
extern const std::array<std::uint8_t, 256> character_classes;

/// RFC 9110 5.6.2.
[[nodiscard]] inline bool is_token_character(char c) {
  return (character_classes[static_cast<unsigned char>(c)] & mark_class) == 0;
}

[[nodiscard]] inline bool is_host_character(char c) {
  return (character_classes[static_cast<unsigned char>(c)] & host_class) != 0;
}

/// A line without its CRLF: bytes [first, end) of the head.
struct Line {
  std::uint32_t first;
  std::uint32_t end;
  /// The first byte that is no token character; `end` if there is none.
  std::uint32_t name_end;
};

enum class LineResult : std::uint8_t { line, incomplete, bare_cr, bare_lf, control_byte };

/// Cuts a head into lines as it arrives. Holds offsets and masks only, so the bytes may move between calls.
/// Inline and small, so that a loop over lines can keep a copy in registers.
class LineScanner {
 public:
  LineScanner() = default;
  /// Begins with the line at offset `first`.
  explicit LineScanner(std::uint32_t first) : block_end_(first), line_first_(first) {}

  /// The next line, in the bytes received so far: data[0, end), `end` never smaller than before.
  /// After another result than `line` and `incomplete` the head is refused and the scanner spent.
  [[nodiscard]] LineResult next(const char* data, std::uint32_t end, Line& line) {
    while (masks_.stops == 0) {
      if (!load_block(data, end)) return LineResult::incomplete;
    }
    note_name_end();
    stop_ = block_first_ + static_cast<std::uint32_t>(std::countr_zero(masks_.stops));
    if (data[stop_] != '\r') return data[stop_] == '\n' ? LineResult::bare_lf : LineResult::control_byte;
    if (stop_ + 1 >= end) return LineResult::incomplete;
    if (data[stop_ + 1] != '\n') return LineResult::bare_cr;
    line = {.first = line_first_, .end = stop_, .name_end = name_end_};
    begin_next_line();
    return LineResult::line;
  }

  /// Where the line that is not complete yet begins.
  [[nodiscard]] std::uint32_t line_first() const { return line_first_; }
  /// Where the byte stands that ended the last line or made next() refuse it; only after these.
  [[nodiscard]] std::uint32_t stop() const { return stop_; }

 private:
  void note_name_end() {
    if (name_end_ == not_seen && masks_.marks != 0) {
      name_end_ = block_first_ + static_cast<std::uint32_t>(std::countr_zero(masks_.marks));
    }
  }

  // Classifies what comes next; false if nothing has arrived.
  bool load_block(const char* data, std::uint32_t end) {
    // After a CR that ended a block the next line begins behind the block: its LF needs no second look.
    const std::uint32_t first = std::max(block_end_, line_first_);
    if (first >= end) return false;
    note_name_end();
    const std::uint32_t count = std::min(block_bytes, end - first);
    masks_ = classify_head(data + first, count, first);
    block_first_ = first;
    block_end_ = first + count;
    return true;
  }

  void begin_next_line() {
    line_first_ = stop_ + 2;
    name_end_ = not_seen;
    const std::uint32_t spent = line_first_ - block_first_;
    const std::uint64_t kept = spent < block_bytes ? ~std::uint64_t{0} << spent : 0;
    masks_.stops &= kept;
    masks_.marks &= kept;
  }

  static constexpr std::uint32_t not_seen = UINT32_MAX;

  HeadMasks masks_{};                  // of the block; bits before the current line's first byte are cleared
  std::uint32_t block_first_ = 0;      // offset of bit 0
  std::uint32_t block_end_ = 0;        // classified up to here
  std::uint32_t line_first_ = 0;       // the current line
  std::uint32_t name_end_ = not_seen;  // its first mark
  std::uint32_t stop_ = 0;
};

}  // namespace byway::l7::http1
