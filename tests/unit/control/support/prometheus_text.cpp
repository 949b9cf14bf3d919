#include "tests/unit/control/support/prometheus_text.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <stdexcept>
#include <vector>

namespace byway::control {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_name(std::string_view text, bool with_colon) {
  if (text.empty() || is_digit(text[0])) return false;
  return std::ranges::all_of(text,
                             [&](char c) { return is_letter(c) || is_digit(c) || (with_colon && c == ':'); });
}

std::optional<double> number(std::string_view text) {
  if (text == "+Inf" || text == "NaN" || text == "-Inf") return 0;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

class Reader {
 public:
  std::expected<PrometheusText, std::string> read(std::string_view text) {
    if (!text.empty() && !text.ends_with('\n')) return std::unexpected("the last line has no end");
    while (!text.empty()) {
      const std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(line.size() + 1);
      const std::string problem = line.starts_with("# ") ? comment(line.substr(2)) : sample(line);
      if (!problem.empty()) return std::unexpected(problem + ": " + std::string(line));
    }
    if (const std::string problem = check_histograms(); !problem.empty()) return std::unexpected(problem);
    return std::move(out_);
  }

 private:
  std::string comment(std::string_view line) {
    const std::string_view word = line.substr(0, line.find(' '));
    if (word != "HELP" && word != "TYPE") return "neither HELP nor TYPE";
    line.remove_prefix(word.size() + 1);
    const std::string name(line.substr(0, line.find(' ')));
    if (!is_name(name, true) || line.size() <= name.size() + 1) return "a name and a text are wanted";
    const std::string rest(line.substr(name.size() + 1));
    if (word == "HELP") return helped_.insert(name).second ? "" : "a second HELP";
    constexpr std::string_view types[] = {"counter", "gauge", "histogram", "summary", "untyped"};
    if (std::ranges::find(types, rest) == std::end(types)) return "an unknown type";
    if (!helped_.contains(name)) return "TYPE without HELP";
    if (!out_.types.emplace(name, rest).second) return "a second TYPE";
    family_ = name;
    return "";
  }

  /// Whether a sample of that name may stand in the family that is being listed.
  bool belongs(std::string_view name) const {
    if (family_.empty() || !name.starts_with(family_)) return false;
    const std::string_view suffix = name.substr(family_.size());
    const std::string& type = out_.types.at(family_);
    if (type == "histogram") return suffix == "_bucket" || suffix == "_sum" || suffix == "_count";
    if (type == "summary") return suffix.empty() || suffix == "_sum" || suffix == "_count";
    return suffix.empty();
  }

  std::string sample(std::string_view line) {
    const std::size_t name_end = std::min(line.find_first_of("{ "), line.size());
    const std::string_view name = line.substr(0, name_end);
    if (!is_name(name, true)) return "not the name of a metric";
    if (!belongs(name)) return "not of the family before it";
    std::size_t at = name_end;
    if (line.substr(at).starts_with('{')) {
      const auto end = labels(line, at + 1);
      if (!end) return "labels are not of the form name=\"value\", each once";
      at = *end;
    }
    if (!line.substr(at).starts_with(' ')) return "a blank is wanted before the value";
    const auto value = number(line.substr(at + 1));
    if (!value) return "not a number";
    if (!out_.samples.emplace(std::string(line.substr(0, at)), *value).second) return "a series twice";
    order_.emplace_back(line.substr(0, at));
    return "";
  }

  /// Position behind the closing brace.
  static std::optional<std::size_t> labels(std::string_view line, std::size_t at) {
    std::set<std::string_view> names;
    for (;;) {
      const std::size_t equals = line.find('=', at);
      if (equals == line.npos) return std::nullopt;
      const std::string_view name = line.substr(at, equals - at);
      if (!is_name(name, false) || !names.insert(name).second) return std::nullopt;
      at = equals + 1;
      if (!line.substr(at).starts_with('"')) return std::nullopt;
      for (++at; at < line.size() && line[at] != '"'; ++at)
        if (line[at] == '\\' &&
            (++at >= line.size() || std::string_view("\\\"n").find(line[at]) == line.npos))
          return std::nullopt;
      ++at;
      if (line.substr(std::min(at, line.size())).starts_with('}')) return at + 1;
      if (!line.substr(std::min(at, line.size())).starts_with(',')) return std::nullopt;
      ++at;
    }
  }

  std::string check_histograms() const {
    for (const auto& [family, type] : out_.types) {
      if (type != "histogram") continue;
      double last = 0;
      for (const std::string& series : order_) {
        if (!series.starts_with(family + "_bucket{")) continue;
        const double value = out_.samples.at(series);
        if (value < last) return "buckets that shrink: " + series;
        last = value;
        const std::size_t bound = series.find("le=\"+Inf\"");
        if (bound == series.npos) continue;
        last = 0;
        std::string labels = series.substr(family.size() + 7, bound - family.size() - 7);
        if (labels.ends_with(',')) labels.back() = '}';
        const std::string count = family + "_count" + (labels == "{" ? "" : labels);
        const auto total = out_.samples.find(count);
        if (total == out_.samples.end() || total->second != value)
          return "not the same as " + count + ": " + series;
      }
    }
    return "";
  }

  PrometheusText out_;
  std::set<std::string> helped_;
  std::string family_;
  std::vector<std::string> order_;
};

}  // namespace

double PrometheusText::at(const std::string& series) const {
  const auto it = samples.find(series);
  if (it == samples.end()) throw std::out_of_range("no series " + series);
  return it->second;
}

std::expected<PrometheusText, std::string> parse_prometheus(std::string_view text) {
  return Reader().read(text);
}

}  // namespace byway::control
