// The Internet checksum (RFC 1071): the complement of the one's complement sum of 16-bit words, over IP
// headers, ICMP messages, and TCP with its pseudo-header.
//
// The sum is kept in 64 bits and in memory order: one's complement addition does not care about byte order
// (RFC 1071 2(B)), so words are added as the machine reads them and only the result is turned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/net/address.h"

namespace byway::net {

/// A sum under way over bytes that may lie in several pieces of any length.
class Checksum {
 public:
  Checksum() = default;

  /// Adds the next `bytes` of the message. A piece of odd length shifts those after it by one byte.
  void add(std::span<const std::uint8_t> bytes);
  /// Adds the pseudo-header: RFC 9293 3.1 for IPv4 (both addresses mapped), RFC 8200 8.1 for IPv6.
  /// `length`: bytes of the upper-layer header and data. Before anything else, or after an even count of
  /// bytes.
  void add_pseudo_header(const IpAddress& source, const IpAddress& target, std::uint8_t protocol,
                         std::uint32_t length);
  /// The checksum to write, in host byte order. Over a message that contains a right checksum: 0.
  [[nodiscard]] std::uint16_t value() const;
  [[nodiscard]] bool is_valid() const { return value() == 0; }

 private:
  std::uint64_t sum_ = 0;
  bool odd_ = false;  ///< An odd count of bytes has been added.
};

/// The checksum of one contiguous message without a pseudo-header (IPv4 header, ICMP).
[[nodiscard]] inline std::uint16_t checksum(std::span<const std::uint8_t> bytes) {
  Checksum sum;
  sum.add(bytes);
  return sum.value();
}

}  // namespace byway::net
