// ICMP for IPv4 (RFC 792, RFC 1122 3.2.2): echo, and errors about packets that we sent. What an error means
// is the same for ICMPv6 (icmpv6.h), whose codes are named there.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/clock.h"
#include "dataplane/net/address.h"
#include "dataplane/net/counters.h"

namespace byway::net {

inline constexpr std::size_t icmp_header_bytes = 8;

/// What an ICMP error means to a transport (RFC 1122 4.2.3.9: which of them may end a connection attempt).
enum class ErrorKind : std::uint8_t {
  net_unreachable,       ///< soft: codes 0, 5-8, 11-12, and time exceeded (RFC 1122 3.2.2.4)
  host_unreachable,      ///< soft: code 1
  protocol_unreachable,  ///< hard: code 2
  port_unreachable,      ///< hard: code 3
  packet_too_big,        ///< code 4, RFC 1191, RFC 8201: `mtu` is the next hop's, 0 if it did not say
  prohibited,            ///< soft: codes 9, 10, 13-15
};

/// An error about one of our packets. Nothing in it is authenticated: the transport checks that the packet is
/// one that it sent (source and destination are ours-to-theirs; `transport` holds the ports and sequence).
struct IcmpError {
  ErrorKind kind = ErrorKind::net_unreachable;
  std::uint16_t mtu = 0;
  IpAddress source;  ///< of the packet that the error is about: an address of ours
  IpAddress destination;
  std::uint8_t protocol = 0;
  std::array<std::uint8_t, 8> transport{};  ///< first bytes of its transport header
};

enum class IcmpKind : std::uint8_t { echo_request, error };

/// What an ICMP message for us is. none: `kind` is set, and for an error `error` as well.
[[nodiscard]] DropReason parse_icmp(std::span<const std::uint8_t> message, IcmpKind& kind, IcmpError& error);

/// Fills what `error` says of the packet that it is about from the first bytes of that packet. False: they
/// are too few, or it is a fragment without a transport header.
[[nodiscard]] bool quote(std::span<const std::uint8_t> packet, IcmpError& error);

/// Turns an echo request (checked by parse_icmp) into its answer in place: type and checksum change, the data
/// stays (RFC 792, RFC 1122 3.2.2.6).
void make_echo_reply(std::span<std::uint8_t> message);

/// Token bucket on virtual time: bounds what a flood of requests can make us do.
class RateLimit {
 public:
  constexpr RateLimit(std::uint32_t per_second, std::uint32_t burst)
      : interval_(Nanoseconds(1s) / per_second), full_(interval_ * burst), credit_(full_) {}

  [[nodiscard]] bool allow(Instant now) {
    if (now > last_) {
      const Nanoseconds gained = now - last_;
      credit_ = gained > full_ - credit_ ? full_ : credit_ + gained;
      last_ = now;
    }
    if (credit_ < interval_) return false;
    credit_ -= interval_;
    return true;
  }

 private:
  Nanoseconds interval_;
  Nanoseconds full_;
  Nanoseconds credit_;
  Instant last_{};
};

}  // namespace byway::net
