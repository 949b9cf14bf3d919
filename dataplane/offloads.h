// Work that a port takes off the processor: checksums (IPv4 header, TCP), and cutting a long TCP segment into
// those that go on the wire (TSO). Chosen once a port, by what the device can and node.yaml lets it; whatever
// is not chosen is done in software (net/host.cpp, tcp/).
//
//   choose_offloads    at start, from the device's capabilities
//   prepare_offloads   per frame: flags, header lengths and segment size of its mbuf
//   checksums_of       per received frame: what the device says of it
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

struct rte_eth_dev_info;
struct rte_mbuf;

namespace byway {

/// What node.yaml lets a port do.
struct OffloadOptions {
  bool checksum = true;
  bool tso = true;
  bool rss = true;
};

/// What a port does.
struct Offloads {
  bool rx_ip_checksum = false;   ///< it verifies IPv4 header checksums
  bool rx_tcp_checksum = false;  ///< and those of TCP
  bool tx_ip_checksum = false;   ///< it fills in IPv4 header checksums
  bool tx_tcp_checksum = false;  ///< and those of TCP, over the pseudo-header's sum that stands there
  bool tso_ipv4 = false;
  bool tso_ipv6 = false;
  bool tx_chains = false;  ///< it takes frames in several pieces and gains from it
  /// Pieces of payload in a frame that it cuts; fewer where the device takes fewer.
  std::uint16_t tso_pieces_max = 32;
  /// Longest frame that it cuts off, with all headers; 0: as long as the link takes them.
  std::uint16_t tso_frame_bytes_max = 0;
  /// It puts each connection into the queue that RssPlan says.
  bool rss = false;

  [[nodiscard]] bool has_tx_checksum() const { return tx_ip_checksum || tx_tcp_checksum; }
  [[nodiscard]] bool has_tso() const { return tso_ipv4 || tso_ipv6; }
  friend bool operator==(const Offloads&, const Offloads&) = default;
};

/// `mtu`: the port's.
[[nodiscard]] Offloads choose_offloads(const OffloadOptions& wanted, const rte_eth_dev_info& device,
                                       bool is_pci, std::uint16_t mtu);
/// RTE_ETH_RX_OFFLOAD_* and RTE_ETH_TX_OFFLOAD_* for the port's configuration.
[[nodiscard]] std::uint64_t rx_offload_flags(const Offloads& offloads);
[[nodiscard]] std::uint64_t tx_offload_flags(const Offloads& offloads);
/// Their names for people: "rx-ip-checksum", ...; empty: all is done in software.
[[nodiscard]] std::vector<std::string> names_of(const Offloads& offloads);

/// Tells the port what to do with `frame`, whose first bytes are `header` as Host wrote it (Ethernet, perhaps
/// a VLAN tag, IP without options, TCP). Frames that carry no TCP are left as they are: their checksums are
/// right. `segment_bytes`: the payload is cut into pieces of that size; 0: it goes as it is.
void prepare_offloads(rte_mbuf* frame, std::span<const std::uint8_t> header, const Offloads& offloads,
                      std::uint16_t segment_bytes);

struct RxChecksums {
  bool ip_is_verified = false;
  bool transport_is_verified = false;
};
/// What the port found. A checksum that it calls bad is looked at again in software, which drops and counts
/// the frame: devices err about frames that they do not understand.
[[nodiscard]] RxChecksums checksums_of(const rte_mbuf* frame);

}  // namespace byway
