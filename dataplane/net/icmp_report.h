// What this host tells a sender of a packet that it cannot take (RFC 792, RFC 1122 3.2.2, RFC 4443): that
// nothing here speaks its protocol, or has its UDP port. Without it a resolver or a tunnel that is pointed at
// the wrong address waits for its time-out. TCP says so by resets; of malformed packets nobody is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/net/address.h"

namespace byway::net {

inline constexpr std::uint8_t udp_protocol = 17;

/// Reports of both versions a second, and at once: enough to tell a person at ping or dig what is wrong, too
/// few to be a lever (RFC 1812 4.3.2.8, RFC 4443 2.4 (f)).
inline constexpr std::uint32_t icmp_reports_per_second = 100;
inline constexpr std::uint32_t icmp_reports_burst = 10;

/// Most of a packet that a report brings back: 576 bytes with its headers (RFC 1812 4.3.2.3), and the minimum
/// MTU of IPv6 (RFC 4443 2.4 (c)).
inline constexpr std::size_t icmp_report_bytes_v4 = 576 - 20;
inline constexpr std::size_t icmp_report_bytes_v6 = 1280 - 40;

/// A packet to a unicast address of ours, with checked headers, of a protocol that nobody here speaks.
struct Unwanted {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 0;
  std::uint16_t protocol_at = 0;         ///< IPv6: the byte that names `protocol`
  std::span<const std::uint8_t> packet;  ///< from the IP header on, without padding
};

/// Size of the ICMP message about it, at most icmp_report_bytes_v4 or _v6.
[[nodiscard]] std::size_t icmp_report_size(const Unwanted& unwanted);
/// Writes the message, checksum included; `out` is as long as icmp_report_size() says.
void write_icmp_report(const Unwanted& unwanted, std::span<std::uint8_t> out);

}  // namespace byway::net
