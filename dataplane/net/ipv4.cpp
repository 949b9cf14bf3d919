#include "dataplane/net/ipv4.h"

#include <cstring>

#include "dataplane/net/checksum.h"
#include "dataplane/net/cursor.h"

namespace byway::net {

namespace {

constexpr std::uint16_t flag_dont_fragment = 0x4000;
constexpr std::uint16_t flag_more_fragments = 0x2000;
constexpr std::uint16_t fragment_offset_mask = 0x1fff;
constexpr std::uint32_t fragment_unit = 8;  // RFC 791 3.1

constexpr std::uint8_t option_end = 0;
constexpr std::uint8_t option_no_operation = 1;
constexpr std::uint8_t option_loose_source_route = 131;
constexpr std::uint8_t option_strict_source_route = 137;

/// The sum of a header without options.
std::uint64_t sum_of_plain_header(const std::uint8_t* header) {
  std::uint64_t words[2];
  std::uint32_t last;
  static_assert(sizeof words + sizeof last == ipv4_header_bytes);
  std::memcpy(words, header, sizeof words);
  std::memcpy(&last, header + sizeof words, sizeof last);
  return add_with_carry(add_with_carry(words[0], words[1]), last);
}

bool checksum_is_right(std::span<const std::uint8_t> header) {
  const std::uint64_t sum =
      header.size() == ipv4_header_bytes ? sum_of_plain_header(header.data()) : sum_of(header);
  return checksum_of_sum(sum) == 0;
}

/// Options are walked, not obeyed: at most 40 bytes, each step moves on. Source routes are refused, since an
/// answer along the reversed route would let the sender choose our next hop (RFC 7126 4.3, 4.4).
bool options_are_acceptable(std::span<const std::uint8_t> options) {
  while (!options.empty()) {
    const std::uint8_t kind = options[0];
    if (kind == option_end) return true;
    if (kind == option_no_operation) {
      options = options.subspan(1);
      continue;
    }
    if (kind == option_loose_source_route || kind == option_strict_source_route) return false;
    if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) return false;
    options = options.subspan(options[1]);
  }
  return true;
}

}  // namespace

DropReason parse_ipv4(std::span<const std::uint8_t> packet, bool checksum_verified, Ipv4View& out) {
  if (packet.size() < ipv4_header_bytes) return DropReason::ip_truncated;
  const std::uint8_t* at = packet.data();
  if (at[0] >> 4 != 4) return DropReason::ip_version;
  const std::size_t header_bytes = std::size_t{at[0] & 15u} * 4;
  const std::size_t total_bytes = load_be16(at + 2);
  if (header_bytes < ipv4_header_bytes || header_bytes > total_bytes) return DropReason::ip_header_length;
  if (total_bytes > packet.size()) return DropReason::ip_truncated;
  if (!checksum_verified && !checksum_is_right(packet.first(header_bytes))) return DropReason::ip_checksum;
  if (header_bytes > ipv4_header_bytes &&
      !options_are_acceptable(packet.subspan(ipv4_header_bytes, header_bytes - ipv4_header_bytes))) {
    return DropReason::ip_options;
  }
  const std::uint16_t fragment = load_be16(at + 6);
  out.traffic_class = at[1];
  out.ttl = at[8];
  out.protocol = at[9];
  out.source.value = load_be32(at + 12);
  out.destination.value = load_be32(at + 16);
  out.header_bytes = static_cast<std::uint16_t>(header_bytes);
  out.total_bytes = static_cast<std::uint16_t>(total_bytes);
  if ((fragment & (flag_more_fragments | fragment_offset_mask)) == 0) return DropReason::none;
  out.identification = load_be16(at + 4);
  out.fragment_offset = static_cast<std::uint16_t>((fragment & fragment_offset_mask) * fragment_unit);
  out.more_fragments = (fragment & flag_more_fragments) != 0;
  return DropReason::ip_fragment;
}

void Ipv4Header::write(std::uint8_t* out, bool with_checksum) const {
  constexpr std::uint64_t version_and_length = 0x45;
  const auto total_bytes = static_cast<std::uint16_t>(ipv4_header_bytes + payload_bytes);
  const std::uint64_t first = version_and_length << 56 | std::uint64_t{traffic_class} << 48 |
                              std::uint64_t{total_bytes} << 32 | flag_dont_fragment;
  std::uint64_t second =
      std::uint64_t{ipv4_ttl} << 56 | std::uint64_t{static_cast<std::uint8_t>(protocol)} << 48 | source.value;
  if (with_checksum) {
    // Added as numbers, before they are turned; no carry, since they begin with 0x45 and 0x40.
    const std::uint64_t sum = first + second + destination.value;
    second |= std::uint64_t{static_cast<std::uint16_t>(~fold_sum(sum))} << 32;
  }
  store_be64(out, first);
  store_be64(out + 8, second);
  store_be32(out + 16, destination.value);
}

}  // namespace byway::net
