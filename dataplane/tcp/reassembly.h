// Octets that came before those in front of them (RFC 9293 3.10.7.4, "segments with higher beginning sequence
// numbers SHOULD be held"). A connection takes a block from the stack's slab with its first hole and gives it
// back with the last, so that the many connections without loss pay one pointer.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/rope.h"
#include "dataplane/slab.h"
#include "dataplane/tcp/segment.h"
#include "dataplane/tcp/seq.h"

namespace byway::tcp {

/// Most ranges with holes between them. A 256 KiB window has 180 segments: with 10% lost at random it has
/// about 16 ranges, and each recovery fills some. Beyond, segments are dropped (counted) and come again.
inline constexpr std::uint32_t reassembly_ranges_max = 32;

class Reassembly {
 public:
  enum class Result : std::uint8_t { kept, duplicate, full, no_memory };

  explicit Reassembly(SlicePool& pool);

  /// Keeps what is new of `bytes`, which begin at `seq`. What is there already stays: of overlapping octets
  /// the first that came count. `full` and `no_memory` may have kept some of it.
  Result insert(Seq seq, Slice bytes);
  /// The stream ends at `seq`.
  void set_end(Seq seq) {
    end_ = seq;
    has_end_ = true;
  }
  [[nodiscard]] bool has_end() const { return has_end_; }
  [[nodiscard]] Seq end() const { return end_; }
  [[nodiscard]] bool ends_at(Seq seq) const { return has_end_ && end_ == seq; }

  /// Moves octets from `next` on that are there without a hole to the end of `target`; returns how many.
  Bytes take(Seq next, Rope& target);
  [[nodiscard]] bool empty() const { return count_ == 0 && !has_end_; }
  [[nodiscard]] Bytes size() const;
  [[nodiscard]] std::uint32_t slice_count() const;
  [[nodiscard]] std::uint32_t range_count() const { return count_; }
  /// Range `index` in order of sequence.
  [[nodiscard]] SackBlock range(std::uint32_t index) const {
    return {ranges_[index].first, ranges_[index].end()};
  }
  [[nodiscard]] const Rope& range_bytes(std::uint32_t index) const { return ranges_[index].bytes; }
  /// Writes what SACK is to tell (RFC 2018 4): the range with the octets that came last, then those that were
  /// told of before, the newest first, then any others. Returns how many.
  std::uint8_t report(std::span<SackBlock> out) const;

 private:
  struct Range {
    Seq first;
    Rope bytes;
    explicit Range(SlicePool& pool) : bytes(pool) {}
    [[nodiscard]] Seq end() const { return first + bytes.size(); }
  };
  void note(Seq seq);
  void open_range(std::uint32_t index, Seq first);
  void close_range(std::uint32_t index);

  std::uint32_t count_ = 0;
  Seq end_;
  bool has_end_ = false;
  std::uint8_t recent_count_ = 0;
  /// Where octets came in, the latest first: one in each of the last ranges.
  std::array<Seq, sack_blocks_max> recent_;
  std::array<Range, reassembly_ranges_max> ranges_;
};

using ReassemblySlab = Slab<Reassembly>;

}  // namespace byway::tcp
