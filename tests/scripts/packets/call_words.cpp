#include "tests/scripts/packets/call_words.h"

#include <cerrno>
#include <charconv>
#include <cstring>

namespace byway::scripts {

std::optional<std::int64_t> number_of(std::string_view word) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return value;
}

std::optional<std::uint32_t> bits_of(std::string_view words, std::span<const NamedNumber> names) {
  std::uint32_t bits = 0;
  while (!words.empty()) {
    const std::string_view word = words.substr(0, words.find(','));
    words.remove_prefix(std::min(words.size(), word.size() + 1));
    bool found = word == "none" || word == "0";
    for (const auto& [name, bit] : names) {
      if (name != word) continue;
      bits |= static_cast<std::uint32_t>(bit);
      found = true;
    }
    if (!found) return std::nullopt;
  }
  return bits;
}

std::string names_of(std::uint32_t bits, std::span<const NamedNumber> names) {
  std::string text;
  for (const auto& [name, bit] : names) {
    if ((bits & static_cast<std::uint32_t>(bit)) != 0) text += (text.empty() ? "" : ",") + std::string(name);
  }
  return text.empty() ? "none" : text;
}

std::string error_name(int error) {
  const char* name = strerrorname_np(error);
  return name != nullptr ? name : std::to_string(error);
}

std::string result_of(std::int64_t result) {
  return result == -1 ? "-1 " + error_name(errno) : std::to_string(result);
}

}  // namespace byway::scripts
