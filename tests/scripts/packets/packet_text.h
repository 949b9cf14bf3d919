// Packets as a script writes them (tests/scripts/tcp/README.md): numbers relative to where each side began.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/scripts/packets/packet.h"

namespace byway::scripts {

/// What a line says of a packet; what it does not say is not looked at, or has its usual value.
struct PacketText {
  std::uint16_t peer_port = 0;
  std::uint8_t ecn = 0;
  std::uint8_t flags = 0;
  std::int64_t seq = 0;
  std::int64_t end = 0;  ///< Behind the payload: seq if there is none.
  std::optional<std::int64_t> ack;
  std::optional<std::uint16_t> window;
  std::vector<Option> options;
  bool any_timestamp = false;  ///< "TS *": its value is not looked at.
  bool any_push = false;       ///< "p" among the flags: PSH is not looked at.
};

/// Whose packets: the peer's, or those of the side under test.
enum class Sender : std::uint8_t { peer, own };

/// One connection as the scripts count it: where both sides began, and the clock behind the timestamps.
struct Flow {
  std::uint16_t peer_port = 0;
  std::uint16_t own_port = 0;
  std::uint32_t peer_start = 0;
  std::uint32_t own_start = 0;
  bool is_known = false;  ///< own_start is.
  std::uint32_t clock_start = 0;
  bool has_clock = false;

  [[nodiscard]] std::uint32_t start_of(Sender sender) const {
    return sender == Sender::peer ? peer_start : own_start;
  }
};

/// Octet `offset` of the stream that `sender` sends: every payload is checked against it.
[[nodiscard]] std::uint8_t octet_of(Sender sender, std::uint64_t offset);

/// Reads "[@PORT] [ECN] FLAGS SEQ[:END[/SIZE]] [ack N] [win N] [<OPTIONS>]": one packet, or with /SIZE all
/// that the octets make, whose last has the flags and the others only "." of them. An empty list: `wrong`
/// says why.
[[nodiscard]] std::vector<PacketText> read_packets(std::string_view text, std::uint16_t usual_port,
                                                   std::uint16_t own_mss, std::string& wrong);

/// The packet that the peer sends.
[[nodiscard]] Packet make(const PacketText& text, const Flow& flow);
/// What differs between `text` and a packet of the side under test; nothing if it is as it should be.
[[nodiscard]] std::string difference(const PacketText& text, const Packet& packet, const Flow& flow);
[[nodiscard]] std::string write(const Packet& packet, const Flow& flow, Sender sender);

}  // namespace byway::scripts
