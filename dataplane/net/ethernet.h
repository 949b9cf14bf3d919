// Ethernet II (IEEE 802.3): the 14 bytes before each packet. Tagged frames are another type to this layer
// (vlan.h).
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/net/address.h"
#include "dataplane/net/cursor.h"

namespace byway::net {

inline constexpr std::size_t ethernet_header_bytes = 14;
/// An IEEE 802.1Q tag between the addresses and the type: this type, then priority and number of the VLAN.
inline constexpr std::uint16_t vlan_tag_type = 0x8100;
inline constexpr std::size_t vlan_tag_bytes = 4;

enum class EtherType : std::uint16_t { ipv4 = 0x0800, arp = 0x0806, ipv6 = 0x86dd };

struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  std::uint16_t type = 0;  ///< an EtherType, or something unknown

  /// `frame` has at least ethernet_header_bytes.
  void read(const std::uint8_t* frame) {
    std::memcpy(destination.bytes.data(), frame, 6);
    std::memcpy(source.bytes.data(), frame + 6, 6);
    type = load_be16(frame + 12);
  }
  static EthernetHeader parse(const std::uint8_t* frame) {
    EthernetHeader header;
    header.read(frame);
    return header;
  }
  void write(std::uint8_t* frame) const { write(frame, destination, source, type); }
  static void write(std::uint8_t* frame, const MacAddress& to, const MacAddress& from, std::uint16_t type) {
    std::memcpy(frame, to.bytes.data(), 6);
    std::memcpy(frame + 6, from.bytes.data(), 6);
    store_be16(frame + 12, type);
  }
};

}  // namespace byway::net
