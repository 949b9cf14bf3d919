#include "dataplane/tcp/reassembly.h"

#include <algorithm>
#include <utility>

#include "dataplane/tcp/limits.h"

namespace byway::tcp {

namespace {

template <std::size_t... I, typename Make>
auto make_array(std::index_sequence<I...>, Make make) {
  return std::array{(static_cast<void>(I), make())...};
}

}  // namespace

Reassembly::Reassembly(SlicePool& pool)
    : ranges_(make_array(std::make_index_sequence<reassembly_ranges_max>{}, [&] { return Range(pool); })) {}

void Reassembly::open_range(std::uint32_t index, Seq first) {
  for (std::uint32_t i = count_; i > index; --i) ranges_[i] = std::move(ranges_[i - 1]);
  ++count_;
  ranges_[index].first = first;
}

void Reassembly::close_range(std::uint32_t index) {
  ranges_[index].bytes.clear();
  for (std::uint32_t i = index; i + 1 < count_; ++i) ranges_[i] = std::move(ranges_[i + 1]);
  --count_;
}

/// Octets have come in at `seq`: its range is the newest now.
void Reassembly::note(Seq seq) {
  const auto range_of = [&](Seq of) {
    for (std::uint32_t i = 0; i < count_; ++i) {
      if (ranges_[i].first <= of && of < ranges_[i].end()) return i;
    }
    return count_;
  };
  const std::uint32_t own = range_of(seq);
  std::array<Seq, sack_blocks_max> kept;
  std::uint8_t kept_count = 1;
  kept[0] = seq;
  for (std::uint8_t i = 0; i < recent_count_ && kept_count < sack_blocks_max; ++i) {
    const std::uint32_t range = range_of(recent_[i]);
    if (range != own && range != count_) kept[kept_count++] = recent_[i];
  }
  recent_ = kept;
  recent_count_ = kept_count;
}

std::uint8_t Reassembly::report(std::span<SackBlock> out) const {
  std::uint8_t written = 0;
  const auto tell = [&](std::uint32_t index) {
    const auto is_it = [&](const SackBlock& block) { return block.first == ranges_[index].first; };
    if (!std::none_of(out.begin(), out.begin() + written, is_it)) return;
    SackBlock block = range(index);
    if (ends_at(block.end)) block.end += 1;  // the FIN has a number of its own
    out[written++] = block;
  };
  for (std::uint8_t i = 0; i < recent_count_ && written < out.size(); ++i) {
    for (std::uint32_t j = 0; j < count_; ++j) {
      if (ranges_[j].first > recent_[i] || recent_[i] >= ranges_[j].end()) continue;
      tell(j);
      break;
    }
  }
  // "As many distinct blocks as possible": of the newest some may have become one.
  for (std::uint32_t j = count_; j > 0 && written < out.size(); --j) tell(j - 1);
  return written;
}

Reassembly::Result Reassembly::insert(Seq seq, Slice bytes) {
  if (slice_count() >= queue_slices_max) return Result::full;
  Result result = Result::duplicate;
  const Seq begin = seq;
  while (!bytes.empty()) {
    std::uint32_t i = 0;
    while (i < count_ && ranges_[i].end() < seq) ++i;
    // Range i, if there is one, is the first that ends at or behind seq.
    if (i < count_ && ranges_[i].first <= seq && seq < ranges_[i].end()) {  // these octets are there
      const Bytes known = std::min(bytes.size(), ranges_[i].end() - seq);
      bytes.remove_front(known);
      seq += known;
      continue;
    }
    const bool extends = i < count_ && ranges_[i].end() == seq;
    const std::uint32_t behind = extends ? i + 1 : i;  // the range that limits what is new
    Bytes fresh = bytes.size();
    if (behind < count_) fresh = std::min(fresh, ranges_[behind].first - seq);
    const bool touches = behind < count_ && seq + fresh == ranges_[behind].first;

    if (!extends && !touches) {
      if (count_ == reassembly_ranges_max) return Result::full;
      open_range(i, seq);
      if (!ranges_[i].bytes.append(bytes.share(0, fresh))) {
        close_range(i);
        return Result::no_memory;
      }
    } else if (extends) {
      if (!ranges_[i].bytes.append(bytes.share(0, fresh))) return Result::no_memory;
      if (touches) {
        ranges_[i].bytes.append(std::move(ranges_[behind].bytes));
        close_range(behind);
      }
    } else {
      if (!ranges_[behind].bytes.prepend(bytes.share(0, fresh))) return Result::no_memory;
      ranges_[behind].first = seq;
    }
    note(seq);
    bytes.remove_front(fresh);
    seq += fresh;
    result = Result::kept;
  }
  // RFC 2883 4: the range around a duplicate is told of right behind the DSACK.
  if (result == Result::duplicate && seq > begin) note(begin);
  return result;
}

Bytes Reassembly::take(Seq next, Rope& target) {
  Bytes taken = 0;
  while (count_ > 0 && ranges_[0].first <= next) {
    Range& range = ranges_[0];
    const Seq end = range.end();
    if (end > next) {
      range.bytes.consume(next - range.first);
      taken += end - next;
      next = end;
      target.append(std::move(range.bytes));
    }
    close_range(0);
  }
  return taken;
}

Bytes Reassembly::size() const {
  Bytes sum = 0;
  for (std::uint32_t i = 0; i < count_; ++i) sum += ranges_[i].bytes.size();
  return sum;
}

std::uint32_t Reassembly::slice_count() const {
  std::uint32_t sum = 0;
  for (std::uint32_t i = 0; i < count_; ++i) sum += ranges_[i].bytes.slice_count();
  return sum;
}

}  // namespace byway::tcp
