// Which worker a frame belongs to. Devices spread packets over their queues by hashes of their own, or have
// one queue only; so the worker that receives a frame computes the owner in software and hands it over if
// that is another one. The hash is symmetric, so both directions of a connection have one owner, and keyed,
// so that clients cannot aim at a worker.
//
// A connection that a worker opens gets a local TCP port whose hash returns to it (is_home).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/net/address.h"
#include "dataplane/net/ethernet.h"
#include "dataplane/tcp/flow_key.h"

namespace byway {

class Steering {
 public:
  Steering(std::uint64_t key, std::uint32_t worker_count) : key_(key), worker_count_(worker_count) {}

  [[nodiscard]] std::uint32_t owner_of(const tcp::FlowKey& flow) const {
    return owner(flow.local, flow.local_port, flow.remote, flow.remote_port);
  }
  /// The owner of an Ethernet frame that carries TCP, or an ICMP error about TCP. nullopt: it belongs to
  /// whoever received it. Reads no further than the frame; checks nothing else. Pieces of a packet, of which
  /// only one has TCP ports, go to one worker by addresses and identification, which puts them together and
  /// asks again.
  [[nodiscard]] std::optional<std::uint32_t> owner_of(std::span<const std::uint8_t> frame) const;
  [[nodiscard]] std::uint32_t worker_count() const { return worker_count_; }

 private:
  [[nodiscard]] std::uint32_t owner(const net::IpAddress& ip_a, std::uint16_t port_a,
                                    const net::IpAddress& ip_b, std::uint16_t port_b) const;
  [[nodiscard]] std::optional<std::uint32_t> owner_of_piece(net::EtherType family,
                                                            std::span<const std::uint8_t> packet) const;
  [[nodiscard]] std::uint64_t hash_of_end(const net::IpAddress& ip, std::uint16_t port) const;

  std::uint64_t key_;
  std::uint32_t worker_count_;
};

/// ARP frames, and neighbour solicitations and advertisements, concern the neighbour tables of all workers,
/// though only one answers them; a query for listeners concerns the one that speaks for our addresses.
[[nodiscard]] bool is_about_neighbors(std::span<const std::uint8_t> frame);

}  // namespace byway
