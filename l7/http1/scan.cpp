// Byte classes as a table (scalar) and as vectors of 32 bytes (AVX2).
#include "l7/http1/scan.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "l7/http1/classes.h"
#include "l7/http1/vector.h"

namespace byway::l7::http1 {
namespace {

consteval std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned c = 0; c < classes.size(); ++c) {
    unsigned bits = 0;
    if (classes::is_stop(c)) bits |= stop_class;
    if (!classes::is_token(c)) bits |= mark_class;
    if (!classes::is_target(c)) bits |= bad_target_class;
    if (classes::is_host(c)) bits |= host_class;
    classes[c] = static_cast<std::uint8_t>(bits);
  }
  return classes;
}

#if defined(__AVX2__)

std::uint64_t joined(std::uint32_t low, std::uint32_t high) {
  return low | std::uint64_t{high} << 32;
}

struct Block {
  __m256i low;
  __m256i high;
  std::uint32_t shift;  // the wanted bytes are the last ones: masks are to be shifted down by this
};

// Loads the `count` bytes as the last of a block, with bytes before them in front, if there are enough.
Block load(const char* bytes, std::uint32_t count, std::uint32_t before) {
  alignas(32) std::array<char, block_bytes> copy;
  const std::uint32_t shift = block_bytes - count;
  const char* first = bytes - shift;
  if (shift > before) [[unlikely]] {
    copy = {};
    std::memcpy(copy.data() + shift, bytes, count);
    first = copy.data();
  }
  return {.low = vector::load(first), .high = vector::load(first + vector::bytes), .shift = shift};
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
  const std::uint64_t marks =
      joined(vector::outside(block.low, vector::token_low), vector::outside(block.high, vector::token_low));
  return {.stops = joined(vector::stops(block.low), vector::stops(block.high)) >> block.shift,
          .marks = marks >> block.shift};
}

#endif

TargetMasks classify_target(const char* text, std::uint32_t at, std::uint32_t count,
                            [[maybe_unused]] std::uint32_t end) {
#if defined(__AVX2__)
  if (end >= vector::bytes) {
    const vector::View view = vector::view_at(text, at, end);
    const std::uint32_t wanted = ~std::uint32_t{0} >> (vector::bytes - count);
    const auto kept = [&](std::uint32_t mask) { return (mask >> view.shift) & wanted; };
    return {.bad = kept(vector::outside(view.text, vector::target_low)),
            .percents = kept(vector::equal(view.text, '%')),
            .questions = kept(vector::equal(view.text, '?'))};
  }
#endif
  return classify_target_scalar(text + at, count);
}

std::uint32_t count_host_characters(const char* text, std::uint32_t at, std::uint32_t size,
                                    [[maybe_unused]] std::uint32_t end) {
  std::uint32_t count = 0;
#if defined(__AVX2__)
  if (size > 0 && size <= vector::bytes && end >= vector::bytes) {
    const vector::View view = vector::view_at(text, at, end);
    const std::uint32_t others = vector::outside(view.text, vector::host_low) >> view.shift;
    return std::min(size, static_cast<std::uint32_t>(std::countr_zero(others)));
  }
#endif
  while (count < size && is_host_character(text[at + count])) ++count;
  return count;
}

}  // namespace byway::l7::http1
