// What passes by in a pcapng file on its way from the agent into a file: how many packets, and what its
// statistics say. Looks at the frame of blocks and at nothing in packets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace byway::cli {

class PcapngTally {
 public:
  /// The next bytes, in pieces of any size. What is no pcapng is counted as nothing.
  void add(std::string_view bytes);

  [[nodiscard]] std::uint64_t packets() const { return packets_; }
  /// Sums over all interfaces of their statistics blocks.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
  [[nodiscard]] std::uint64_t matched() const { return matched_; }
  [[nodiscard]] std::uint64_t seen() const { return seen_; }
  /// Statistics have come: the file is whole.
  [[nodiscard]] bool is_complete() const { return is_complete_; }

 private:
  void on_block(std::uint32_t type, std::string_view body);

  std::string head_;        ///< the beginning of a block, or a whole one of statistics
  std::uint64_t skip_ = 0;  ///< bytes of the block that nobody looks at
  bool is_broken_ = false;  ///< a length made no sense
  bool is_complete_ = false;
  std::uint64_t packets_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t matched_ = 0;
  std::uint64_t seen_ = 0;
};

}  // namespace byway::cli
