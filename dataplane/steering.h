// Which worker a frame belongs to, in one of two ways, by port:
//
// - Most devices spread packets over their queues by hashes of their own, or have one queue only. The worker
//   that receives a frame computes the owner in software and hands it over if that is another one. The hash
//   is symmetric, so both directions of a connection have one owner, and keyed, so that clients cannot aim at
//   a worker.
// - Where the device's own hash is known (rss.h), who polls the queue that it chose is the owner. What the
//   device cannot place so (fragments, ICMP errors) is placed in software, by the device's hash.
//
// A connection that a worker opens gets a local TCP port whose hash returns to it (is_home).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/net/address.h"
#include "dataplane/net/ethernet.h"
#include "dataplane/net/parse.h"
#include "dataplane/rss.h"
#include "dataplane/tcp/flow_key.h"

namespace byway {

class Steering {
 public:
  Steering(std::uint64_t key, std::uint32_t worker_count) : key_(key), worker_count_(worker_count) {}

  /// The links in their order, before the workers run: what is known of each one's device (lives as long as
  /// this), or nullptr. Links that were not named are spread in software.
  void add_link(const RssPlan* rss) { rss_.push_back(rss); }

  [[nodiscard]] std::uint32_t owner_of(const tcp::FlowKey& flow, net::LinkIndex link) const {
    return owner(link, flow.remote, flow.remote_port, flow.local, flow.local_port);
  }
  /// The owner of an Ethernet frame that carries TCP, or an ICMP error about TCP. nullopt: it belongs to
  /// whoever received it. Reads no further than the frame; checks nothing else. Pieces of a packet, of which
  /// only one has TCP ports, go to one worker by addresses and identification, which puts them together and
  /// asks again.
  [[nodiscard]] std::optional<std::uint32_t> owner_of(std::span<const std::uint8_t> frame,
                                                      net::LinkIndex link) const {
    return find_owner(frame, link, false);
  }
  /// Likewise of a frame as the device has placed it: nullopt for TCP where its hash is known.
  [[nodiscard]] std::optional<std::uint32_t> owner_of_received(std::span<const std::uint8_t> frame,
                                                               net::LinkIndex link) const {
    return find_owner(frame, link, rss_of(link) != nullptr);
  }
  [[nodiscard]] std::uint32_t worker_count() const { return worker_count_; }

 private:
  [[nodiscard]] const RssPlan* rss_of(net::LinkIndex link) const {
    return link < rss_.size() ? rss_[link] : nullptr;
  }
  [[nodiscard]] std::uint32_t owner(net::LinkIndex link, const net::IpAddress& remote,
                                    std::uint16_t remote_port, const net::IpAddress& local,
                                    std::uint16_t local_port) const;
  [[nodiscard]] std::uint32_t spread(const net::IpAddress& ip_a, std::uint16_t port_a,
                                     const net::IpAddress& ip_b, std::uint16_t port_b) const;
  [[nodiscard]] std::optional<std::uint32_t> find_owner(std::span<const std::uint8_t> frame,
                                                        net::LinkIndex link, bool is_placed) const;
  [[nodiscard]] std::optional<std::uint32_t> owner_of_piece(net::EtherType family,
                                                            std::span<const std::uint8_t> packet) const;
  [[nodiscard]] std::uint64_t hash_of_end(const net::IpAddress& ip, std::uint16_t port) const;

  std::uint64_t key_;
  std::uint32_t worker_count_;
  std::vector<const RssPlan*> rss_;  ///< by link
};

/// ARP frames, and neighbour solicitations and advertisements, concern the neighbour tables of all workers,
/// though only one answers them; a query for listeners concerns the one that speaks for our addresses.
[[nodiscard]] bool is_about_neighbors(std::span<const std::uint8_t> frame);

}  // namespace byway
