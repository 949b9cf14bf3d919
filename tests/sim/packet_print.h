// Packets as lines, in the manner of tcpdump: sequence numbers count from the first one seen of each flow.
#pragma once

#include <map>
#include <string>

#include "tests/sim/wire.h"

namespace byway::sim {

class PacketPrinter {
 public:
  /// "10.0.0.1:80 > 10.0.0.2:40000 [P.] seq 1:1449 ack 1 win 502 len 1448 <ts 1 2, sack {5:9}>"; of a packet
  /// that is damaged, what can be said.
  [[nodiscard]] std::string line(const Packet& packet);

 private:
  using Direction = std::pair<net::SocketAddress, net::SocketAddress>;
  [[nodiscard]] std::uint32_t base(const Direction& direction, tcp::Seq first, bool is_syn);

  std::map<Direction, std::uint32_t> bases_;  ///< The sequence number of the SYN, or the first seen.
};

[[nodiscard]] std::string text_of(const net::IpAddress& address);

}  // namespace byway::sim
