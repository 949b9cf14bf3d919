// Lines for the person or the journal that reads standard error. Main thread only: workers do not log.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string_view>

namespace byway::tools {

inline void log_line(std::string_view text) {
  fmt::print(stderr, "byway-dataplane: {}\n", text);
}

template <typename... Arguments>
void log(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  log_line(fmt::format(format, std::forward<Arguments>(arguments)...));
}

}  // namespace byway::tools
