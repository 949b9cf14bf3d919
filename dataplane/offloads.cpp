#include "dataplane/offloads.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <string_view>

#include "dataplane/net/cursor.h"
#include "dataplane/net/ethernet.h"
#include "dataplane/net/ipv4.h"
#include "dataplane/net/ipv6.h"

namespace byway {

namespace {

constexpr std::size_t ip_protocol_offset = 9;
constexpr std::size_t ipv6_next_header_offset = 6;
/// Where a TCP header says how long it is, in its upper four bits, in words (RFC 9293 3.1).
constexpr std::size_t tcp_length_offset = 12;

bool has_all(std::uint64_t capabilities, std::uint64_t wanted) {
  return (capabilities & wanted) == wanted;
}

/// NONE of DPDK: the sum in the frame is not right, yet the device answers for the bytes.
template <typename Flags>
bool is_verified(Flags flags, Flags mask, Flags good, Flags none) {
  return (flags & mask) == good || (flags & mask) == none;
}

}  // namespace

Offloads choose_offloads(const OffloadOptions& wanted, const rte_eth_dev_info& device, bool is_pci,
                         std::uint16_t mtu) {
  Offloads chosen;
  if (wanted.checksum) {
    chosen.rx_ip_checksum = has_all(device.rx_offload_capa, RTE_ETH_RX_OFFLOAD_IPV4_CKSUM);
    chosen.rx_tcp_checksum = has_all(device.rx_offload_capa, RTE_ETH_RX_OFFLOAD_TCP_CKSUM);
    chosen.tx_ip_checksum = has_all(device.tx_offload_capa, RTE_ETH_TX_OFFLOAD_IPV4_CKSUM);
    chosen.tx_tcp_checksum = has_all(device.tx_offload_capa, RTE_ETH_TX_OFFLOAD_TCP_CKSUM);
  }
  const bool takes_chains = has_all(device.tx_offload_capa, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
  // Virtual devices copy in any case; there a chain costs more than one more copy of a frame in cache.
  chosen.tx_chains = is_pci && takes_chains;
  // What is cut needs new checksums, and lies in more than one buffer.
  const bool can_cut =
      takes_chains && chosen.tx_tcp_checksum && has_all(device.tx_offload_capa, RTE_ETH_TX_OFFLOAD_TCP_TSO);
  if (wanted.tso && can_cut) {
    // net_tap cuts by DPDK's GSO library, which passes TCP over IPv6 on as it is, and holds the whole frame
    // against the MTU.
    const bool is_tap = device.driver_name != nullptr && std::string_view(device.driver_name) == "net_tap";
    chosen.tso_ipv4 = chosen.tx_ip_checksum;
    chosen.tso_ipv6 = !is_tap;
    chosen.tso_frame_bytes_max = is_tap ? mtu : std::uint16_t{0};
    const std::uint16_t pieces = device.tx_desc_lim.nb_seg_max;  // 0: as many as one likes
    if (pieces > 1) {                                            // one is for the headers
      chosen.tso_pieces_max = std::min(chosen.tso_pieces_max, static_cast<std::uint16_t>(pieces - 1));
    }
  }
  return chosen;
}

std::uint64_t rx_offload_flags(const Offloads& offloads) {
  return (offloads.rx_ip_checksum ? RTE_ETH_RX_OFFLOAD_IPV4_CKSUM : 0) |
         (offloads.rx_tcp_checksum ? RTE_ETH_RX_OFFLOAD_TCP_CKSUM : 0);
}

std::uint64_t tx_offload_flags(const Offloads& offloads) {
  return (offloads.tx_ip_checksum ? RTE_ETH_TX_OFFLOAD_IPV4_CKSUM : 0) |
         (offloads.tx_tcp_checksum ? RTE_ETH_TX_OFFLOAD_TCP_CKSUM : 0) |
         (offloads.has_tso() ? RTE_ETH_TX_OFFLOAD_TCP_TSO : 0) |
         (offloads.has_tso() || offloads.tx_chains ? RTE_ETH_TX_OFFLOAD_MULTI_SEGS : 0);
}

std::vector<std::string> names_of(const Offloads& offloads) {
  std::vector<std::string> names;
  const auto add = [&names](bool is_on, const char* name) {
    if (is_on) names.emplace_back(name);
  };
  add(offloads.rx_ip_checksum, "rx-ip-checksum");
  add(offloads.rx_tcp_checksum, "rx-tcp-checksum");
  add(offloads.tx_ip_checksum, "tx-ip-checksum");
  add(offloads.tx_tcp_checksum, "tx-tcp-checksum");
  add(offloads.tso_ipv4 && offloads.tso_ipv6, "tso");
  add(offloads.tso_ipv4 && !offloads.tso_ipv6, "tso-ipv4");
  add(!offloads.tso_ipv4 && offloads.tso_ipv6, "tso-ipv6");
  add(offloads.tx_chains, "scatter-gather");
  add(offloads.rss, "rss");
  return names;
}

void prepare_offloads(rte_mbuf* frame, std::span<const std::uint8_t> header, const Offloads& offloads,
                      std::uint16_t segment_bytes) {
  constexpr auto tcp = static_cast<std::uint8_t>(net::Protocol::tcp);
  const bool is_tagged = net::load_be16(&header[net::ethernet_header_bytes - 2]) == net::vlan_tag_type;
  const std::size_t link_bytes = net::ethernet_header_bytes + (is_tagged ? net::vlan_tag_bytes : 0);
  const auto type = static_cast<net::EtherType>(net::load_be16(&header[link_bytes - 2]));
  const std::uint8_t* ip = header.data() + link_bytes;
  std::uint64_t flags = 0;
  std::size_t ip_bytes = 0;
  if (type == net::EtherType::ipv4 && ip[ip_protocol_offset] == tcp) {
    ip_bytes = net::ipv4_header_bytes;
    flags = RTE_MBUF_F_TX_IPV4;
    if (offloads.tx_ip_checksum) flags |= RTE_MBUF_F_TX_IP_CKSUM;
  } else if (type == net::EtherType::ipv6 && ip[ipv6_next_header_offset] == tcp) {
    ip_bytes = net::ipv6_header_bytes;
    flags = RTE_MBUF_F_TX_IPV6;
  } else {
    return;
  }
  if (offloads.tx_tcp_checksum) flags |= RTE_MBUF_F_TX_TCP_CKSUM;
  const std::uint64_t tcp_bytes = std::uint64_t{ip[ip_bytes + tcp_length_offset]} >> 4 << 2;
  if (segment_bytes > 0) flags |= RTE_MBUF_F_TX_TCP_SEG;
  frame->tx_offload = rte_mbuf_tx_offload(link_bytes, ip_bytes, tcp_bytes, segment_bytes, 0, 0, 0);
  frame->ol_flags |= flags;
}

RxChecksums checksums_of(const rte_mbuf* frame) {
  const std::uint64_t flags = frame->ol_flags;
  return {is_verified<std::uint64_t>(flags, RTE_MBUF_F_RX_IP_CKSUM_MASK, RTE_MBUF_F_RX_IP_CKSUM_GOOD,
                                     RTE_MBUF_F_RX_IP_CKSUM_NONE),
          is_verified<std::uint64_t>(flags, RTE_MBUF_F_RX_L4_CKSUM_MASK, RTE_MBUF_F_RX_L4_CKSUM_GOOD,
                                     RTE_MBUF_F_RX_L4_CKSUM_NONE)};
}

}  // namespace byway
