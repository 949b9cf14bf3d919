// Ports that are VLANs of one device: its frames are told apart by their tags as they come, and get one as
// they go. Between lie links without tags.
#include <rte_mbuf.h>

#include "dataplane/net/vlan.h"
#include "dataplane/worker.h"

namespace byway {

namespace {

std::span<const std::uint8_t> first_bytes(const rte_mbuf* frame) {
  return {rte_pktmbuf_mtod(frame, const std::uint8_t*), rte_pktmbuf_data_len(frame)};
}

}  // namespace

/// The link that a frame of the device of lane `device` belongs to. nullopt: nobody has this VLAN.
std::optional<net::LinkIndex> Worker::link_of(const rte_mbuf* frame, std::size_t device) const {
  const auto bytes = first_bytes(frame);
  const std::uint16_t vlan = net::has_vlan_tag(bytes) ? net::vlan_of(bytes) : net::vlan_none;
  for (std::size_t i = device; i < lanes_.size(); ++i) {
    if (lanes_[i].device == device && lanes_[i].vlan == vlan) return static_cast<net::LinkIndex>(i);
  }
  return std::nullopt;
}

/// Takes the tag, if there is one, out of a frame in one piece that came to the device of lane `device`.
/// nullopt: it is nobody's, and has been counted and freed.
std::optional<net::LinkIndex> Worker::take_tag(rte_mbuf* frame, std::size_t device) {
  const auto link = link_of(frame, device);
  if (!link) {
    counters_.worker.add(WorkerCounter::rx_vlan_unknown);
    rte_pktmbuf_free(frame);
    return std::nullopt;
  }
  if (net::has_vlan_tag(first_bytes(frame))) {
    net::remove_vlan_tag(rte_pktmbuf_mtod(frame, std::uint8_t*));
    rte_pktmbuf_adj(frame, net::vlan_tag_bytes);
  }
  return link;
}

}  // namespace byway
