#include "dataplane/tx_frame.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

#include "dataplane/assert.h"

namespace byway {

namespace {

bool lies_in_mbufs(const Rope& payload) {
  for (const Slice& slice : payload) {
    if (BufferPool::mbuf_of(slice) == nullptr) return false;
  }
  return true;
}

bool can_chain(const Rope& payload) {
  return payload.size() >= tx_chain_bytes_min && payload.slice_count() <= tx_chain_pieces_max &&
         lies_in_mbufs(payload);
}

void link_behind(rte_mbuf* head, rte_mbuf*& last, rte_mbuf* piece) {
  last->next = piece;
  last = piece;
  ++head->nb_segs;
  head->pkt_len += piece->data_len;
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
  link_behind(head, last, piece);
  return true;
}

/// Adds an mbuf behind `head` with a copy of bytes [offset, offset + size) of `payload`.
bool add_copy(BufferPool& pool, rte_mbuf* head, rte_mbuf*& last, const Rope& payload, Bytes offset,
              Bytes size) {
  rte_mbuf* piece = pool.allocate_mbuf();
  if (piece == nullptr) return false;
  payload.copy_to(offset, {rte_pktmbuf_mtod(piece, std::uint8_t*), size});
  piece->data_len = static_cast<std::uint16_t>(size);
  piece->pkt_len = size;
  link_behind(head, last, piece);
  return true;
}

rte_mbuf* build_head(BufferPool& pool, std::span<const std::uint8_t> header) {
  rte_mbuf* head = pool.allocate_mbuf();
  if (head == nullptr) return nullptr;
  std::memcpy(rte_pktmbuf_mtod(head, void*), header.data(), header.size());
  head->data_len = static_cast<std::uint16_t>(header.size());
  head->pkt_len = static_cast<std::uint32_t>(header.size());
  return head;
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

rte_mbuf* build_tx_segments(BufferPool& pool, std::span<const std::uint8_t> header, const Rope& payload,
                            std::uint16_t segment_bytes, bool chains) {
  BYWAY_ASSERT(header.size() <= mbuf_data_bytes && segment_bytes > 0 && segment_bytes <= mbuf_data_bytes);
  rte_mbuf* head = build_head(pool, header);
  if (head == nullptr) return nullptr;
  rte_mbuf* last = head;
  bool is_whole = true;
  if (chains && lies_in_mbufs(payload)) {
    for (const Slice& slice : payload) is_whole = is_whole && attach(pool, head, last, slice);
  } else {
    for (Bytes at = 0; at < payload.size() && is_whole; at += segment_bytes) {
      is_whole = add_copy(pool, head, last, payload, at, std::min<Bytes>(segment_bytes, payload.size() - at));
    }
  }
  if (is_whole) return head;
  rte_pktmbuf_free(head);
  return nullptr;
}

}  // namespace byway
