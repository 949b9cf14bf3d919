#include "control/shm/command_words.h"

#include <algorithm>
#include <charconv>

namespace byway::shm {
namespace {

/// Of a word in an error: what a stranger sent shall not fill a log.
constexpr std::size_t shown_bytes_max = 40;

std::string known(std::span<const std::string_view> names) {
  std::string text;
  for (const std::string_view name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

std::string shown(std::string_view text) {
  std::string safe(text.substr(0, shown_bytes_max));
  std::ranges::replace_if(safe, [](char one) { return one < ' ' || one > '~'; }, '?');
  return safe;
}

}  // namespace

std::expected<std::vector<CommandWord>, std::string> parse_words(std::string_view arguments,
                                                                 std::span<const std::string_view> names) {
  std::vector<CommandWord> words;
  while (!arguments.empty()) {
    const std::string_view word = arguments.substr(0, arguments.find(' '));
    arguments.remove_prefix(word.size());
    if (!arguments.empty()) {
      arguments.remove_prefix(1);
      if (arguments.empty()) return std::unexpected(std::string("a blank stands at the end"));
    }
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    if (equals == word.npos || std::ranges::find(names, name) == names.end()) {
      return std::unexpected("`" + shown(word) + "`: NAME=VALUE is wanted, with the names " + known(names));
    }
    if (std::ranges::any_of(words, [&](const CommandWord& other) { return other.name == name; })) {
      return std::unexpected(std::string(name) + ": given twice");
    }
    words.push_back({name, word.substr(equals + 1)});
  }
  return words;
}

std::expected<std::uint64_t, std::string> number_of(const CommandWord& word, std::uint64_t least,
                                                    std::uint64_t most) {
  std::uint64_t value = 0;
  const char* const end = word.value.data() + word.value.size();
  const auto [stop, error] = std::from_chars(word.value.data(), end, value);
  if (error != std::errc{} || stop != end || value < least || value > most) {
    return std::unexpected(std::string(word.name) + ": is a number from " + std::to_string(least) + " to " +
                           std::to_string(most));
  }
  return value;
}

}  // namespace byway::shm
