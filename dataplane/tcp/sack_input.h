// What the SACK option of an ACK says, once the lies are off: blocks of what is in flight, in order, and the
// report of a duplicate (RFC 2018 3, RFC 2883 4).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "dataplane/tcp/segment.h"
#include "dataplane/tcp/seq.h"

namespace byway::tcp {

struct SackInput {
  std::array<SackBlock, sack_blocks_max> blocks{};
  std::uint8_t count = 0;
  std::uint8_t ignored = 0;  ///< Blocks that cannot be true.
  bool has_dsack = false;
  SackBlock dsack{};
};

/// `ack`: what the segment acknowledges; `una` and `nxt`: what is in flight; `oldest`: as far back as a DSACK
/// may speak of.
[[nodiscard]] inline SackInput read_sack(const Options& options, Seq ack, Seq una, Seq nxt, Seq oldest) {
  SackInput out;
  for (std::uint8_t i = 0; i < options.sack_count; ++i) {
    SackBlock block = options.sack[i];
    if (!(block.first < block.end) || block.end > nxt || block.first < oldest) {
      ++out.ignored;
      continue;
    }
    // RFC 2883 4.1 and 4.2: the first block, below the cumulative ACK or inside the second block.
    const bool below = block.first < ack;
    const bool inside = i == 0 && options.sack_count > 1 && block.first >= options.sack[1].first &&
                        block.end <= options.sack[1].end;
    if (i == 0 && ((below && block.end <= ack) || inside)) {
      out.has_dsack = true;
      out.dsack = block;
      continue;
    }
    if (below) {
      ++out.ignored;
      continue;
    }
    if (block.end <= una) continue;  // an ACK that was overtaken: known since
    block.first = later(block.first, una);
    std::uint8_t at = out.count++;
    for (; at > 0 && block.first < out.blocks[at - 1].first; --at) out.blocks[at] = out.blocks[at - 1];
    out.blocks[at] = block;
  }
  return out;
}

}  // namespace byway::tcp
