// Where a port's device puts the packets of a connection, when it spreads them over several queues in a way
// that we know: by the Toeplitz hash of addresses and TCP ports under a key that we chose, through a table
// that we filled. The worker that polls the queue then owns the connection.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/toeplitz.h"

struct rte_eth_dev_info;

namespace byway {

/// Entries of the largest table that is known of (RTE_ETH_RSS_RETA_SIZE_512).
inline constexpr std::size_t rss_table_max = 512;
/// Devices want keys of 40 octets, or 52.
inline constexpr std::size_t rss_key_bytes_max = 52;

class RssPlan {
 public:
  using Key = std::array<std::uint8_t, rss_key_bytes_max>;

  /// The queues stand in turn in a table of `table_size`, a power of two not below `queues` and at most
  /// rss_table_max (asserted).
  RssPlan(const Key& key, std::uint16_t queues, std::uint16_t table_size);

  /// The queue of an incoming segment.
  [[nodiscard]] std::uint16_t queue_of(const net::IpAddress& remote, std::uint16_t remote_port,
                                       const net::IpAddress& local, std::uint16_t local_port) const {
    // The lower bits choose the entry, as all devices have it.
    return table_[hash_.hash(remote, remote_port, local, local_port) & (table_.size() - 1)];
  }
  [[nodiscard]] const Key& key() const { return key_; }
  [[nodiscard]] const std::vector<std::uint16_t>& table() const { return table_; }

 private:
  Key key_;
  Toeplitz hash_;
  std::vector<std::uint16_t> table_;
};

/// Whether neighbouring local ports lead to all entries of a table, of whatever size devices have, each as
/// often as the others: then a connection that is opened finds a port for its worker within few tries, and no
/// worker's are rarer than another's. About one random key in a thousand is such a one.
[[nodiscard]] bool spreads_ports(const RssPlan::Key& key);

/// A plan for a device with so many queues; nullopt: it does not hash TCP over both versions of IP, takes no
/// key or table of ours, or its table is too small to reach all queues.
[[nodiscard]] std::optional<RssPlan> plan_rss(const rte_eth_dev_info& device, std::uint16_t queues,
                                              const RssPlan::Key& key);

/// Gives the plan's table to a started device, and looks whether it has its key. The error says what it did
/// not take; it spreads packets by a way of its own then. Main thread.
[[nodiscard]] std::expected<void, std::string> apply_rss(std::uint16_t port_id, const RssPlan& plan,
                                                         std::uint8_t key_bytes);

}  // namespace byway
