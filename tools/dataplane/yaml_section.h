// Strict reading of a YAML file that people write: every mapping knows its keys, every value its form, and
// every mistake is reported with its line and what would be right. All mistakes of a file are collected.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace byway::tools {

/// One mistake.
struct Problem {
  int line = 0;  ///< from 1
  std::string text;
};

/// Mistakes of one file, in the order in which they were found.
class Problems {
 public:
  void add(const YAML::Node& where, std::string text) {
    list_.push_back({where.Mark().line + 1, std::move(text)});
  }
  [[nodiscard]] std::vector<Problem> take() { return std::move(list_); }
  [[nodiscard]] bool empty() const { return list_.empty(); }

 private:
  std::vector<Problem> list_;
};

/// The one of `names` that `name` was probably meant to be; empty if none is near.
[[nodiscard]] std::string_view nearest_name(std::string_view name, std::span<const std::string_view> names);

/// A mapping under check. Its constructor reports what is no mapping, unknown and repeated keys.
class Section {
 public:
  /// `path` names it in messages ("ports[0]"; empty: the file itself).
  Section(Problems& problems, const YAML::Node& node, std::string path, std::vector<std::string_view> keys);

  /// The value of `key`; an undefined node if it is not there.
  [[nodiscard]] YAML::Node find(std::string_view key) const;
  /// Reports that `key` is missing, unless it is there.
  bool require(std::string_view key, std::string_view what);

  /// The values of keys that are there and have the right form; mistakes are reported and give nullopt.
  /// `what` says what would be right.
  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view key, std::uint64_t min,
                                                    std::uint64_t max);
  /// The position of the value among `words`.
  [[nodiscard]] std::optional<std::size_t> word(std::string_view key,
                                                std::span<const std::string_view> words);
  /// "500ms", "5s", "2m": in milliseconds.
  [[nodiscard]] std::optional<std::uint64_t> duration_ms(std::string_view key, std::uint64_t min,
                                                         std::uint64_t max);
  /// "4096", "256KiB", "4MiB".
  [[nodiscard]] std::optional<std::uint64_t> size_bytes(std::string_view key, std::uint64_t min,
                                                        std::uint64_t max);
  /// Calls `item(node, path)` for each entry of a list; reports what is no list, or has not `min` to `max`.
  void list(std::string_view key, std::size_t min, std::size_t max,
            const std::function<void(const YAML::Node&, const std::string&)>& item);

  /// Reports a mistake in the value of `key` (or in the section, if it is not there).
  void report(std::string_view key, const std::string& text);
  [[nodiscard]] std::string path_of(std::string_view key) const;
  [[nodiscard]] const YAML::Node& node() const { return node_; }

 private:
  [[nodiscard]] std::optional<std::string> scalar(std::string_view key);
  [[nodiscard]] std::optional<std::uint64_t> scaled(
      std::string_view key, std::uint64_t min, std::uint64_t max,
      std::span<const std::pair<std::string_view, std::uint64_t>> units, std::string_view example);

  Problems& problems_;
  YAML::Node node_;
  std::string path_;
};

/// A plain or quoted scalar that is not empty.
[[nodiscard]] std::optional<std::string> scalar_of(Problems& problems, const YAML::Node& node,
                                                   const std::string& path);

}  // namespace byway::tools
