// The Internet checksum (RFC 1071): the complement of the one's complement sum of 16-bit words, over IP
// headers, ICMP messages, and TCP with its pseudo-header.
//
// The sum is kept in 64 bits and in memory order: one's complement addition does not care about byte order
// (RFC 1071 2(B)), so words are added as the machine reads them and only the result is turned. Nor does it
// care about the width of what is added: 2^16 is 1 to it, so that a 64-bit word counts as its four 16-bit
// ones, and turning a word is multiplying it by 2^8.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/net/address.h"

namespace byway::net {

static_assert(std::endian::native == std::endian::little);

/// The sum of two sums, with end-around carry.
[[nodiscard]] constexpr std::uint64_t add_with_carry(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t sum = a + b;
  return sum + (sum < a ? 1 : 0);
}

/// Folds 64 bits to 16 with end-around carry (RFC 1071 1, step 3): halves on halves, where the upper half of
/// what they give is the whole sum with its carry.
[[nodiscard]] constexpr std::uint16_t fold_sum(std::uint64_t sum) {
  sum += std::rotl(sum, 32);
  auto half = static_cast<std::uint32_t>(sum >> 32);
  half += std::rotl(half, 16);
  return static_cast<std::uint16_t>(half >> 16);
}

/// The one's complement sum of `bytes`, not folded; a last odd byte is padded with zero (RFC 1071 4.1).
[[nodiscard]] std::uint64_t sum_of(std::span<const std::uint8_t> bytes);

/// The checksum to write, in host byte order, of what adds up to `sum`.
[[nodiscard]] constexpr std::uint16_t checksum_of_sum(std::uint64_t sum) {
  return static_cast<std::uint16_t>(~std::byteswap(fold_sum(sum)));
}

/// A sum under way over bytes that may lie in several pieces of any length.
class Checksum {
 public:
  Checksum() = default;

  /// Adds the next `bytes` of the message. A piece of odd length shifts those after it by one byte.
  void add(std::span<const std::uint8_t> bytes) {
    std::uint64_t sum = sum_of(bytes);
    // RFC 1071 2(B): the sum of byte-swapped words is the byte-swapped sum.
    if (odd_) sum = std::byteswap(fold_sum(sum));
    sum_ = add_with_carry(sum_, sum);
    odd_ ^= (bytes.size() & 1) != 0;
  }
  /// Adds the pseudo-header: RFC 9293 3.1 for IPv4 (both addresses mapped), RFC 8200 8.1 for IPv6.
  /// `length`: bytes of the upper-layer header and data. Before anything else, or after an even count of
  /// bytes.
  [[gnu::always_inline]] void add_pseudo_header(const IpAddress& source, const IpAddress& target,
                                                std::uint8_t protocol, std::uint32_t length) {
    // Of mapped addresses only the last four bytes count.
    const std::uint64_t addresses = source.is_v4()
                                        ? std::uint64_t{last_word_of(source)} + last_word_of(target)
                                        : sum_of_both(source, target);
    // Protocol and length as big-endian words; in IPv4 the length has 16 bits and lies next to them, which
    // adds up to the same.
    const std::uint64_t words = (std::uint64_t{length} + protocol) << 8;
    sum_ = add_with_carry(sum_, add_with_carry(addresses, words));
  }
  /// The checksum to write, in host byte order. Over a message that contains a right checksum: 0.
  [[nodiscard]] std::uint16_t value() const { return checksum_of_sum(sum_); }
  [[nodiscard]] bool is_valid() const { return value() == 0; }

 private:
  static std::uint32_t last_word_of(const IpAddress& address) {
    std::uint32_t word;
    std::memcpy(&word, address.bytes.data() + sizeof address.bytes - sizeof word, sizeof word);
    return word;
  }
  static std::uint64_t sum_of_both(const IpAddress& a, const IpAddress& b);

  std::uint64_t sum_ = 0;
  bool odd_ = false;  ///< An odd count of bytes has been added.
};

/// The checksum of one contiguous message without a pseudo-header (IPv4 header, ICMP).
[[nodiscard]] inline std::uint16_t checksum(std::span<const std::uint8_t> bytes) {
  return checksum_of_sum(sum_of(bytes));
}

}  // namespace byway::net
