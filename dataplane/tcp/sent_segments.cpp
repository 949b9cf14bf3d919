#include "dataplane/tcp/sent_segments.h"

#include <algorithm>
#include <utility>

namespace byway::tcp {

SentBlockHead* SentSegments::acquire(SentBlockSlab& blocks) {
  if (inline_in_use_) return blocks.acquire();
  inline_in_use_ = true;
  inline_block_.next = nullptr;
  inline_block_.begin = inline_block_.end = inline_block_.lost = 0;
  return &inline_block_;
}

void SentSegments::release(SentBlockHead* block, SentBlockSlab& blocks) {
  if (block == &inline_block_) {
    inline_in_use_ = false;
  } else {
    blocks.release(static_cast<SentBlock*>(block));
  }
}

bool SentSegments::make_room(SentBlockSlab& blocks) {
  if (count_ >= sent_segments_max) return false;
  if (tail_ != nullptr && tail_->end < tail_->capacity) return true;
  if (spare_ == nullptr) spare_ = acquire(blocks);
  return spare_ != nullptr;
}

void SentSegments::push(const SentSegment& segment) {
  if (tail_ == nullptr || tail_->end == tail_->capacity) {
    BYWAY_ASSERT(spare_ != nullptr);
    (tail_ != nullptr ? tail_->next : head_) = spare_;
    tail_ = std::exchange(spare_, nullptr);
  }
  tail_->entries[tail_->end++] = segment;
  if (segment.state == SentSegment::State::lost) ++tail_->lost;
  ++count_;
  enter(segment);
}

/// Adds an entry to the sums of its state.
void SentSegments::enter(const SentSegment& segment) {
  switch (segment.state) {
    case SentSegment::State::out:
      if (segment.was_retransmitted()) ++retransmitted_out_;
      break;
    case SentSegment::State::sacked:
      sacked_ += segment.bytes;
      ++sacked_count_;
      break;
    case SentSegment::State::lost:
      lost_ += segment.bytes;
      break;
  }
}

void SentSegments::leave(const SentSegment& segment) {
  switch (segment.state) {
    case SentSegment::State::out:
      if (segment.was_retransmitted()) --retransmitted_out_;
      break;
    case SentSegment::State::sacked:
      sacked_ -= segment.bytes;
      --sacked_count_;
      break;
    case SentSegment::State::lost:
      lost_ -= segment.bytes;
      break;
  }
}

void SentSegments::pop_front(SentBlockSlab& blocks) {
  BYWAY_ASSERT(count_ > 0);
  const SentSegment& segment = head_->front();
  leave(segment);
  if (segment.state == SentSegment::State::lost) --head_->lost;
  --count_;
  if (++head_->begin < head_->end) return;
  if (head_ == tail_) {  // keep it: the next segment goes there
    head_->begin = head_->end = 0;
    return;
  }
  SentBlockHead* empty = head_;
  head_ = head_->next;
  release(empty, blocks);
}

void SentSegments::trim_front(std::uint16_t bytes) {
  SentSegment& segment = head_->front();
  BYWAY_ASSERT(bytes < segment.bytes);
  leave(segment);
  segment.first += bytes;
  segment.bytes = static_cast<std::uint16_t>(segment.bytes - bytes);
  enter(segment);
}

void SentSegments::clear(SentBlockSlab& blocks) {
  while (head_ != nullptr) {
    SentBlockHead* block = head_;
    head_ = block->next;
    release(block, blocks);
  }
  tail_ = nullptr;
  if (spare_ != nullptr) release(std::exchange(spare_, nullptr), blocks);
  count_ = sacked_count_ = retransmitted_out_ = 0;
  sacked_ = lost_ = 0;
}

SentSegments::Place SentSegments::find(Place from, Seq seq) const {
  SentBlockHead* block = from.block_;
  std::uint16_t index = from.index_;
  while (block != nullptr) {
    if (block->back().end() > seq) {
      const SentSegment* first = block->entries + index;
      const SentSegment* end = block->entries + block->end;
      const SentSegment* at =
          std::partition_point(first, end, [seq](const SentSegment& entry) { return entry.end() <= seq; });
      return {block, static_cast<std::uint16_t>(at - block->entries)};
    }
    block = block->next;
    index = block != nullptr ? block->begin : std::uint16_t{0};
  }
  return {};
}

SentSegments::Place SentSegments::first_lost() const {
  for (SentBlockHead* block = head_; block != nullptr; block = block->next) {
    if (block->lost == 0) continue;
    for (std::uint16_t i = block->begin; i < block->end; ++i) {
      if (block->entries[i].state == SentSegment::State::lost) return {block, i};
    }
  }
  return {};
}

void SentSegments::set_state(Place at, SentSegment::State state) {
  SentSegment& segment = at.block_->entries[at.index_];
  leave(segment);
  if (segment.state == SentSegment::State::lost) --at.block_->lost;
  segment.state = state;
  if (state == SentSegment::State::lost) ++at.block_->lost;
  enter(segment);
}

void SentSegments::set_sent_again(Place at, Micros now) {
  set_state(at, SentSegment::State::out);
  SentSegment& segment = at.block_->entries[at.index_];
  leave(segment);
  segment.sent_at = now;
  if (segment.transmissions < UINT8_MAX) ++segment.transmissions;
  enter(segment);
}

bool SentSegments::split(Place at, std::uint16_t bytes, SentBlockSlab& blocks) {
  SentBlockHead* block = at.block_;
  BYWAY_ASSERT(bytes > 0 && bytes < block->entries[at.index_].bytes);
  if (count_ >= sent_segments_max) return false;
  if (block->end == block->capacity && block->begin > 0) {
    std::copy(block->entries + block->begin, block->entries + block->end, block->entries);
    at.index_ = static_cast<std::uint16_t>(at.index_ - block->begin);
    block->end = static_cast<std::uint16_t>(block->end - block->begin);
    block->begin = 0;
  }
  if (block->end == block->capacity) {  // what stands behind moves to a block of its own, or the entry itself
    SentBlockHead* next = blocks.acquire();
    if (next == nullptr) return false;
    const bool is_last = at.index_ + 1 == block->end;
    const auto kept = static_cast<std::uint16_t>(is_last ? at.index_ : at.index_ + 1);
    for (std::uint16_t i = kept; i < block->end; ++i) {
      next->entries[next->end++] = block->entries[i];
      if (block->entries[i].state != SentSegment::State::lost) continue;
      --block->lost;
      ++next->lost;
    }
    block->end = kept;
    next->next = block->next;
    block->next = next;
    if (tail_ == block) tail_ = next;
    if (is_last) return split({next, next->begin}, bytes, blocks);
  }
  for (std::uint16_t i = block->end++; i > at.index_; --i) block->entries[i] = block->entries[i - 1];
  SentSegment& first = block->entries[at.index_];
  SentSegment& rest = block->entries[at.index_ + 1];
  leave(first);
  first.bytes = bytes;
  rest.first += bytes;
  rest.bytes = static_cast<std::uint16_t>(rest.bytes - bytes);
  if (rest.state == SentSegment::State::lost) ++block->lost;
  ++count_;
  enter(first);
  enter(rest);
  return true;
}

}  // namespace byway::tcp
