// The kernel's interface of a port (docs/kernel_path.md): frames that are not ours go there, and what the
// kernel sends goes out on the port as it is. Whose a frame is, say net::Host and tcp::Stack.
//
// Each worker has a queue of its own of such an interface, so that the frames of one flow stay in order and
// no worker waits for another. Only beyond the queues that it has (16) they go by mailbox.
#include <rte_mbuf.h>

#include <algorithm>

#include "dataplane/worker.h"

namespace byway {

// ---- to the kernel ---------------------------------------------------------------------------------------

/// net::FrameSink: what the host leaves to the kernel.
void Worker::not_ours(net::LinkIndex link, Slice frame) {
  give_to_kernel(*lanes_[link].kernel, BufferPool::take_frame(std::move(frame)));
}

/// tcp::RouteSource: a segment that neither a connection nor a listener takes. Virtual addresses are the
/// gateway's alone.
bool Worker::not_ours(tcp::Incoming& incoming) {
  if (kernel_lanes_.empty() || incoming.tcp.owner() == nullptr) return false;
  const auto link = host_.link_of_port_address(incoming.target);
  if (!link || lanes_[*link].kernel == nullptr) return false;
  give_to_kernel(*lanes_[*link].kernel, BufferPool::take_frame(std::move(incoming.tcp)));
  return true;
}

void Worker::give_to_kernel(KernelLane& kernel, rte_mbuf* frame) {
  if (!kernel.limit.allow(round_began_)) {
    counters_.worker.add(WorkerCounter::kernel_drop_rate);
    rte_pktmbuf_free(frame);
    return;
  }
  if (kernel.lane.polls) {
    queue_for_kernel(kernel, frame);
    return;
  }
  if (shared_.mailboxes[kernel.lane.owner]->push(frame, Errand::kernel, kernel.link)) return;
  counters_.worker.add(WorkerCounter::steered_lost);
  rte_pktmbuf_free(frame);
}

void Worker::queue_for_kernel(KernelLane& kernel, rte_mbuf* frame) {
  Lane& lane = kernel.lane;
  if (lane.waiting == tx_backlog_frames) {
    counters_.worker.add(WorkerCounter::kernel_drop_full);
    rte_pktmbuf_free(frame);
    return;
  }
  frame->ol_flags = 0;  // what the port said of it is no instruction for the next driver
  lane.backlog[lane.waiting++] = frame;
}

void Worker::flush_kernel() {
  for (KernelLane& kernel : kernel_lanes_) {
    Lane& lane = kernel.lane;
    if (lane.waiting == 0) continue;
    const std::uint32_t most = std::min(lane.waiting, kernel_frames_per_round);
    // The interface is never full, so what it does not take now it never will, and the rest must get past it.
    for (std::uint32_t gone = 0; gone < most; ++gone) {
      const auto taken = lane.port->tx_burst(lane.queue, std::span(lane.backlog).subspan(gone, most - gone));
      counters_.worker.add(WorkerCounter::kernel_frames_in, taken);
      gone += taken;
      if (gone == most) break;
      counters_.worker.add(WorkerCounter::kernel_drop_refused);
      rte_pktmbuf_free(lane.backlog[gone]);
    }
    lane.waiting -= most;
    std::copy_n(lane.backlog.begin() + most, lane.waiting, lane.backlog.begin());
  }
}

// ---- from the kernel -------------------------------------------------------------------------------------

/// The kernel takes at most half of the room that connections leave it at a port, and they at most what it
/// leaves them: neither starves. What finds no room waits in the kernel's own queue.
std::uint32_t Worker::poll_kernel() {
  std::uint32_t frames = 0;
  for (KernelLane& kernel : kernel_lanes_) {
    Lane& lane = kernel.lane;
    if (!lane.polls) continue;
    lane.is_open = lane.port->enter(lane.queue);
    if (!lane.is_open) continue;
    Lane& out = lanes_[lanes_[kernel.link].device];
    constexpr std::uint32_t full = tx_backlog_frames / 2;  // room_to_send()
    const std::uint32_t room = full - std::min(full, out.waiting);
    std::array<rte_mbuf*, kernel_frames_per_round> burst;
    const std::uint32_t most = std::min(kernel_frames_per_round, room / 2);
    if (most == 0) continue;
    const std::uint16_t count = lane.port->rx_burst(lane.queue, {burst.data(), most});
    if (count == 0) continue;
    counters_.worker.add(WorkerCounter::kernel_frames_out, count);
    frames += count;
    for (rte_mbuf* frame : std::span(burst).first(count)) {
      frame->ol_flags = 0;
      if (out.polls) {
        static_cast<void>(enqueue(out, frame));
      } else if (!shared_.mailboxes[out.owner]->push(frame, Errand::send, kernel.link)) {
        counters_.worker.add(WorkerCounter::steered_lost);
        rte_pktmbuf_free(frame);
      }
    }
  }
  return frames;
}

void Worker::end_kernel() {
  for (KernelLane& kernel : kernel_lanes_) {
    Lane& lane = kernel.lane;
    rte_pktmbuf_free_bulk(lane.backlog.data(), lane.waiting);
    lane.waiting = 0;
    if (lane.polls) lane.port->leave(lane.queue);
  }
}

}  // namespace byway
