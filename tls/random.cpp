#include "tls/random.h"

#include <sys/random.h>

#include <cerrno>
#include <utility>

#include "dataplane/assert.h"

namespace byway::tls {
namespace {

void ask_kernel(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const ssize_t count = ::getrandom(out.data(), out.size(), 0);
    if (count < 0) {
      BYWAY_ASSERT(errno == EINTR);
      continue;
    }
    out = out.subspan(static_cast<std::size_t>(count));
  }
}

thread_local RandomSource random_source = ask_kernel;

}  // namespace

void fill_random(std::span<std::uint8_t> out) {
  random_source(out);
}

RandomSource set_random_source(RandomSource source) {
  return std::exchange(random_source, source != nullptr ? source : ask_kernel);
}

}  // namespace byway::tls
