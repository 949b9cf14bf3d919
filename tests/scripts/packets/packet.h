// Packets of the scripts as bytes and as fields. Written apart from the stack's own reader and writer, so
// that a mistake there does not cancel out here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace byway::scripts {

inline constexpr std::uint8_t flag_ack = 0x10;
inline constexpr std::uint8_t flag_psh = 0x08;
inline constexpr std::uint8_t flag_syn = 0x02;
inline constexpr std::uint8_t flag_fin = 0x01;

enum class OptionKind : std::uint8_t {
  end,
  no_operation,
  mss,
  window_scale,
  sack_permitted,
  sack,
  timestamps,
  raw
};

/// One TCP option. `numbers`: the MSS, the shift, value and echo, or first and end of each block.
struct Option {
  OptionKind kind = OptionKind::no_operation;
  std::vector<std::uint32_t> numbers;
  std::vector<std::uint8_t> bytes;  ///< Of a raw one, kind and length included.
  friend bool operator==(const Option&, const Option&) = default;
};

struct Packet {
  std::uint16_t source_port = 0;
  std::uint16_t target_port = 0;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint16_t window = 0;
  std::uint8_t flags = 0;
  std::uint8_t ecn = 0;
  std::vector<Option> options;
  std::vector<std::uint8_t> payload;
};

/// What a router says of a packet of the side under test (RFC 792, RFC 4443).
enum class RouterError : std::uint8_t { too_big, net_unreachable, host_unreachable, port_unreachable };

/// The addresses that all scripts use.
enum class Family : std::uint8_t { v4, v6 };

/// A packet from the peer to the side under test, from its IP header on.
[[nodiscard]] std::vector<std::uint8_t> bytes_of(const Packet& packet, Family family);
/// An ICMP error about a segment of the side under test, whose ports and number are those of `segment` (which
/// is as our side sends it); of it 8 octets are quoted. `mtu`: of too_big.
[[nodiscard]] std::vector<std::uint8_t> error_bytes_of(RouterError error, std::uint16_t mtu,
                                                       const Packet& segment, Family family);
/// Reads one in the other direction. Nothing, and `wrong` says why: not what the scripts' addresses, a right
/// header and right checksums are.
[[nodiscard]] std::optional<Packet> packet_of(std::span<const std::uint8_t> bytes, Family family,
                                              std::string& wrong);

}  // namespace byway::scripts
