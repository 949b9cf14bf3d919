// The hash by which network cards spread packets over queues (RSS, "Verifying the RSS Hash Calculation" of
// Microsoft's NDIS documentation): for each bit of the input that is 1, 32 bits of the key from that bit's
// place on, all xored. Here with a table for each octet of the input, which holds what its 256 values add.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/net/address.h"
#include "dataplane/net/cursor.h"

namespace byway {

/// Both addresses of IPv6 and both TCP ports; IPv4 takes the first 12.
inline constexpr std::size_t toeplitz_input_bytes_max = 36;
/// A key covers the input and the 32 bits behind it. Devices want 40 octets, or 52, of which the rest counts
/// for longer inputs.
inline constexpr std::size_t toeplitz_key_bytes = toeplitz_input_bytes_max + 4;

/// 32 bits of the key from its bit `at` (below 288) on: what a 1 at that place of the input adds.
[[nodiscard]] std::uint32_t toeplitz_window(std::span<const std::uint8_t, toeplitz_key_bytes> key,
                                            std::size_t at);

class Toeplitz {
 public:
  explicit Toeplitz(std::span<const std::uint8_t, toeplitz_key_bytes> key);

  /// Of a packet that comes in: its source is the remote end. Both addresses are of one version.
  [[nodiscard]] std::uint32_t hash(const net::IpAddress& remote, std::uint16_t remote_port,
                                   const net::IpAddress& local, std::uint16_t local_port) const {
    const std::size_t skipped = remote.is_v4() ? v4_at : 0;
    std::size_t place = 0;
    std::uint32_t sum = 0;
    for (std::size_t i = skipped; i < remote.bytes.size(); ++i) sum ^= tables_[place++][remote.bytes[i]];
    for (std::size_t i = skipped; i < local.bytes.size(); ++i) sum ^= tables_[place++][local.bytes[i]];
    for (const std::uint16_t port : {remote_port, local_port}) {
      sum ^= tables_[place++][port >> 8];
      sum ^= tables_[place++][port & 0xff];
    }
    return sum;
  }

 private:
  static constexpr std::size_t v4_at = 12;  ///< of an address that is mapped
  /// 36 KiB; IPv4 reads in the first 12.
  std::array<std::array<std::uint32_t, 256>, toeplitz_input_bytes_max> tables_;
};

}  // namespace byway
