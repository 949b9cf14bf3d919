// Big-endian fields in bytes from the wire. Reader checks every access; after a read past the end it yields
// zeros and says so once, at the end, by failed(). load_ and store_ are for places whose bounds are known.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace byway::net {

static_assert(std::endian::native == std::endian::little);

[[nodiscard]] inline std::uint16_t load_be16(const std::uint8_t* at) {
  return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}
[[nodiscard]] inline std::uint32_t load_be32(const std::uint8_t* at) {
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 | at[3];
}
[[nodiscard]] inline std::uint64_t load_be64(const std::uint8_t* at) {
  std::uint64_t turned;
  std::memcpy(&turned, at, sizeof turned);
  return std::byteswap(turned);
}
// In one piece: what compilers make of single bytes that are stored is slow where many of them stand
// together.
inline void store_be16(std::uint8_t* at, std::uint16_t value) {
  const std::uint16_t turned = std::byteswap(value);
  std::memcpy(at, &turned, sizeof turned);
}
inline void store_be32(std::uint8_t* at, std::uint32_t value) {
  const std::uint32_t turned = std::byteswap(value);
  std::memcpy(at, &turned, sizeof turned);
}
inline void store_be64(std::uint8_t* at, std::uint64_t value) {
  const std::uint64_t turned = std::byteswap(value);
  std::memcpy(at, &turned, sizeof turned);
}

/// Reads fields in order, never past the end.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  std::uint8_t u8() { return need(1) ? bytes_[at_++] : std::uint8_t{0}; }
  std::uint16_t be16() {
    if (!need(2)) return 0;
    at_ += 2;
    return load_be16(&bytes_[at_ - 2]);
  }
  std::uint32_t be32() {
    if (!need(4)) return 0;
    at_ += 4;
    return load_be32(&bytes_[at_ - 4]);
  }
  void copy(std::span<std::uint8_t> out) {
    if (!need(out.size())) return;
    std::memcpy(out.data(), &bytes_[at_], out.size());
    at_ += out.size();
  }
  void skip(std::size_t count) {
    if (need(count)) at_ += count;
  }

  [[nodiscard]] std::size_t offset() const { return at_; }
  [[nodiscard]] std::span<const std::uint8_t> rest() const { return bytes_.subspan(at_); }
  /// Some read went past the end; what it returned is zero.
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  bool need(std::size_t count) {
    if (count <= bytes_.size() - at_) return true;
    failed_ = true;
    return false;
  }

  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace byway::net
