// What is in flight, segment by segment: the scoreboard of RFC 6675 3 with the times of RFC 8985 5.1. An
// entry covers the sequence numbers of one transmission and is never cut (a peer that acknowledges half of
// one has not told us enough to send less than all of it), but for the front one, which loses what is
// cumulatively acknowledged.
//
// Entries stand in sequence order, without gaps, in a chain of blocks: the first inside its owner, for the
// few segments of a request, the others from a slab. A pass over all of them reads 12 octets each, in order.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/assert.h"
#include "dataplane/clock.h"
#include "dataplane/rope.h"
#include "dataplane/slab.h"
#include "dataplane/tcp/seq.h"

namespace byway::tcp {

/// Microseconds that wrap after 71 minutes; two of them are never as far apart as half of that, since an
/// unanswered segment ends its connection before.
using Micros = std::uint32_t;
[[nodiscard]] inline Micros micros(Instant now) {
  return static_cast<Micros>(now.ns / 1000);
}

struct SentSegment {
  enum class State : std::uint8_t {
    out,     ///< As far as we know it is on its way.
    sacked,  ///< The peer has it (RFC 2018).
    lost,    ///< To be sent again.
  };
  Seq first;
  Micros sent_at = 0;             ///< The last transmission.
  std::uint16_t bytes = 0;        ///< In sequence space: a FIN counts.
  std::uint8_t transmissions = 1; /**< Saturates. */
  State state = State::out;

  [[nodiscard]] Seq end() const { return first + bytes; }
  [[nodiscard]] bool was_retransmitted() const { return transmissions > 1; }
};
static_assert(sizeof(SentSegment) == 12);

/// Entries of one block: half a kilobyte.
inline constexpr std::size_t sent_block_entries = 40;
/// Entries inside the owner: most requests and responses of a mesh are fewer segments.
inline constexpr std::size_t sent_inline_entries = 6;
/// Most segments in flight of one connection: 4 MiB in segments of 1,460 octets and some. A pass over them
/// takes some 5 us, which is what one ACK of a hostile peer can cost.
inline constexpr std::uint32_t sent_segments_max = 4096;

struct SentBlockHead {
  SentBlockHead* next = nullptr;
  SentSegment* entries = nullptr;
  std::uint16_t begin = 0;
  std::uint16_t end = 0;
  std::uint16_t capacity = 0;
  std::uint16_t lost = 0;  ///< Entries in state lost.

  [[nodiscard]] SentSegment& front() { return entries[begin]; }
  [[nodiscard]] SentSegment& back() { return entries[end - 1]; }
};

template <std::size_t n>
struct SentBlockOf : SentBlockHead {
  std::array<SentSegment, n> storage;
  // NOLINTNEXTLINE: the entries are left uninitialised on purpose, they are written before they are read
  SentBlockOf() {
    entries = storage.data();
    capacity = n;
  }
};
using SentBlock = SentBlockOf<sent_block_entries>;
using SentBlockSlab = Slab<SentBlock>;

class SentSegments {
 public:
  SentSegments() = default;
  SentSegments(const SentSegments&) = delete;
  SentSegments& operator=(const SentSegments&) = delete;

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::uint32_t count() const { return count_; }
  /// Octets of sequence space in each state.
  [[nodiscard]] Bytes sacked() const { return sacked_; }
  [[nodiscard]] Bytes lost() const { return lost_; }
  [[nodiscard]] std::uint32_t sacked_count() const { return sacked_count_; }
  /// Entries that were sent more than once and are neither acknowledged nor marked as lost again.
  [[nodiscard]] std::uint32_t retransmitted_out() const { return retransmitted_out_; }

  /// Whether push() can take one more: asked before a segment is built. False: the bound or no block.
  [[nodiscard]] bool make_room(SentBlockSlab& blocks);
  /// Asserted: make_room() said so, and `segment` begins where the last one ends.
  void push(const SentSegment& segment);
  [[nodiscard]] const SentSegment& front() const { return head_->entries[head_->begin]; }
  [[nodiscard]] const SentSegment& back() const { return tail_->entries[tail_->end - 1]; }
  /// Drops the first entry.
  void pop_front(SentBlockSlab& blocks);
  /// Drops the first `bytes` (asserted: fewer than it has) of the first entry.
  void trim_front(std::uint16_t bytes);
  void clear(SentBlockSlab& blocks);

  /// The place of an entry, until the next push or pop.
  class Place {
   public:
    Place() = default;
    Place(SentBlockHead* block, std::uint16_t index) : block_(block), index_(index) {}
    [[nodiscard]] explicit operator bool() const { return block_ != nullptr; }
    [[nodiscard]] const SentSegment& operator*() const { return block_->entries[index_]; }
    [[nodiscard]] const SentSegment* operator->() const { return &block_->entries[index_]; }
    Place& operator++() {
      if (++index_ == block_->end) {
        block_ = block_->next;
        index_ = block_ != nullptr ? block_->begin : std::uint16_t{0};
      }
      return *this;
    }

   private:
    friend class SentSegments;
    SentBlockHead* block_ = nullptr;
    std::uint16_t index_ = 0;
  };
  [[nodiscard]] Place begin() const { return empty() ? Place() : Place(head_, head_->begin); }
  [[nodiscard]] Place last() const {
    return empty() ? Place() : Place(tail_, static_cast<std::uint16_t>(tail_->end - 1));
  }
  /// The first entry whose end lies behind `seq`, from `from` on.
  [[nodiscard]] Place find(Place from, Seq seq) const;
  /// The first entry that is lost, or nothing.
  [[nodiscard]] Place first_lost() const;

  void set_state(Place at, SentSegment::State state);
  /// Counts it as sent once more, at `now`; it is out again.
  void set_sent_again(Place at, Micros now);
  /// The first `bytes` of the entry become one of their own. False: no room (make_room first).
  [[nodiscard]] bool split(Place at, std::uint16_t bytes, SentBlockSlab& blocks);

 private:
  void leave(const SentSegment& segment);
  void enter(const SentSegment& segment);
  [[nodiscard]] SentBlockHead* acquire(SentBlockSlab& blocks);
  void release(SentBlockHead* block, SentBlockSlab& blocks);

  SentBlockHead* head_ = nullptr;
  SentBlockHead* tail_ = nullptr;
  SentBlockHead* spare_ =
      nullptr;  ///< Made ready by make_room(), not in the chain yet: no block there is empty.
  std::uint32_t count_ = 0;
  std::uint32_t sacked_count_ = 0;
  std::uint32_t retransmitted_out_ = 0;
  Bytes sacked_ = 0;
  Bytes lost_ = 0;
  bool inline_in_use_ = false;
  SentBlockOf<sent_inline_entries> inline_block_;
};

}  // namespace byway::tcp
