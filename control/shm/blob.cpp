#include "control/shm/blob.h"

#include "control/shm/hash_table.h"

namespace byway::shm {

bool Cidr::contains(const IpAddress& candidate) const {
  constexpr std::uint32_t mapped_bits = 96;  // of the block that holds all mapped addresses, and nothing else
  if (prefix_bits < mapped_bits && candidate.is_ipv4()) return false;
  const std::uint32_t whole_bytes = prefix_bits / 8;
  for (std::uint32_t i = 0; i < whole_bytes; ++i) {
    if (candidate.bytes[i] != address.bytes[i]) return false;
  }
  const std::uint32_t rest = prefix_bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff00U >> rest);
  return (candidate.bytes[whole_bytes] & mask) == (address.bytes[whole_bytes] & mask);
}

Cidr Cidr::masked() const {
  Cidr result = *this;
  for (std::uint32_t bit = prefix_bits; bit < 128; ++bit) {
    result.address.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> (bit % 8)));
  }
  return result;
}

std::uint64_t stable_id(std::string_view full_name) {
  return XXH3_64bits(full_name.data(), full_name.size());
}

std::uint64_t checksum_of(std::span<const std::byte> blob) {
  const auto covered = blob.subspan(checksum_first_offset);
  return XXH3_64bits(covered.data(), covered.size());
}

}  // namespace byway::shm
