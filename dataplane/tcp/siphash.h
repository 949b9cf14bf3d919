// SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash that an attacker who sees its results cannot
// predict. For sequence numbers, timestamps and ports, once a connection; not for lookups.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace byway::tcp {

class SipHash {
 public:
  explicit SipHash(std::span<const std::uint8_t, 16> key) { std::memcpy(key_.data(), key.data(), 16); }

  [[nodiscard]] std::uint64_t operator()(std::span<const std::uint8_t> message) const {
    State s{key_[0] ^ 0x736f6d6570736575u, key_[1] ^ 0x646f72616e646f6du, key_[0] ^ 0x6c7967656e657261u,
            key_[1] ^ 0x7465646279746573u};
    const std::uint64_t size = message.size();
    while (message.size() >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, message.data(), 8);
      s.absorb(word);
      message = message.subspan(8);
    }
    std::uint64_t last = size << 56;
    for (std::size_t i = 0; i < message.size(); ++i) last |= std::uint64_t{message[i]} << (8 * i);
    s.absorb(last);
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; ++i) s.round();
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
  }

 private:
  struct State {
    std::uint64_t v0, v1, v2, v3;
    void round() {
      v0 += v1;
      v1 = std::rotl(v1, 13) ^ v0;
      v0 = std::rotl(v0, 32);
      v2 += v3;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 += v3;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 += v1;
      v1 = std::rotl(v1, 17) ^ v2;
      v2 = std::rotl(v2, 32);
    }
    void absorb(std::uint64_t word) {
      v3 ^= word;
      round();
      round();
      v0 ^= word;
    }
  };
  std::array<std::uint64_t, 2> key_{};
};

}  // namespace byway::tcp
