#include "dataplane/assert.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace byway {

void assertion_failed(const char* condition, const char* file, int line) noexcept {
  char text[512];
  const int size =
      std::snprintf(text, sizeof text, "byway: assertion failed: %s (%s:%d)\n", condition, file, line);
  if (size > 0) {
    const auto bytes =
        static_cast<unsigned>(size) < sizeof text ? static_cast<unsigned>(size) : sizeof text - 1;
    // Nothing can be done about a failed write on the way to abort().
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, bytes);
  }
  std::abort();
}

}  // namespace byway
