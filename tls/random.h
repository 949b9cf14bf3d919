// Random bytes of the TLS engine: the kernel's, by getrandom(2), without state of our own that a fork or the
// copy of a virtual machine could repeat.
//
// Some ten calls a handshake at 0.3 us each; records need none.
#pragma once

#include <cstdint>
#include <span>

namespace byway::tls {

using RandomSource = void (*)(std::span<std::uint8_t> out);

/// Fills `out`. Cannot fail: a kernel without random bytes is not one to run on (asserted).
void fill_random(std::span<std::uint8_t> out);

/// Tests and fuzzers only, before handshakes begin: takes bytes from `source` (nullptr: the kernel again), so
/// that a run can be repeated exactly. Returns the source before. Of the calling thread only.
RandomSource set_random_source(RandomSource source);

}  // namespace byway::tls
