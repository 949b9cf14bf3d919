// The addresses that are ours: those of the ports, from the node's configuration, and virtual ones, which
// come and go with the policy. Looked at for each packet: for its destination, which most often is the one
// that was found last, and for its source, which is hardly ever ours, as a filter says. They are sorted, so
// that hundreds cost a few comparisons where neither helps.
#pragma once

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/clock.h"
#include "dataplane/net/ipv6_address.h"
#include "dataplane/net/parse.h"
#include "dataplane/net/prefix.h"

namespace byway::net {

/// Most own addresses: 16 for each of 64 Gateways on a node. 48 KB.
inline constexpr std::size_t own_addresses_max = 1024;

/// How often a new address is announced, at which interval, and how often it is defended against another
/// station that claims it (RFC 5227 1.1: ANNOUNCE_NUM, ANNOUNCE_INTERVAL, DEFEND_INTERVAL; for IPv6 within
/// the bounds of RFC 4861 7.2.6).
inline constexpr std::uint8_t announce_count = 2;
inline constexpr Nanoseconds announce_interval = 2s;
inline constexpr Nanoseconds defend_interval = 10s;

/// Detection of duplicates of an IPv6 address: probes that are sent, and how long after each nobody must have
/// answered (RFC 4862 5.1: DupAddrDetectTransmits, RetransTimer).
inline constexpr std::uint8_t duplicate_probe_count = 1;
inline constexpr Nanoseconds duplicate_probe_wait = 1s;

enum class AddressState : std::uint8_t {
  usable,
  tentative,  ///< nobody may be using it yet: it is being found out whether another station does
  duplicate,  ///< another station has it; it stays unused
};

struct OwnAddress {
  IpAddress address;
  LinkIndex link = 0;
  AddressState state = AddressState::usable;
  std::uint8_t bits = 128;         ///< of its network, for addresses of a port
  bool is_virtual = false;         ///< of the policy, not of a port
  std::uint8_t probes = 0;         ///< still to be sent while it is tentative
  std::uint8_t announcements = 0;  ///< still to be sent when it is usable
  std::uint32_t position = 0;      ///< order in which it was added
  Instant next_step;               ///< when the next probe or announcement is due, or the last probe counts
  Instant defended_until;          ///< no second defence before
  Instant report_at = Instant::never();  ///< a query for listeners is to be answered

  [[nodiscard]] bool has_steps() const {
    return state == AddressState::tentative || (state == AddressState::usable && announcements > 0);
  }
  /// When something is to be done; never: nothing is.
  [[nodiscard]] Instant next_due() const { return has_steps() ? std::min(next_step, report_at) : report_at; }
};

enum class AddressError : std::uint8_t {
  none,
  duplicate,
  table_full,
  no_link,        ///< no port's prefix holds it
  mtu_too_small,  ///< an IPv6 address on a link that is too narrow for IPv6 (RFC 8200 5)
};

class OwnAddresses {
 public:
  OwnAddresses() {
    addresses_.reserve(own_addresses_max);
    found_last_ = addresses_.data();
  }
  OwnAddresses(const OwnAddresses&) = delete;
  OwnAddresses& operator=(const OwnAddresses&) = delete;

  [[nodiscard]] AddressError add(const OwnAddress& address);
  void remove(const IpAddress& address);
  [[nodiscard]] const OwnAddress* find(const IpAddress& address) const {
    return may_hold(address) ? search(address) : nullptr;
  }
  /// On `link`: a link-local address may be ours on several.
  [[nodiscard]] const OwnAddress* find(const IpAddress& address, LinkIndex link) const {
    const bool holds = found_last_ < addresses_.data() + addresses_.size();
    if (holds && found_last_->address == address && found_last_->link == link) return found_last_;
    return may_hold(address) ? search(address, link) : nullptr;
  }
  [[nodiscard]] OwnAddress* find(const IpAddress& address, LinkIndex link) {
    return const_cast<OwnAddress*>(static_cast<const OwnAddresses*>(this)->find(address, link));
  }
  /// All, sorted by address.
  [[nodiscard]] std::span<OwnAddress> all() { return addresses_; }
  [[nodiscard]] std::span<const OwnAddress> all() const { return addresses_; }

 private:
  /// A bit for each address, which others share: clear says that an address is not ours. 512 bytes, of which
  /// few are ever set.
  static constexpr unsigned filter_index_bits = 12;
  using Filter = std::bitset<1u << filter_index_bits>;

  static std::size_t filter_index(const IpAddress& address) {
    constexpr std::uint64_t golden = 0x9e37'79b9'7f4a'7c15;  // 2^64 over the golden ratio, odd
    return ((address.half(0) ^ address.half(1)) * golden) >> (64 - filter_index_bits);
  }
  [[nodiscard]] bool may_hold(const IpAddress& address) const { return filter_[filter_index(address)]; }
  [[nodiscard]] const OwnAddress* search(const IpAddress& address) const;
  [[nodiscard]] const OwnAddress* search(const IpAddress& address, LinkIndex link) const;

  std::vector<OwnAddress> addresses_;  ///< never grows beyond what was reserved
  Filter filter_;
  mutable const OwnAddress* found_last_;  ///< where to look first; whatever stands there is compared
  std::uint32_t added_ = 0;
};

}  // namespace byway::net
