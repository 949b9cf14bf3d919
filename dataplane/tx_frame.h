// Turns what the protocols send (a header and a rope) into what a port takes (mbufs).
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/buffer_pool.h"
#include "dataplane/rope.h"

namespace byway {

/// Payloads from here on go out as references to their slices, where the port gains from it. Below, copying
/// costs less (some 10 ns) than another mbuf and descriptor.
inline constexpr Bytes tx_chain_bytes_min = 512;
/// Most pieces of one frame; devices allow from 8 on.
inline constexpr std::uint32_t tx_chain_pieces_max = 6;

/// A frame of `header` and `payload` in one mbuf, or, where `chains` says that the port gains from it, in
/// several, the payload shared with its other owners. nullptr: no buffer, or too long for one.
[[nodiscard]] rte_mbuf* build_tx_frame(BufferPool& pool, std::span<const std::uint8_t> header,
                                       const Rope& payload, bool chains);

/// A frame for a port that cuts it into several (TSO), in as many mbufs as it has pieces: where `chains` says
/// so those of `payload`, shared, else copies of `segment_bytes` each. nullptr: no buffer.
[[nodiscard]] rte_mbuf* build_tx_segments(BufferPool& pool, std::span<const std::uint8_t> header,
                                          const Rope& payload, std::uint16_t segment_bytes, bool chains);

}  // namespace byway
