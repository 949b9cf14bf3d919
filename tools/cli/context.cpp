#include <fmt/format.h>

#include <cstdio>

#include "tools/cli/verbs.h"

namespace byway::cli {

void Context::fail(const Error& error) {
  fmt::print(stderr, "error: {}\n", error.message);
  if (!error.hint.empty()) fmt::print(stderr, "hint:  {}\n", error.hint);
  exit = error.exit;
}

void Context::warn(const Answer& answer) {
  for (const std::string& text : answer.warnings) fmt::print(stderr, "warning: {}\n", text);
}

}  // namespace byway::cli
