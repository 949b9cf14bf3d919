#include "dataplane/buffer_pool.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

namespace byway {

namespace {

/// mbufs that each lcore keeps at hand: eight bursts, so that the shared ring is touched once in a while.
constexpr unsigned cache_count = 256;

static_assert(sizeof(Buffer) <= 64 && alignof(Buffer) <= RTE_MBUF_PRIV_ALIGN);
constexpr std::uint16_t private_bytes = 64;  // a whole cache line: what follows stays aligned

Buffer* buffer_in(rte_mbuf* mbuf) {
  return static_cast<Buffer*>(rte_mbuf_to_priv(mbuf));
}

rte_mbuf* mbuf_around(Buffer* buffer) {
  return reinterpret_cast<rte_mbuf*>(reinterpret_cast<char*>(buffer) - sizeof(rte_mbuf));
}

void release_mbuf(Buffer* buffer) {
  rte_pktmbuf_free(mbuf_around(buffer));
}

/// Makes the Buffer of an mbuf that has just come, with one reference.
Buffer* begin_buffer(rte_mbuf* mbuf) {
  Buffer* buffer = buffer_in(mbuf);
  buffer->release = &release_mbuf;
  buffer->references = 1;
  buffer->memory = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  buffer->capacity = mbuf_data_bytes;
  return buffer;
}

}  // namespace

std::expected<BufferPool, std::string> BufferPool::create(const std::string& name, std::uint32_t count) {
  rte_mempool* pool =
      rte_pktmbuf_pool_create(name.c_str(), count, cache_count, private_bytes,
                              RTE_PKTMBUF_HEADROOM + mbuf_data_bytes, static_cast<int>(rte_socket_id()));
  if (pool == nullptr) {
    return std::unexpected(fmt::format("no memory for {} mbufs ({} MiB): {}", count,
                                       std::uint64_t{count} * mbuf_bytes >> 20, rte_strerror(rte_errno)));
  }
  return BufferPool(pool, count);
}

BufferPool::~BufferPool() {
  rte_mempool_free(pool_);
}

Buffer* BufferPool::allocate(Bytes size) {
  if (size > mbuf_data_bytes) return nullptr;
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
  return mbuf != nullptr ? begin_buffer(mbuf) : nullptr;
}

rte_mbuf* BufferPool::allocate_mbuf() {
  return rte_pktmbuf_alloc(pool_);
}

Slice BufferPool::adopt(rte_mbuf* mbuf) {
  Buffer* buffer = begin_buffer(mbuf);
  return Slice::adopt(buffer, buffer->memory, rte_pktmbuf_data_len(mbuf));
}

rte_mbuf* BufferPool::mbuf_of(const Slice& slice) {
  Buffer* owner = slice.owner();
  return owner != nullptr && owner->release == &release_mbuf ? mbuf_around(owner) : nullptr;
}

rte_mbuf* BufferPool::take_frame(Slice part) {
  rte_mbuf* frame = mbuf_of(part);
  BYWAY_ASSERT(frame != nullptr && part.owner()->references == 1);
  const auto bytes = static_cast<std::uint16_t>(part.data() + part.size() - part.owner()->memory);
  frame->data_len = bytes;
  frame->pkt_len = bytes;
  rte_mbuf_refcnt_update(frame, 1);  // what the slice gives back is this one
  return frame;
}

std::uint32_t BufferPool::available() const {
  return rte_mempool_avail_count(pool_);
}

}  // namespace byway
