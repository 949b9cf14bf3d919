#include "dataplane/net/arp.h"

#include "dataplane/net/cursor.h"

namespace byway::net {

namespace {
constexpr std::uint16_t hardware_ethernet = 1;
constexpr std::uint16_t protocol_ipv4 = 0x0800;
constexpr std::uint8_t mac_bytes = 6;
constexpr std::uint8_t ipv4_bytes = 4;
}  // namespace

DropReason ArpPacket::parse(std::span<const std::uint8_t> bytes, ArpPacket& out) {
  Reader reader(bytes);
  const bool types_fit = reader.be16() == hardware_ethernet && reader.be16() == protocol_ipv4;
  const bool sizes_fit = reader.u8() == mac_bytes && reader.u8() == ipv4_bytes;
  const std::uint16_t operation = reader.be16();
  reader.copy(out.sender_mac.bytes);
  out.sender_ip.value = reader.be32();
  reader.copy(out.target_mac.bytes);
  out.target_ip.value = reader.be32();
  if (reader.failed() || !types_fit || !sizes_fit) return DropReason::arp_malformed;
  if (operation != static_cast<std::uint16_t>(ArpOperation::request) &&
      operation != static_cast<std::uint16_t>(ArpOperation::reply)) {
    return DropReason::arp_malformed;
  }
  out.operation = static_cast<ArpOperation>(operation);
  if (out.sender_mac.is_multicast() || out.sender_mac == MacAddress{}) return DropReason::arp_malformed;
  return DropReason::none;
}

void ArpPacket::write(std::span<std::uint8_t, arp_packet_bytes> out) const {
  std::uint8_t* at = out.data();
  store_be16(at, hardware_ethernet);
  store_be16(at + 2, protocol_ipv4);
  at[4] = mac_bytes;
  at[5] = ipv4_bytes;
  store_be16(at + 6, static_cast<std::uint16_t>(operation));
  std::memcpy(at + 8, sender_mac.bytes.data(), mac_bytes);
  store_be32(at + 14, sender_ip.value);
  std::memcpy(at + 18, target_mac.bytes.data(), mac_bytes);
  store_be32(at + 24, target_ip.value);
}

}  // namespace byway::net
