// `--name value` of a benchmark's command line. What is not known, or no number, ends the program with a
// sentence: a figure of something else than was asked for is worse than none.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include "benchmarks/lib/figures.h"

namespace byway::benchmark {

class Arguments {
 public:
  Arguments(int argc, char** argv, std::initializer_list<std::string_view> known) {
    for (int i = 1; i < argc; i += 2) {
      std::string_view name = argv[i];
      bool is_known = false;
      for (const std::string_view one : known) is_known = is_known || name == one;
      if (!is_known || i + 1 == argc) {
        std::string all;
        for (const std::string_view one : known) all.append(" ").append(one).append(" VALUE");
        fail(fmt::format("{}: not known, or without a value; there are:{}", name, all));
      }
      values_[std::string(name)] = argv[i + 1];
    }
  }
  [[nodiscard]] std::string text(const std::string& name, const std::string& otherwise) const {
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : found->second;
  }
  [[nodiscard]] double number(const std::string& name, double otherwise) const {
    const auto found = values_.find(name);
    if (found == values_.end()) return otherwise;
    double value = 0;
    const std::string& word = found->second;
    const auto result = std::from_chars(word.data(), word.data() + word.size(), value);
    if (result.ec != std::errc() || result.ptr != word.data() + word.size() || value < 0) {
      fail(fmt::format("{} {}: not a number", name, word));
    }
    return value;
  }
  [[nodiscard]] std::uint32_t count(const std::string& name, std::uint32_t otherwise) const {
    return static_cast<std::uint32_t>(number(name, otherwise));
  }

 private:
  [[noreturn]] static void fail(const std::string& message) {
    fmt::print(stderr, "error: {}\n", message);
    std::exit(2);
  }
  std::map<std::string, std::string> values_;
};

}  // namespace byway::benchmark
