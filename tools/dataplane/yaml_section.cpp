#include "tools/dataplane/yaml_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace byway::tools {

namespace {

/// Levenshtein's distance: how many letters to insert, delete or change.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

/// A decimal number without sign, blanks or leading zeros; `rest` is what follows it.
std::optional<std::uint64_t> leading_number(std::string_view text, std::string_view& rest) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || (text[0] == '0' && end != text.data() + 1)) return std::nullopt;
  rest = text.substr(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::string joined(std::span<const std::string_view> words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace

std::string_view nearest_name(std::string_view name, std::span<const std::string_view> names) {
  std::string_view best;
  // Farther away than half its letters it is another word.
  std::size_t best_distance = name.size() / 2 + 1;
  for (const std::string_view candidate : names) {
    const std::size_t d = distance(name, candidate);
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

std::optional<std::string> scalar_of(Problems& problems, const YAML::Node& node, const std::string& path) {
  if (!node.IsScalar() || node.Scalar().empty()) {
    problems.add(node, fmt::format("{}: a single value is wanted here", path));
    return std::nullopt;
  }
  return node.Scalar();
}

Section::Section(Problems& problems, const YAML::Node& node, std::string path,
                 std::vector<std::string_view> keys)
    : problems_(problems), node_(node), path_(std::move(path)) {
  const std::string where = path_.empty() ? "" : path_ + ": ";
  if (!node.IsMap()) {
    problems.add(node, fmt::format("{}a mapping with the keys {} is wanted here", where, joined(keys)));
    node_ = YAML::Node(YAML::NodeType::Undefined);
    return;
  }
  std::vector<std::string> seen;
  for (const auto& entry : node) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
    if (std::ranges::find(seen, key) != seen.end()) {
      problems.add(entry.first, fmt::format("{}the key `{}` stands here twice", where, key));
    } else if (std::ranges::find(keys, key) == keys.end()) {
      const std::string_view near = nearest_name(key, keys);
      problems.add(entry.first,
                   near.empty()
                       ? fmt::format("{}there is no key `{}`; known are {}", where, key, joined(keys))
                       : fmt::format("{}there is no key `{}`; did you mean `{}`?", where, key, near));
    }
    seen.push_back(key);
  }
}

YAML::Node Section::find(std::string_view key) const {
  if (node_.IsDefined() && node_.IsMap()) {
    for (const auto& entry : node_) {
      if (entry.first.IsScalar() && entry.first.Scalar() == key) return entry.second;
    }
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

std::string Section::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

void Section::report(std::string_view key, const std::string& text) {
  const YAML::Node value = find(key);
  problems_.add(value.IsDefined() ? value : node_, fmt::format("{}: {}", path_of(key), text));
}

bool Section::require(std::string_view key, std::string_view what) {
  if (!node_.IsDefined() || !node_.IsMap()) return false;  // reported already
  if (find(key).IsDefined()) return true;
  problems_.add(node_, fmt::format("{}: is missing: {}", path_of(key), what));
  return false;
}

std::optional<std::string> Section::scalar(std::string_view key) {
  const YAML::Node value = find(key);
  if (!value.IsDefined()) return std::nullopt;
  return scalar_of(problems_, value, path_of(key));
}

std::optional<std::string> Section::text(std::string_view key) {
  return scalar(key);
}

std::optional<std::uint64_t> Section::number(std::string_view key, std::uint64_t min, std::uint64_t max) {
  return scaled(key, min, max, {}, "");
}

std::optional<std::uint64_t> Section::scaled(
    std::string_view key, std::uint64_t min, std::uint64_t max,
    std::span<const std::pair<std::string_view, std::uint64_t>> units, std::string_view example) {
  const auto text = scalar(key);
  if (!text) return std::nullopt;
  std::string_view rest;
  const auto number = leading_number(*text, rest);
  std::uint64_t factor = units.empty() && rest.empty() ? 1 : 0;
  for (const auto& [unit, value] : units) {
    if (rest == unit) factor = value;
  }
  if (!number || factor == 0) {
    report(key, example.empty() ? fmt::format("`{}` is no number; {} to {} is wanted", *text, min, max)
                                : fmt::format("`{}` does not look like {}", *text, example));
    return std::nullopt;
  }
  if (*number > max / factor || *number * factor < min) {
    report(key, units.empty()
                    ? fmt::format("{} is out of range; {} to {} is wanted", *text, min, max)
                    : fmt::format("{} is out of range; {}{} to {}{} is wanted", *text, min / units[0].second,
                                  units[0].first, max / units[0].second, units[0].first));
    return std::nullopt;
  }
  return *number * factor;
}

std::optional<std::uint64_t> Section::duration_ms(std::string_view key, std::uint64_t min,
                                                  std::uint64_t max) {
  static constexpr std::pair<std::string_view, std::uint64_t> units[] = {
      {"ms", 1}, {"s", 1000}, {"m", 60'000}};
  return scaled(key, min, max, units, "5s, 500ms or 1m");
}

std::optional<std::uint64_t> Section::size_bytes(std::string_view key, std::uint64_t min, std::uint64_t max) {
  static constexpr std::pair<std::string_view, std::uint64_t> units[] = {
      {"KiB", 1024}, {"MiB", 1024 * 1024}, {"", 1}};
  return scaled(key, min, max, units, "256KiB, 4MiB or a number of bytes");
}

std::optional<std::size_t> Section::word(std::string_view key, std::span<const std::string_view> words) {
  const auto text = scalar(key);
  if (!text) return std::nullopt;
  const auto at = std::ranges::find(words, *text);
  if (at != words.end()) return static_cast<std::size_t>(at - words.begin());
  report(key, fmt::format("`{}` is unknown; {} is wanted", *text, joined(words)));
  return std::nullopt;
}

void Section::list(std::string_view key, std::size_t min, std::size_t max,
                   const std::function<void(const YAML::Node&, const std::string&)>& item) {
  const YAML::Node value = find(key);
  if (!value.IsDefined()) return;
  if (!value.IsSequence() || value.size() < min || value.size() > max) {
    report(key, fmt::format("a list of {} to {} entries is wanted here", min, max));
    return;
  }
  for (std::size_t i = 0; i < value.size(); ++i) item(value[i], fmt::format("{}[{}]", path_of(key), i));
}

}  // namespace byway::tools
