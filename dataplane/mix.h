// A number whose bits are spread over all of it: for tables and for choosing among workers. Keyed by what is
// mixed in before; against who sees results use SipHash (tcp/siphash.h).
#pragma once

#include <cstdint>

namespace byway {

/// Two rounds of multiply and shift: a bijection.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t value) {
  value ^= value >> 32;
  value *= 0xd6e8feb86659fd93ULL;
  value ^= value >> 32;
  value *= 0xd6e8feb86659fd93ULL;
  return value ^ value >> 32;
}

}  // namespace byway
