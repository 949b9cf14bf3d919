// The addresses that are ours: those of the ports, from the node's configuration, and virtual ones, which
// come and go with the policy. Looked at for each packet; sorted, so that hundreds cost a few comparisons.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/clock.h"
#include "dataplane/net/parse.h"
#include "dataplane/net/prefix.h"

namespace byway::net {

/// Most own addresses: 16 for each of 64 Gateways on a node. 48 KB.
inline constexpr std::size_t own_addresses_max = 1024;

/// How often a new address is announced, at which interval, and how often it is defended against another
/// station that claims it (RFC 5227 1.1: ANNOUNCE_NUM, ANNOUNCE_INTERVAL, DEFEND_INTERVAL).
inline constexpr std::uint8_t announce_count = 2;
inline constexpr Nanoseconds announce_interval = 2s;
inline constexpr Nanoseconds defend_interval = 10s;

struct OwnAddress {
  IpAddress address;
  LinkIndex link = 0;
  std::uint8_t bits = 128;         ///< of its network, for addresses of a port; 128: a virtual address
  std::uint8_t announcements = 0;  ///< still to be sent
  std::uint32_t position = 0;      ///< order in which it was added
  Instant next_announcement;
  Instant defended_until;  ///< no second defence before
};

enum class AddressError : std::uint8_t {
  none,
  duplicate,
  table_full,
  no_link,  ///< no port's prefix holds it
};

class OwnAddresses {
 public:
  OwnAddresses() { addresses_.reserve(own_addresses_max); }

  [[nodiscard]] AddressError add(const OwnAddress& address);
  void remove(const IpAddress& address);
  [[nodiscard]] const OwnAddress* find(const IpAddress& address) const;
  [[nodiscard]] OwnAddress* find(const IpAddress& address);
  /// All, sorted by address.
  [[nodiscard]] std::span<OwnAddress> all() { return addresses_; }
  [[nodiscard]] std::span<const OwnAddress> all() const { return addresses_; }

 private:
  std::vector<OwnAddress> addresses_;  ///< never grows beyond what was reserved
  std::uint32_t added_ = 0;
};

}  // namespace byway::net
