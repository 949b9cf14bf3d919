// Frames that belong to other workers (steering.h): handed over as they come, or when they have been put
// together from fragments.
#include <rte_mbuf.h>

#include <cstring>

#include "dataplane/worker.h"

namespace byway {

bool Worker::steer(rte_mbuf* frame, net::LinkIndex link) {
  const std::span bytes(rte_pktmbuf_mtod(frame, const std::uint8_t*), rte_pktmbuf_data_len(frame));
  const auto owner = shared_.steering.owner_of_received(bytes, link);
  if (!owner) {
    if (is_about_neighbors(bytes)) share_with_all(frame, link);
    return false;
  }
  if (*owner == options_.index) return false;
  give_to(*owner, frame, link);
  return true;
}

/// The frame is the other worker's, or lost.
void Worker::give_to(std::uint32_t worker, rte_mbuf* frame, net::LinkIndex link) {
  if (shared_.mailboxes[worker]->push(frame, Errand::receive, link)) {
    counters_.worker.add(WorkerCounter::steered_out);
    return;
  }
  counters_.worker.add(WorkerCounter::steered_lost);
  rte_pktmbuf_free(frame);
}

/// Who is next to us concerns all workers: each has its own table of neighbours.
void Worker::share_with_all(rte_mbuf* frame, net::LinkIndex link) {
  for (std::uint32_t worker = 0; worker < shared_.steering.worker_count(); ++worker) {
    if (worker == options_.index) continue;
    rte_mbuf* copy = rte_pktmbuf_copy(frame, buffers_.raw(), 0, UINT32_MAX);
    // Who does not hear of it asks for itself when it needs to.
    if (copy == nullptr || !shared_.mailboxes[worker]->push(copy, Errand::observe, link)) {
      counters_.worker.add(WorkerCounter::steered_lost);
      rte_pktmbuf_free(copy);
    }
  }
}

/// What was put together from fragments belongs to the worker of its flow, as any frame.
void Worker::take_reassembled(Instant now) {
  std::array<net::RxFrame, rx_burst_frames> own;
  std::size_t count = 0;
  for (net::RxFrame& frame : std::span(ingress_.whole).first(ingress_.whole_count)) {
    if (shared_.steering.worker_count() == 1 || !hand_over(frame)) own[count++] = std::move(frame);
    frame.bytes = Slice();
  }
  hand_up({own.data(), count}, now);  // none of them is a fragment again: it ends here
}

/// True: it is another worker's, who gets a copy.
bool Worker::hand_over(const net::RxFrame& frame) {
  const auto owner = shared_.steering.owner_of(frame.bytes.bytes(), frame.link);
  if (!owner || *owner == options_.index) return false;
  rte_mbuf* copy = frame.bytes.size() <= mbuf_data_bytes ? buffers_.allocate_mbuf() : nullptr;
  if (copy == nullptr) {
    counters_.worker.add(WorkerCounter::steered_lost);
    return true;
  }
  std::memcpy(rte_pktmbuf_mtod(copy, void*), frame.bytes.data(), frame.bytes.size());
  copy->data_len = static_cast<std::uint16_t>(frame.bytes.size());
  copy->pkt_len = frame.bytes.size();
  give_to(*owner, copy, frame.link);
  return true;
}

}  // namespace byway
