// Arguments of the data plane's commands: `name=value`, parted by one blank, each name at most once.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace byway::shm {

struct CommandWord {
  std::string_view name;
  std::string_view value;  ///< may be empty
};

/// The words, which point into `arguments`. Error: what is no word, unknown (with the known ones) or twice.
[[nodiscard]] std::expected<std::vector<CommandWord>, std::string> parse_words(
    std::string_view arguments, std::span<const std::string_view> names);

/// The value as a decimal number within bounds, both included. Error: with the name and the bounds.
[[nodiscard]] std::expected<std::uint64_t, std::string> number_of(const CommandWord& word,
                                                                  std::uint64_t least, std::uint64_t most);

}  // namespace byway::shm
