#include "dataplane/net/checksum.h"

namespace byway::net {

namespace {

/// Four 64-bit lanes; compiles to AVX2 where there is, to two halves elsewhere.
using Lanes [[gnu::vector_size(32)]] = std::uint64_t;

/// From here on lanes are faster than a chain of carries: joining the lanes at the end takes as long as
/// adding some hundred bytes.
constexpr std::size_t lanes_bytes_min = 256;

/// Bytes that a step of either way adds.
constexpr std::size_t step_bytes = 64;

template <typename T>
T load(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// Adds 32 bytes.
std::uint64_t add_words(std::uint64_t sum, const std::uint8_t* at) {
#if defined(__x86_64__) && !defined(__clang__)
  // One instruction a word: the carry of each goes into the next. GCC has no other way to say this that does
  // not write each sum to memory. No carry comes out: a sum that leaves one behind is at most 2^64 - 2.
  asm("addq %[a], %[sum]\n\tadcq %[b], %[sum]\n\tadcq %[c], %[sum]\n\tadcq %[d], %[sum]\n\tadcq $0, %[sum]"
      : [sum] "+&r"(sum)
      : [a] "rm"(load<std::uint64_t>(at)), [b] "rm"(load<std::uint64_t>(at + 8)),
        [c] "rm"(load<std::uint64_t>(at + 16)), [d] "rm"(load<std::uint64_t>(at + 24))
      : "cc");
  return sum;
#else
  sum = add_with_carry(sum, load<std::uint64_t>(at));
  sum = add_with_carry(sum, load<std::uint64_t>(at + 8));
  sum = add_with_carry(sum, load<std::uint64_t>(at + 16));
  return add_with_carry(sum, load<std::uint64_t>(at + 24));
#endif
}

/// Adds 32-bit halves into 64-bit lanes: no carry is lost before 2^31 words.
std::uint64_t sum_lanes(const std::uint8_t*& at, std::size_t& size) {
  using HalfLanes [[gnu::vector_size(16)]] = std::uint64_t;
  Lanes low{};
  Lanes high{};
  constexpr std::uint64_t half = 0xffff'ffff;
  const Lanes mask = {half, half, half, half};
  for (; size >= step_bytes; at += step_bytes, size -= step_bytes) {
    const Lanes a = load<Lanes>(at);
    const Lanes b = load<Lanes>(at + sizeof(Lanes));
    low += (a & mask) + (b & mask);
    high += (a >> 32) + (b >> 32);
  }
  low += high;
  const HalfLanes joined = __builtin_shufflevector(low, low, 0, 1) + __builtin_shufflevector(low, low, 2, 3);
  return joined[0] + joined[1];
}

/// Fewer than 8 bytes.
std::uint64_t sum_short(const std::uint8_t* at, std::size_t size) {
  std::uint64_t sum = 0;
  if (size >= 4) {
    sum = load<std::uint32_t>(at);
    at += 4;
    size -= 4;
  }
  if (size >= 2) {
    sum += load<std::uint16_t>(at);
    at += 2;
    size -= 2;
  }
  return size == 1 ? sum + *at : sum;
}

}  // namespace

std::uint64_t sum_of(std::span<const std::uint8_t> bytes) {
  const std::uint8_t* at = bytes.data();
  std::size_t size = bytes.size();
  constexpr std::size_t word_bytes = 8;
  if (size < word_bytes) return sum_short(at, size);
  std::uint64_t sum = 0;
  if (size >= lanes_bytes_min) sum = sum_lanes(at, size);
  for (; size >= step_bytes; at += step_bytes, size -= step_bytes)
    sum = add_words(add_words(sum, at), at + step_bytes / 2);
  // What is left has a binary digit of its size for each of these.
  if ((size & 32) != 0) {
    sum = add_words(sum, at);
    at += 32;
  }
  if ((size & 16) != 0) {
    sum = add_with_carry(sum, load<std::uint64_t>(at));
    sum = add_with_carry(sum, load<std::uint64_t>(at + 8));
    at += 16;
  }
  if ((size & 8) != 0) {
    sum = add_with_carry(sum, load<std::uint64_t>(at));
    at += 8;
  }
  const std::size_t rest = size & (word_bytes - 1);
  if (rest == 0) return sum;
  // The last word of the message, of which all but the rest has been added.
  const auto last = load<std::uint64_t>(at + rest - word_bytes);
  return add_with_carry(sum, last >> 8 * (word_bytes - rest));
}

std::uint64_t Checksum::sum_of_both(const IpAddress& a, const IpAddress& b) {
  return add_with_carry(sum_of(a.bytes), sum_of(b.bytes));
}

}  // namespace byway::net
