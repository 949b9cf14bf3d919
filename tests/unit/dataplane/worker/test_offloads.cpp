// Flags and lengths that a port's driver finds in mbufs, and what is chosen of a device's abilities.
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "dataplane/offloads.h"
#include "tests/unit/dataplane/net/bench_ipv6.h"

using namespace byway;
using namespace byway::net;

namespace {

constexpr std::uint64_t all_rx = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
constexpr std::uint64_t all_tx = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
                                 RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;

rte_eth_dev_info device_with(std::uint64_t rx, std::uint64_t tx, const char* driver = "net_some_card") {
  rte_eth_dev_info device{};
  device.rx_offload_capa = rx;
  device.tx_offload_capa = tx;
  device.driver_name = driver;
  return device;
}

Offloads chosen(std::uint64_t rx, std::uint64_t tx, OffloadOptions wanted = {}, bool is_pci = true) {
  return choose_offloads(wanted, device_with(rx, tx), is_pci, 1500);
}

/// `frame` with an 802.1Q tag.
Frame tagged(const Frame& frame) {
  Frame out(frame.begin(), frame.begin() + 12);
  out.insert(out.end(), {0x81, 0x00, 0x00, 0x64});
  out.insert(out.end(), frame.begin() + 12, frame.end());
  return out;
}

Frame with_tcp_options(Frame tcp, std::size_t bytes) {
  tcp[12] = static_cast<std::uint8_t>((20 + bytes) / 4 << 4);
  tcp.insert(tcp.begin() + 20, bytes, 1);
  return tcp;
}

}  // namespace

TEST_CASE("what a device can is chosen, unless it is switched off") {
  const Offloads all = chosen(all_rx, all_tx);
  CHECK(names_of(all) == std::vector<std::string>{"rx-ip-checksum", "rx-tcp-checksum", "tx-ip-checksum",
                                                  "tx-tcp-checksum", "tso", "scatter-gather"});
  CHECK(rx_offload_flags(all) == all_rx);
  CHECK(tx_offload_flags(all) == all_tx);
  CHECK(names_of(chosen(0, 0)).empty());
  CHECK(tx_offload_flags(chosen(0, 0)) == 0);

  const Offloads no_cutting = chosen(all_rx, all_tx, {.checksum = true, .tso = false});
  CHECK_FALSE(no_cutting.has_tso());
  CHECK(no_cutting.tx_tcp_checksum);
  const Offloads software = chosen(all_rx, all_tx, {.checksum = false, .tso = true});
  CHECK(names_of(software) == std::vector<std::string>{"scatter-gather"});  // cutting needs checksums
}

TEST_CASE("segments are joined only for a port that can cut, sum and chain them") {
  CHECK_FALSE(chosen(0, all_tx & ~RTE_ETH_TX_OFFLOAD_MULTI_SEGS).has_tso());
  CHECK_FALSE(chosen(0, all_tx & ~RTE_ETH_TX_OFFLOAD_TCP_CKSUM).has_tso());
  const Offloads no_header = chosen(0, all_tx & ~RTE_ETH_TX_OFFLOAD_IPV4_CKSUM);  // virtio
  CHECK(names_of(no_header) == std::vector<std::string>{"tx-tcp-checksum", "tso-ipv6", "scatter-gather"});
}

TEST_CASE("a virtual device gets no chains of its own accord, and net_tap's faults are heeded") {
  CHECK_FALSE(chosen(all_rx, all_tx, {}, false).tx_chains);
  const Offloads tap = choose_offloads({}, device_with(all_rx, all_tx, "net_tap"), false, 1300);
  CHECK(tap.tso_ipv4);
  CHECK_FALSE(tap.tso_ipv6);
  CHECK(tap.tso_frame_bytes_max == 1300);
}

TEST_CASE("a frame has no more pieces than the device takes, the headers being one") {
  rte_eth_dev_info device = device_with(all_rx, all_tx);
  device.tx_desc_lim.nb_seg_max = 8;
  CHECK(choose_offloads({}, device, true, 1500).tso_pieces_max == 7);
  device.tx_desc_lim.nb_seg_max = 255;
  CHECK(choose_offloads({}, device, true, 1500).tso_pieces_max == Offloads{}.tso_pieces_max);
}

TEST_CASE("a TCP frame tells the port its version of IP, the lengths of its headers and what to fill in") {
  const Offloads all = chosen(all_rx, all_tx);
  const Frame tcp = with_tcp_options(tcp_bytes("hello"), 12);
  const Frame v4 = ip_frame({.payload = tcp});
  const Frame v6 = ip6_frame({.payload = tcp});
  for (const bool has_tag : {false, true}) {
    CAPTURE(has_tag);
    rte_mbuf frame{};
    prepare_offloads(&frame, has_tag ? tagged(v4) : v4, all, 0);
    CHECK(frame.ol_flags == (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM));
    CHECK(frame.l2_len == (has_tag ? 18 : 14));
    CHECK(frame.l3_len == 20);
    CHECK(frame.l4_len == 32);
    CHECK(frame.tso_segsz == 0);

    rte_mbuf large{};
    prepare_offloads(&large, has_tag ? tagged(v6) : v6, all, 1428);
    CHECK(large.ol_flags == (RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TCP_SEG));
    CHECK(large.l2_len == (has_tag ? 18 : 14));
    CHECK(large.l3_len == 40);
    CHECK(large.l4_len == 32);
    CHECK(large.tso_segsz == 1428);
  }
  rte_mbuf half{};
  prepare_offloads(&half, v4, chosen(0, RTE_ETH_TX_OFFLOAD_TCP_CKSUM), 0);
  CHECK(half.ol_flags == (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM));
}

TEST_CASE("frames without TCP ask nothing of the port") {
  const Offloads all = chosen(all_rx, all_tx);
  const Frame others[] = {arp_frame({}), ip_frame({.protocol = Protocol::icmp, .payload = Frame(8)}),
                          ndp_frame({}), tagged(arp_frame({}))};
  for (const Frame& bytes : others) {
    rte_mbuf frame{};
    prepare_offloads(&frame, bytes, all, 0);
    CHECK(frame.ol_flags == 0);
    CHECK(frame.tx_offload == 0);
  }
}

TEST_CASE("only a checksum that the port answers for is not looked at again") {
  const auto of = [](std::uint64_t flags) {
    rte_mbuf frame{};
    frame.ol_flags = flags;
    return checksums_of(&frame);
  };
  CHECK_FALSE(of(0).ip_is_verified);  // it says nothing
  CHECK_FALSE(of(0).transport_is_verified);
  CHECK(of(RTE_MBUF_F_RX_IP_CKSUM_GOOD).ip_is_verified);
  CHECK_FALSE(of(RTE_MBUF_F_RX_IP_CKSUM_GOOD).transport_is_verified);
  CHECK(of(RTE_MBUF_F_RX_L4_CKSUM_GOOD).transport_is_verified);
  CHECK_FALSE(of(RTE_MBUF_F_RX_L4_CKSUM_GOOD).ip_is_verified);
  CHECK_FALSE(of(RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD).ip_is_verified);
  CHECK_FALSE(of(RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD).transport_is_verified);
  CHECK(of(RTE_MBUF_F_RX_L4_CKSUM_NONE).transport_is_verified);  // the sum is for the port to fill in
}
