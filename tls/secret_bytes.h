// Bytes that must not outlive their use: a bounded secret in place, wiped when it is moved from or destroyed.
//
// Owner: whoever holds the object; nothing points into it. Copies are not possible, so that a secret is in
// one place at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/assert.h"

namespace byway::tls {

/// Overwrites memory in a way that the compiler keeps.
inline void wipe(std::span<std::uint8_t> memory) {
  ::explicit_bzero(memory.data(), memory.size());
}

template <std::size_t BytesMax>
class SecretBytes {
 public:
  static_assert(BytesMax <= UINT8_MAX);
  static constexpr std::size_t bytes_max = BytesMax;

  SecretBytes() = default;
  /// Asserted: at most BytesMax.
  explicit SecretBytes(std::span<const std::uint8_t> bytes) { assign(bytes); }
  SecretBytes(SecretBytes&& other) noexcept { take(other); }
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    if (this != &other) take(other);
    return *this;
  }
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { clear(); }

  /// Asserted: at most BytesMax.
  void assign(std::span<const std::uint8_t> bytes) {
    BYWAY_ASSERT(bytes.size() <= BytesMax);
    clear();
    std::copy(bytes.begin(), bytes.end(), memory_.begin());
    size_ = static_cast<std::uint8_t>(bytes.size());
  }
  void clear() {
    wipe(memory_);
    size_ = 0;
  }

  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return {memory_.data(), size_}; }
  [[nodiscard]] const std::uint8_t* data() const { return memory_.data(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  void take(SecretBytes& other) {
    assign(other.bytes());
    other.clear();
  }

  std::array<std::uint8_t, BytesMax> memory_{};
  std::uint8_t size_ = 0;
};

}  // namespace byway::tls
