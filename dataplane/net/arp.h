// ARP for IPv4 over Ethernet (RFC 826) as a value: parse and write. Who answers and who remembers is in host
// and neighbors.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/net/address.h"
#include "dataplane/net/counters.h"

namespace byway::net {

inline constexpr std::size_t arp_packet_bytes = 28;

enum class ArpOperation : std::uint16_t { request = 1, reply = 2 };

struct ArpPacket {
  ArpOperation operation = ArpOperation::request;
  MacAddress sender_mac;
  Ipv4Address sender_ip;  ///< 0: a probe (RFC 5227 2.1.1)
  MacAddress target_mac;
  Ipv4Address target_ip;

  /// Reads the packet behind an Ethernet header. arp_malformed: wrong types, sizes or operation, or a sender
  /// that is a group. Bytes behind the packet are padding.
  [[nodiscard]] static DropReason parse(std::span<const std::uint8_t> bytes, ArpPacket& out);
  void write(std::span<std::uint8_t, arp_packet_bytes> out) const;
};

}  // namespace byway::net
