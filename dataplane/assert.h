// BYWAY_ASSERT: for what only a bug in Byway can cause; kept in release builds. Never on input from the
// wire, a file or another process: those are values (enums, std::expected).
#pragma once

namespace byway {

/// Prints file, line and condition to standard error with one write(2) and aborts. Allocates nothing.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace byway

#define BYWAY_ASSERT(condition)                      \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::byway::assertion_failed(#condition, __FILE__, __LINE__))
