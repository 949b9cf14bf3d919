// Frames on their way out: built, queued for their port, made ready for drivers that fill in checksums. Of
// ports that take work off the processor (offloads.h) some cut segments: those are joined before.
#include <rte_mbuf.h>

#include <algorithm>

#include "dataplane/tcp/super_segment.h"
#include "dataplane/tx_frame.h"
#include "dataplane/worker.h"

namespace byway {

/// flush_connections() where a port cuts segments: one is held until it is known whether the next joins it.
std::uint32_t Worker::flush_joined(Instant now) {
  std::uint32_t taken = 0;
  std::uint32_t room = 0;
  const auto take = [&](tcp::SegmentOut& into) {
    if (room == 0) room = room_to_send();
    if (taken >= segments_per_round || room == 0 || !stack_.next_segment(into, now)) return false;
    --room;
    ++taken;
    return true;
  };
  tcp::SegmentOut* held = &segment_;
  tcp::SegmentOut* next = &next_segment_;
  bool has_next = take(*held);
  while (has_next) {
    const Offloads* cutter = held->payload.empty() ? nullptr : cutter_of(*held);
    tcp::SuperSegment whole(*held, cutter != nullptr ? cutter->tso_pieces_max : 0);
    while ((has_next = take(*next)) && cutter != nullptr && whole.takes(*next)) whole.join(*next);
    if (whole.parts() > 1) {
      counters_.worker.add(WorkerCounter::tx_joined_frames);
      counters_.worker.add(WorkerCounter::tx_joined_segments, whole.parts());
    }
    send_segment(*held, whole.part_bytes(), now);
    std::swap(held, next);
  }
  return taken;
}

const Offloads* Worker::cutter_of(const tcp::SegmentOut& segment) const {
  const auto link = host_.link_towards(segment.remote);
  if (!link) return nullptr;
  const Offloads& offloads = lanes_[*link].port->info().offloads;
  const bool is_v4 = segment.remote.is_v4();
  if (!(is_v4 ? offloads.tso_ipv4 : offloads.tso_ipv6)) return nullptr;
  const std::size_t bytes = net::ethernet_header_bytes +
                            (lanes_[*link].vlan != net::vlan_none ? net::vlan_tag_bytes : 0) +
                            (is_v4 ? net::ipv4_header_bytes : net::ipv6_header_bytes) + segment.header_bytes +
                            segment.payload.size();
  return offloads.tso_frame_bytes_max == 0 || bytes <= offloads.tso_frame_bytes_max ? &offloads : nullptr;
}

bool Worker::transmit_segments(net::LinkIndex link, std::span<const std::uint8_t> header, Rope&& payload,
                               std::uint16_t segment_bytes) {
  const Offloads& offloads = lanes_[link].port->info().offloads;
  TaggedHeader tagged;
  header = with_tag(header, link, tagged);
  rte_mbuf* frame = build_tx_segments(buffers_, header, payload, segment_bytes, offloads.tx_chains);
  payload.clear();
  if (frame == nullptr) {
    counters_.worker.add(WorkerCounter::tx_no_buffer);
    return false;
  }
  prepare_offloads(frame, header, offloads, segment_bytes);
  return dispatch(link, frame);
}

/// What the driver can never send must not stand before the others for ever.
void Worker::prepare(Lane& lane) {
  while (lane.prepared < lane.waiting) {
    lane.prepared += lane.port->tx_prepare(
        lane.queue, {lane.backlog.data() + lane.prepared, lane.waiting - lane.prepared});
    if (lane.prepared == lane.waiting) return;
    rte_mbuf** const refused = lane.backlog.data() + lane.prepared;
    counters_.worker.add(WorkerCounter::tx_refused);
    rte_pktmbuf_free(*refused);
    std::copy(refused + 1, lane.backlog.data() + lane.waiting, refused);
    --lane.waiting;
  }
}

// ---- ports, outwards -------------------------------------------------------------------------------------

/// While a port is behind, segments stay with their connections, which then see a full send buffer. For how
/// many frames there is room in every port: none goes ahead of another.
std::uint32_t Worker::room_to_send() const {
  constexpr std::uint32_t behind = tx_backlog_frames / 2 + 1;
  std::uint32_t room = behind;
  for (const Lane& lane : lanes_) room = std::min(room, behind - std::min(behind, lane.waiting));
  return room;
}

bool Worker::transmit(net::LinkIndex link, std::span<const std::uint8_t> header, Rope&& payload) {
  const Offloads& offloads = lanes_[link].port->info().offloads;
  TaggedHeader tagged;
  header = with_tag(header, link, tagged);
  rte_mbuf* frame = build_tx_frame(buffers_, header, payload, offloads.tx_chains);
  payload.clear();
  if (frame == nullptr) {
    counters_.worker.add(WorkerCounter::tx_no_buffer);
    return false;
  }
  if (offloads.has_tx_checksum()) prepare_offloads(frame, header, offloads, 0);
  return dispatch(link, frame);
}

bool Worker::dispatch(net::LinkIndex link, rte_mbuf* frame) {
  Lane& lane = lanes_[lanes_[link].device];
  if (!lane.polls) {
    if (shared_.mailboxes[lane.owner]->push(frame, Errand::send, link)) return true;
    counters_.worker.add(WorkerCounter::steered_lost);
    rte_pktmbuf_free(frame);
    return false;
  }
  return enqueue(lane, frame);
}

bool Worker::enqueue(Lane& lane, rte_mbuf* frame) {
  if (lane.waiting == tx_backlog_frames) flush(lane);
  if (lane.waiting == tx_backlog_frames) {
    counters_.worker.add(WorkerCounter::tx_backlog_full);
    rte_pktmbuf_free(frame);
    return false;
  }
  lane.backlog[lane.waiting++] = frame;
  return true;
}

void Worker::flush_ports() {
  for (Lane& lane : lanes_) {
    if (lane.waiting > 0) flush(lane);
  }
}

void Worker::flush(Lane& lane) {
  if (!lane.is_open) {  // nobody is there: like a cable that is not plugged in
    counters_.worker.add(WorkerCounter::tx_port_closed, lane.waiting);
    rte_pktmbuf_free_bulk(lane.backlog.data(), lane.waiting);
    lane.waiting = 0;
    lane.shown = 0;
    lane.prepared = 0;
    return;
  }
  if (lane.port->info().offloads.has_tx_checksum()) prepare(lane);
  if (capture_ != nullptr) [[unlikely]] {
    show({lane.backlog.data() + lane.shown, lane.waiting - lane.shown},
         static_cast<std::size_t>(&lane - lanes_.data()), true);
    lane.shown = lane.waiting;
  }
  const std::uint16_t taken = lane.port->tx_burst(lane.queue, {lane.backlog.data(), lane.waiting});
  lane.waiting -= taken;
  lane.shown -= std::min<std::uint32_t>(lane.shown, taken);
  lane.prepared -= std::min<std::uint32_t>(lane.prepared, taken);
  if (lane.waiting > 0 && taken > 0) {
    std::copy_n(lane.backlog.begin() + taken, lane.waiting, lane.backlog.begin());
  }
}

}  // namespace byway
