#include "dataplane/tx_frame.h"

#include <rte_mbuf.h>

#include <cstring>

namespace byway {

namespace {

bool can_chain(const Rope& payload) {
  if (payload.size() < tx_chain_bytes_min || payload.slice_count() > tx_chain_pieces_max) return false;
  for (const Slice& slice : payload) {
    if (BufferPool::mbuf_of(slice) == nullptr) return false;
  }
  return true;
}

/// Adds an mbuf behind `head` that refers to the bytes of `slice`. The mbuf of the slice lives until the port
/// has sent it: attaching takes a reference of its own.
bool attach(BufferPool& pool, rte_mbuf* head, rte_mbuf*& last, const Slice& slice) {
  rte_mbuf* piece = pool.allocate_mbuf();
  if (piece == nullptr) return false;
  rte_pktmbuf_attach(piece, BufferPool::mbuf_of(slice));
  piece->data_off =
      static_cast<std::uint16_t>(slice.data() - static_cast<const std::uint8_t*>(piece->buf_addr));
  piece->data_len = static_cast<std::uint16_t>(slice.size());
  piece->pkt_len = slice.size();
  last->next = piece;
  last = piece;
  ++head->nb_segs;
  head->pkt_len += slice.size();
  return true;
}

}  // namespace

rte_mbuf* build_tx_frame(BufferPool& pool, std::span<const std::uint8_t> header, const Rope& payload,
                         bool chains) {
  const bool chained = chains && can_chain(payload);
  const std::size_t copied = header.size() + (chained ? 0 : payload.size());
  if (copied > mbuf_data_bytes) return nullptr;
  rte_mbuf* head = pool.allocate_mbuf();
  if (head == nullptr) return nullptr;
  auto* at = rte_pktmbuf_mtod(head, std::uint8_t*);
  std::memcpy(at, header.data(), header.size());
  if (!chained) payload.copy_to(0, {at + header.size(), payload.size()});
  head->data_len = static_cast<std::uint16_t>(copied);
  head->pkt_len = static_cast<std::uint32_t>(copied);
  if (!chained) return head;
  rte_mbuf* last = head;
  for (const Slice& slice : payload) {
    if (!attach(pool, head, last, slice)) {
      rte_pktmbuf_free(head);
      return nullptr;
    }
  }
  return head;
}

}  // namespace byway
