// How long packets to a destination may be, where that is less than the link says: what ICMP errors told
// (RFC 1191, RFC 8201), remembered for all connections to it.
//
// Nothing in such an error is authenticated, so the transport checks first that it is about a packet which is
// out (RFC 5927 7.2): on_too_big() is for errors that have passed. What it learns only ever makes packets
// smaller, never beyond a floor, and is forgotten after path_mtu_life; then the link's MTU is tried again.
//
// IPv4 below the floor of 552: what we send must not be fragmented (ipv4.h), so that over a path with a
// smaller MTU, of which none is known, large packets would not arrive. In exchange nobody can make us send 28
// bytes in a packet of 68.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "dataplane/clock.h"
#include "dataplane/net/address.h"
#include "dataplane/net/counters.h"

namespace byway::net {

/// The least that is believed. IPv4: 512 bytes of payload, which everybody must take (RFC 791 3.1: 576 with
/// headers), behind two plain headers; Linux's bound as well. IPv6: no link has less (RFC 8200 5), and who
/// says so is not to be believed (RFC 8201 4).
inline constexpr std::uint16_t path_mtu_min_v4 = 552;
inline constexpr std::uint16_t path_mtu_min_v6 = 1280;

/// RFC 1191 6.3 and RFC 8201 5.3: after ten minutes a larger one may be tried.
inline constexpr Nanoseconds path_mtu_life = std::chrono::minutes(10);

/// Destinations of one worker that are remembered, 32 bytes each: those behind tunnels, few of all. In sets
/// of path_mtu_ways, chosen by a keyed hash: a full set forgets what it learned first.
inline constexpr std::uint32_t path_mtus_max = 4096;
inline constexpr std::uint32_t path_mtu_ways = 4;

/// Owner: a host. Thread: its worker.
class PathMtus {
 public:
  /// `key` is random, so that nobody can choose addresses that push each other out.
  PathMtus(Counters counters, std::uint64_t key);

  /// The longest packet for `destination`: `link_mtu`, or less.
  [[nodiscard]] std::uint16_t find(const IpAddress& destination, std::uint16_t link_mtu, Instant now) const;
  /// A packet of `packet_bytes` to `destination` was too big for a router, whose next link takes `mtu`; 0: it
  /// did not say (before RFC 1191). Returns what find() says from now on; nullopt: nothing was learned
  /// (counted).
  std::optional<std::uint16_t> on_too_big(const IpAddress& destination, std::uint32_t mtu,
                                          std::uint32_t packet_bytes, std::uint16_t link_mtu, Instant now);

 private:
  struct Entry {
    IpAddress destination;
    Instant until{};  ///< In the past: not in use.
    std::uint16_t mtu = 0;
  };
  static_assert(sizeof(Entry) == 32);
  using Set = std::array<Entry, path_mtu_ways>;

  [[nodiscard]] Set& set_of(const IpAddress& destination) const;

  Counters counters_;
  std::uint64_t key_;
  std::unique_ptr<Set[]> sets_;
};

}  // namespace byway::net
