// What stands at a network's end of a link: a host with the real stack, or a peer that is made by hand.
#pragma once

#include "dataplane/clock.h"
#include "dataplane/net/address.h"
#include "tests/sim/wire.h"

namespace byway::sim {

class Network;

class Node {
 public:
  Node(Network& network, const net::IpAddress& address) : network_(network), address_(address) {}
  virtual ~Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  [[nodiscard]] const net::IpAddress& address() const { return address_; }
  /// A packet whose checksums are right; the view lives as long as the call.
  virtual void on_packet(const PacketView& packet, Instant now) = 0;
  /// An ICMP error: `packet` of ours was too large for a link.
  virtual void on_packet_too_big(const PacketView& packet, std::uint16_t mtu, Instant now) = 0;
  /// When run_round has something to do without a packet; Instant{} for at once.
  [[nodiscard]] virtual Instant next_due() const = 0;
  /// `had_action`: users may have called something since the last round.
  virtual void run_round(bool had_action, Instant now) = 0;

 protected:
  Network& network_;

 private:
  net::IpAddress address_;
};

}  // namespace byway::sim
