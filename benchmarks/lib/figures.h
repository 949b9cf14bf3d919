// What a program of this folder tells `run`: one line of JSON with names and numbers, or why there are none.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace byway::benchmark {

class Figures {
 public:
  void add(std::string_view name, double value) { append(name, fmt::format("{}", value)); }
  void add(std::string_view name, std::uint64_t value) { append(name, fmt::format("{}", value)); }
  void print() const {
    fmt::print("{{{}}}\n", text_);
    std::fflush(stdout);
  }

 private:
  void append(std::string_view name, const std::string& value) {
    text_ += fmt::format("{}\"{}\": {}", text_.empty() ? "" : ", ", name, value);
  }
  std::string text_;
};

}  // namespace byway::benchmark
