// Sequence numbers (RFC 9293 3.4): 32 bits that wrap. A type of its own, because every comparison of them as
// plain integers is a bug that shows after 4 GiB.
#pragma once

#include <cstdint>

namespace byway::tcp {

/// A place in the sequence space. Two of them compare by the shorter way round, which is right as long as
/// they are less than 2^31 apart; windows are at most 2^30 (RFC 7323 2.3).
struct Seq {
  std::uint32_t value = 0;

  friend constexpr bool operator==(Seq, Seq) = default;
  friend constexpr bool operator<(Seq a, Seq b) { return static_cast<std::int32_t>(a.value - b.value) < 0; }
  friend constexpr bool operator>(Seq a, Seq b) { return b < a; }
  friend constexpr bool operator<=(Seq a, Seq b) { return !(b < a); }
  friend constexpr bool operator>=(Seq a, Seq b) { return !(a < b); }

  friend constexpr Seq operator+(Seq a, std::uint32_t count) { return Seq{a.value + count}; }
  friend constexpr Seq operator-(Seq a, std::uint32_t count) { return Seq{a.value - count}; }
  constexpr Seq& operator+=(std::uint32_t count) {
    value += count;
    return *this;
  }
  /// Octets from `b` up to `a`; only meaningful when b <= a.
  friend constexpr std::uint32_t operator-(Seq a, Seq b) { return a.value - b.value; }
};

[[nodiscard]] constexpr Seq later(Seq a, Seq b) {
  return a < b ? b : a;
}
[[nodiscard]] constexpr Seq earlier(Seq a, Seq b) {
  return a < b ? a : b;
}

}  // namespace byway::tcp
