#include "dataplane/rss.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <bit>

#include "dataplane/assert.h"

namespace byway {

namespace {

constexpr std::uint64_t needed = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP;

/// Whether what the lowest `count` bits of the local port add to the lowest `count` bits of the hash is a
/// base of them. The port ends an input of `input_bytes`.
bool is_base(std::span<const std::uint8_t, toeplitz_key_bytes> key, std::size_t input_bytes, unsigned count) {
  std::array<std::uint32_t, 32> base{};  // by the highest bit
  for (unsigned bit = 0; bit < count; ++bit) {
    const std::uint32_t mask = (1u << count) - 1;
    std::uint32_t rest = toeplitz_window(key, input_bytes * 8 - 1 - bit) & mask;
    while (rest != 0 && base[std::bit_width(rest) - 1] != 0) rest ^= base[std::bit_width(rest) - 1];
    if (rest == 0) return false;
    base[std::bit_width(rest) - 1] = rest;
  }
  return true;
}

}  // namespace

bool spreads_ports(const RssPlan::Key& key) {
  constexpr unsigned bits_min = 6;  // of a table of 64 entries
  constexpr unsigned bits_max = std::bit_width(rss_table_max) - 1;
  constexpr std::size_t input_bytes_v4 = 12;
  for (unsigned bits = bits_min; bits <= bits_max; ++bits) {
    for (const std::size_t input_bytes : {input_bytes_v4, toeplitz_input_bytes_max}) {
      if (!is_base(std::span(key).first<toeplitz_key_bytes>(), input_bytes, bits)) return false;
    }
  }
  return true;
}

RssPlan::RssPlan(const Key& key, std::uint16_t queues, std::uint16_t table_size)
    : key_(key), hash_(std::span(key).first<toeplitz_key_bytes>()), table_(table_size) {
  BYWAY_ASSERT(std::has_single_bit(table_size) && table_size <= rss_table_max && queues > 0 &&
               queues <= table_size);
  for (std::uint16_t i = 0; i < table_size; ++i) table_[i] = static_cast<std::uint16_t>(i % queues);
}

std::optional<RssPlan> plan_rss(const rte_eth_dev_info& device, std::uint16_t queues,
                                const RssPlan::Key& key) {
  const bool takes_key =
      device.hash_key_size == toeplitz_key_bytes || device.hash_key_size == rss_key_bytes_max;
  const bool takes_table = std::has_single_bit(device.reta_size) && device.reta_size <= rss_table_max;
  if ((device.flow_type_rss_offloads & needed) != needed || !takes_key || !takes_table) return std::nullopt;
  if (queues < 2 || queues > device.reta_size) return std::nullopt;
  return RssPlan(key, queues, device.reta_size);
}

std::expected<void, std::string> apply_rss(std::uint16_t port_id, const RssPlan& plan,
                                           std::uint8_t key_bytes) {
  std::array<rte_eth_rss_reta_entry64, rss_table_max / RTE_ETH_RETA_GROUP_SIZE> groups{};
  const std::vector<std::uint16_t>& table = plan.table();
  for (std::size_t i = 0; i < table.size(); ++i) {
    rte_eth_rss_reta_entry64& group = groups[i / RTE_ETH_RETA_GROUP_SIZE];
    group.mask |= std::uint64_t{1} << (i % RTE_ETH_RETA_GROUP_SIZE);
    group.reta[i % RTE_ETH_RETA_GROUP_SIZE] = table[i];
  }
  const auto size = static_cast<std::uint16_t>(table.size());
  if (const int error = rte_eth_dev_rss_reta_update(port_id, groups.data(), size); error != 0) {
    return std::unexpected(fmt::format("it takes no table of queues: {}", rte_strerror(-error)));
  }
  RssPlan::Key key{};
  rte_eth_rss_conf configuration{};
  configuration.rss_key = key.data();
  configuration.rss_key_len = key_bytes;
  if (const int error = rte_eth_dev_rss_hash_conf_get(port_id, &configuration); error != 0) {
    return std::unexpected(
        fmt::format("it does not say by what it spreads packets: {}", rte_strerror(-error)));
  }
  if (!std::equal(key.begin(), key.begin() + key_bytes, plan.key().begin())) {
    return std::unexpected("it has another key than it was given");
  }
  if ((configuration.rss_hf & needed) != needed) return std::unexpected("it does not hash TCP ports");
  return {};
}

}  // namespace byway
