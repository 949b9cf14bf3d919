// One 802.1Q tag (IEEE 802.1Q 9.6) in an Ethernet frame: found, taken out, put in. The layers above know
// frames without tags, on a link for each VLAN. A second tag is another type to them, as is one of a provider
// (0x88a8).
//
//   | destination | source | 8100 | priority, number | type | packet
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/net/cursor.h"
#include "dataplane/net/ethernet.h"

namespace byway::net {

/// Numbers that a VLAN may have: 0 says that a frame belongs to none, 4095 is reserved.
inline constexpr std::uint16_t vlan_min = 1;
inline constexpr std::uint16_t vlan_max = 4094;
inline constexpr std::uint16_t vlan_none = 0;

[[nodiscard]] constexpr std::uint16_t vlan_of_tag(std::uint16_t control) {
  return control & 0x0fff;
}

/// Whether `frame` has a tag, whole and with a type behind it.
[[nodiscard]] inline bool has_vlan_tag(std::span<const std::uint8_t> frame) {
  return frame.size() >= ethernet_header_bytes + vlan_tag_bytes &&
         load_be16(&frame[ethernet_header_bytes - 2]) == vlan_tag_type;
}
/// The VLAN of a frame that has_vlan_tag(), or vlan_none: its tag has only a priority.
[[nodiscard]] inline std::uint16_t vlan_of(std::span<const std::uint8_t> frame) {
  return vlan_of_tag(load_be16(&frame[ethernet_header_bytes]));
}
/// Takes the tag out of a frame that has_vlan_tag(): moves what stands before it behind, so that the frame
/// begins vlan_tag_bytes later.
inline void remove_vlan_tag(std::uint8_t* frame) {
  std::memmove(frame + vlan_tag_bytes, frame, ethernet_header_bytes - 2);
}
/// Writes `header` (Ethernet and what follows) with a tag, of priority 0, to `out`; returns its length.
[[nodiscard]] inline std::size_t write_tagged(std::span<const std::uint8_t> header, std::uint16_t vlan,
                                              std::span<std::uint8_t> out) {
  constexpr std::size_t addresses_bytes = ethernet_header_bytes - 2;
  std::memcpy(out.data(), header.data(), addresses_bytes);
  store_be16(&out[addresses_bytes], vlan_tag_type);
  store_be16(&out[addresses_bytes + 2], vlan);
  std::memcpy(&out[addresses_bytes + vlan_tag_bytes], &header[addresses_bytes],
              header.size() - addresses_bytes);
  return header.size() + vlan_tag_bytes;
}

}  // namespace byway::net
