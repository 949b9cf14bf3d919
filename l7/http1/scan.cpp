// Byte classes as a table (scalar) and as nibble shuffles (AVX2).
//
// The shuffle method: a byte belongs to a class if low_table[low nibble] has the bit of its high nibble.
// One 16-byte table and one shuffle per half of the byte decide any class of ASCII; bytes from 0x80 up have
// high nibbles without a bit, so they are in no class.
#include "l7/http1/scan.h"

#include <array>
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

constexpr bool is_host(unsigned c) {
  return is_token(c) && std::string_view("!#$%&'*+^`|").find(static_cast<char>(c)) == std::string_view::npos;
}

consteval std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned c = 0; c < classes.size(); ++c) {
    unsigned bits = 0;
    if (is_stop(c)) bits |= stop_class;
    if (!is_token(c)) bits |= mark_class;
    if (!is_target(c)) bits |= bad_target_class;
    if (is_host(c)) bits |= host_class;
    classes[c] = static_cast<std::uint8_t>(bits);
  }
  return classes;
}

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

struct Block {
  __m256i low;
  __m256i high;
  std::uint32_t shift;  // the wanted bytes are the last ones: masks are to be shifted down by this
};

// Loads the `count` bytes as the last of a block, with bytes before them in front if there are enough.
Block load(const char* bytes, std::uint32_t count, std::uint32_t before) {
  alignas(32) std::array<char, block_bytes> copy;
  const std::uint32_t shift = block_bytes - count;
  const char* first = bytes - shift;
  if (shift > before) [[unlikely]] {
    copy = {};
    std::memcpy(copy.data() + shift, bytes, count);
    first = copy.data();
  }
  return {.low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(first)),
          .high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(first + 32)),
          .shift = shift};
}

#endif

}  // namespace

constexpr std::array<std::uint8_t, 256> character_classes = make_classes();

HeadMasks classify_head_scalar(const char* bytes, std::uint32_t count) {
  HeadMasks masks{};
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t bits = character_classes[static_cast<unsigned char>(bytes[i])];
    masks.stops |= (bits & stop_class) << i;
    masks.marks |= ((bits & mark_class) >> 1) << i;
  }
  return masks;
}

TargetMasks classify_target_scalar(const char* bytes, std::uint32_t count) {
  TargetMasks masks{};
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t bits = character_classes[static_cast<unsigned char>(bytes[i])];
    masks.bad |= ((bits & bad_target_class) >> 2) << i;
    masks.percents |= std::uint64_t{bytes[i] == '%'} << i;
    masks.questions |= std::uint64_t{bytes[i] == '?'} << i;
  }
  return masks;
}

#if defined(__AVX2__)

HeadMasks classify_head_avx2(const char* bytes, std::uint32_t count, std::uint32_t before) {
  const Block block = load(bytes, count, before);
  const __m256i low_table = broadcast(token_low);
  const __m256i high_table = broadcast(high_bits);
  return {.stops = joined(stops_of(block.low), stops_of(block.high)) >> block.shift,
          .marks =
              joined(outside(block.low, low_table, high_table), outside(block.high, low_table, high_table)) >>
              block.shift};
}

TargetMasks classify_target_avx2(const char* bytes, std::uint32_t count, std::uint32_t before) {
  const Block block = load(bytes, count, before);
  const __m256i low_table = broadcast(target_low);
  const __m256i high_table = broadcast(high_bits);
  return {
      .bad = joined(outside(block.low, low_table, high_table), outside(block.high, low_table, high_table)) >>
             block.shift,
      .percents = joined(equal(block.low, '%'), equal(block.high, '%')) >> block.shift,
      .questions = joined(equal(block.low, '?'), equal(block.high, '?')) >> block.shift};
}

#endif

}  // namespace byway::l7::http1
