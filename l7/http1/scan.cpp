// Byte classes as tables (scalar) and as nibble shuffles (AVX2), and the line scanner.
//
// The shuffle method: a byte belongs to a class if low_table[low nibble] has the bit of its high nibble.
// One 16-byte table and one shuffle per half of the byte decide any class of ASCII; bytes from 0x80 up have
// high nibbles without a bit, so they are in no class.
#include "l7/http1/scan.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string_view>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace byway::l7::http1 {
namespace {

constexpr bool is_token(unsigned c) {
  if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) return true;
  return c < 0x80 && c != 0 &&
         std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
}

// RFC 3986's characters and those that browsers send raw though it forbids them ([ ] ^ ` { | }), since no
// reader takes them for a delimiter of the request line. Left out: `#` begins a fragment, which is never
// sent; backslash is a slash to some readers; " < > have no business in a target.
constexpr bool is_target(unsigned c) {
  return c > 0x20 && c < 0x7f && c != '"' && c != '#' && c != '<' && c != '>' && c != '\\';
}

constexpr bool is_stop(unsigned c) {
  return (c < 0x20 && c != '\t') || c == 0x7f;
}

enum Class : std::uint8_t { stop_class = 1, mark_class = 2, bad_target_class = 4 };

consteval std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned c = 0; c < classes.size(); ++c) {
    unsigned bits = 0;
    if (is_stop(c)) bits |= stop_class;
    if (!is_token(c)) bits |= mark_class;
    if (!is_target(c)) bits |= bad_target_class;
    classes[c] = static_cast<std::uint8_t>(bits);
  }
  return classes;
}

constexpr std::array<std::uint8_t, 256> classes = make_classes();

#if defined(__AVX2__)

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

alignas(16) constexpr std::array<std::uint8_t, 16> token_low = make_low_table(is_token);
alignas(16) constexpr std::array<std::uint8_t, 16> target_low = make_low_table(is_target);
alignas(16) constexpr std::array<std::uint8_t, 16> high_bits = {1, 2, 4, 8, 16, 32, 64, 128};

__m256i broadcast(const std::array<std::uint8_t, 16>& table) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table.data())));
}

// Bits of the bytes that are NOT in the class.
std::uint32_t outside(__m256i bytes, __m256i low_table, __m256i high_table) {
  const __m256i nibble = _mm256_set1_epi8(0x0f);
  // A byte from 0x80 up has bit 7 set, for which the shuffle gives 0: not in the class.
  const __m256i low = _mm256_shuffle_epi8(low_table, bytes);
  const __m256i high = _mm256_shuffle_epi8(high_table, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble));
  const __m256i member = _mm256_and_si256(low, high);
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(member, _mm256_setzero_si256())));
}

std::uint32_t equal(__m256i bytes, char c) {
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(c))));
}

std::uint32_t stops_of(__m256i bytes) {
  const __m256i last_control = _mm256_set1_epi8(0x1f);
  const __m256i controls = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, last_control), bytes);
  const __m256i tab = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\t'));
  const __m256i del = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x7f));
  return static_cast<std::uint32_t>(
      _mm256_movemask_epi8(_mm256_or_si256(_mm256_andnot_si256(tab, controls), del)));
}

std::uint64_t joined(std::uint32_t low, std::uint32_t high) {
  return low | std::uint64_t{high} << 32;
}

std::uint64_t first_bits(std::uint32_t count) {
  return ~std::uint64_t{0} >> (block_bytes - count);
}

struct Block {
  __m256i low;
  __m256i high;
};

// Loads `count` bytes; what lies behind them in the block is undefined but was not read from memory.
Block load(const char* bytes, std::uint32_t count) {
  alignas(32) std::array<char, block_bytes> copy;
  if (count < block_bytes) {
    std::memset(copy.data(), 0, copy.size());
    std::memcpy(copy.data(), bytes, count);
    bytes = copy.data();
  }
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes + 32))};
}

#endif

}  // namespace

bool is_token_character(char c) {
  return (classes[static_cast<unsigned char>(c)] & mark_class) == 0;
}

HeadMasks classify_head_scalar(const char* bytes, std::uint32_t count) {
  HeadMasks masks{};
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t bits = classes[static_cast<unsigned char>(bytes[i])];
    masks.stops |= (bits & stop_class) << i;
    masks.marks |= ((bits & mark_class) >> 1) << i;
  }
  return masks;
}

TargetMasks classify_target_scalar(const char* bytes, std::uint32_t count) {
  TargetMasks masks{};
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t bits = classes[static_cast<unsigned char>(bytes[i])];
    masks.bad |= ((bits & bad_target_class) >> 2) << i;
    masks.percents |= std::uint64_t{bytes[i] == '%'} << i;
    masks.questions |= std::uint64_t{bytes[i] == '?'} << i;
  }
  return masks;
}

#if defined(__AVX2__)

HeadMasks classify_head_avx2(const char* bytes, std::uint32_t count) {
  const Block block = load(bytes, count);
  const __m256i low_table = broadcast(token_low);
  const __m256i high_table = broadcast(high_bits);
  const std::uint64_t wanted = first_bits(count);
  return {
      .stops = joined(stops_of(block.low), stops_of(block.high)) & wanted,
      .marks = joined(outside(block.low, low_table, high_table), outside(block.high, low_table, high_table)) &
               wanted};
}

TargetMasks classify_target_avx2(const char* bytes, std::uint32_t count) {
  const Block block = load(bytes, count);
  const __m256i low_table = broadcast(target_low);
  const __m256i high_table = broadcast(high_bits);
  const std::uint64_t wanted = first_bits(count);
  return {
      .bad = joined(outside(block.low, low_table, high_table), outside(block.high, low_table, high_table)) &
             wanted,
      .percents = joined(equal(block.low, '%'), equal(block.high, '%')) & wanted,
      .questions = joined(equal(block.low, '?'), equal(block.high, '?')) & wanted};
}

#endif

LineResult LineScanner::next(const char* data, std::uint32_t end, Line& line) {
  for (;;) {
    if (name_end_ == not_seen && masks_.marks != 0) {
      name_end_ = block_first_ + static_cast<std::uint32_t>(std::countr_zero(masks_.marks));
    }
    if (masks_.stops != 0) break;
    // After a CR that ended a block the next line begins behind the block: its LF needs no second look.
    const std::uint32_t first = std::max(block_end_, line_first_);
    if (first >= end) return LineResult::incomplete;
    const std::uint32_t count = std::min(block_bytes, end - first);
    masks_ = classify_head(data + first, count);
    block_first_ = first;
    block_end_ = first + count;
  }
  stop_ = block_first_ + static_cast<std::uint32_t>(std::countr_zero(masks_.stops));
  if (data[stop_] == '\n') return LineResult::bare_lf;
  if (data[stop_] != '\r') return LineResult::control_byte;
  if (stop_ + 1 >= end) return LineResult::incomplete;
  if (data[stop_ + 1] != '\n') return LineResult::bare_cr;
  line = {.first = line_first_, .end = stop_, .name_end = name_end_};
  begin_next_line();
  return LineResult::line;
}

void LineScanner::begin_next_line() {
  line_first_ = stop_ + 2;
  name_end_ = not_seen;
  const std::uint32_t spent = line_first_ - block_first_;
  const std::uint64_t kept = spent < block_bytes ? ~std::uint64_t{0} << spent : 0;
  masks_.stops &= kept;
  masks_.marks &= kept;
}

}  // namespace byway::l7::http1
