// Packet memory of one worker: an mbuf pool whose mbufs carry the header of a Buffer (rope.h) in their
// private area, so that a received packet becomes a Slice without a copy, and a Slice knows how to give its
// mbuf back.
//
//   | rte_mbuf | Buffer | headroom 128 | data, 2,048 bytes and more |
//
// One reference of the mbuf stands for all references of its Buffer: the last Slice frees the mbuf.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "dataplane/rope.h"

struct rte_mbuf;
struct rte_mempool;

namespace byway {

/// What an mbuf of ours holds: a frame of 1,518 bytes with room to spare, and a power of two, as some drivers
/// want it.
inline constexpr Bytes mbuf_data_bytes = 2048;

/// The memory that one mbuf takes, with mbuf header, private area and headroom.
inline constexpr std::uint32_t mbuf_bytes = 128 + 64 + 128 + mbuf_data_bytes + 64;

class BufferPool final : public BufferProvider {
 public:
  /// `count` mbufs near the CPU of the caller. The error names what to change. Main thread, after start_eal.
  [[nodiscard]] static std::expected<BufferPool, std::string> create(const std::string& name,
                                                                     std::uint32_t count);
  BufferPool(BufferPool&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), count_(other.count_) {}
  BufferPool& operator=(BufferPool&&) = delete;
  ~BufferPool() override;

  [[nodiscard]] Buffer* allocate(Bytes size) override;
  [[nodiscard]] Bytes buffer_bytes_max() const override { return mbuf_data_bytes; }

  /// An empty mbuf, for the caller to fill and send; nullptr when memory is out.
  [[nodiscard]] rte_mbuf* allocate_mbuf();

  /// Takes over a received mbuf (of any BufferPool) in one piece. Its bytes are the frame.
  [[nodiscard]] static Slice adopt(rte_mbuf* mbuf);
  /// The mbuf behind a slice of a BufferPool; nullptr if its owner is something else.
  [[nodiscard]] static rte_mbuf* mbuf_of(const Slice& slice);

  /// The whole frame that `part` is a piece of, which nobody else holds (asserted), back as an mbuf: from the
  /// start of its buffer to the end of `part`.
  [[nodiscard]] static rte_mbuf* take_frame(Slice part);

  [[nodiscard]] rte_mempool* raw() const { return pool_; }
  [[nodiscard]] std::uint32_t capacity() const { return count_; }
  /// Free mbufs. Sums the caches of all lcores: not for each packet.
  [[nodiscard]] std::uint32_t available() const;
  /// mbufs that are somewhere else than in the pool. At the end, with ports stopped: leaked.
  [[nodiscard]] std::uint32_t missing() const { return count_ - available(); }

 private:
  BufferPool(rte_mempool* pool, std::uint32_t count) : pool_(pool), count_(count) {}

  rte_mempool* pool_;
  std::uint32_t count_;
};

}  // namespace byway
