#include "tools/cli/pcapng_tally.h"

#include <algorithm>
#include <cstring>

namespace byway::cli {

namespace {

// Blocks and options of draft-ietf-opsawg-pcapng. The agent's files are little endian.
constexpr std::uint32_t enhanced_packet = 6;
constexpr std::uint32_t interface_statistics = 5;
constexpr std::uint16_t statistics_seen = 4;
constexpr std::uint16_t statistics_dropped = 5;
constexpr std::uint16_t statistics_matched = 6;

constexpr std::size_t head_bytes = 8;               // type, length
constexpr std::size_t frame_bytes = 12;             // and the length again at the end
constexpr std::size_t statistics_fixed_bytes = 12;  // interface, time
constexpr std::size_t option_head_bytes = 4;
/// Longer blocks of statistics are not looked into.
constexpr std::size_t statistics_bytes_max = 4096;

template <typename Number>
Number number_at(std::string_view bytes, std::size_t at) {
  Number value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace

void PcapngTally::add(std::string_view bytes) {
  while (!bytes.empty() && !is_broken_) {
    const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size()));
    skip_ -= skipped;
    bytes.remove_prefix(skipped);
    std::size_t wanted = head_bytes;
    if (head_.size() >= head_bytes) wanted = number_at<std::uint32_t>(head_, 4);
    const std::size_t taken = std::min(wanted - head_.size(), bytes.size());
    head_ += bytes.substr(0, taken);
    bytes.remove_prefix(taken);
    if (head_.size() < wanted) return;
    const auto type = number_at<std::uint32_t>(head_, 0);
    const auto length = number_at<std::uint32_t>(head_, 4);
    is_broken_ = length < frame_bytes || length % 4 != 0;
    const bool is_read = type == interface_statistics && length <= statistics_bytes_max;
    if (is_read && head_.size() == head_bytes) continue;
    on_block(type, head_);
    skip_ = length - head_.size();
    head_.clear();
  }
}

void PcapngTally::on_block(std::uint32_t type, std::string_view block) {
  if (type == enhanced_packet) ++packets_;
  if (type != interface_statistics || block.size() == head_bytes) return;
  is_complete_ = true;
  if (block.size() < frame_bytes + statistics_fixed_bytes) return;
  std::string_view options = block.substr(head_bytes + statistics_fixed_bytes);
  options.remove_suffix(frame_bytes - head_bytes);
  while (options.size() >= option_head_bytes) {
    const auto code = number_at<std::uint16_t>(options, 0);
    const std::size_t size = number_at<std::uint16_t>(options, 2);
    options.remove_prefix(option_head_bytes);
    const std::size_t padded = (size + 3) / 4 * 4;
    if (padded > options.size()) return;
    if (size == sizeof(std::uint64_t)) {
      const auto value = number_at<std::uint64_t>(options, 0);
      if (code == statistics_seen) seen_ += value;
      if (code == statistics_dropped) dropped_ += value;
      if (code == statistics_matched) matched_ += value;
    }
    options.remove_prefix(padded);
  }
}

}  // namespace byway::cli
