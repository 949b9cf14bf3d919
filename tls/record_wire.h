// How records and post-handshake messages look on the wire: RFC 8446 section 5 and 4.6, RFC 5246 section 6.2.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/net/cursor.h"
#include "tls/record_limits.h"

namespace byway::tls {

enum class ContentType : std::uint8_t {
  change_cipher_spec = 20,
  alert = 21,
  handshake = 22,
  application_data = 23,
};

/// Messages that may come after a handshake, or ask for a new one.
enum class HandshakeType : std::uint8_t {
  hello_request = 0,
  client_hello = 1,
  new_session_ticket = 4,
  key_update = 24,
};

/// Type and 24 bits of length (RFC 8446 4).
inline constexpr Bytes handshake_header_bytes = 4;
/// RFC 8446 4.6.3.
inline constexpr std::uint8_t update_not_requested = 0;
inline constexpr std::uint8_t update_requested = 1;
/// Extension of a NewSessionTicket (RFC 8446 4.2.10).
inline constexpr std::uint16_t extension_early_data = 42;

using RecordHeader = std::array<std::uint8_t, record_header_bytes>;

inline constexpr std::uint16_t legacy_version = 0x0303;

[[nodiscard]] constexpr RecordHeader record_header(ContentType type, Bytes length) {
  return {static_cast<std::uint8_t>(type), legacy_version >> 8, legacy_version & 0xff,
          static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)};
}
[[nodiscard]] constexpr std::uint16_t version_of(const RecordHeader& header) {
  return static_cast<std::uint16_t>(header[1] << 8 | header[2]);
}
[[nodiscard]] constexpr Bytes length_of(const RecordHeader& header) {
  return static_cast<Bytes>(header[3]) << 8 | header[4];
}

using net::load_be64;
using net::store_be64;

/// Reads a message front to back. What is not there makes it bad, and reads as nothing.
class MessageReader {
 public:
  explicit MessageReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  [[nodiscard]] std::uint32_t number(std::size_t bytes) {
    std::uint32_t value = 0;
    for (const std::uint8_t byte : take(bytes)) value = value << 8 | byte;
    return value;
  }
  [[nodiscard]] std::span<const std::uint8_t> take(std::size_t count) {
    if (count > bytes_.size()) {
      is_bad_ = true;
      bytes_ = {};
      return {};
    }
    const auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }
  /// A vector behind its length of `bytes` bytes.
  [[nodiscard]] std::span<const std::uint8_t> vector(std::size_t bytes) { return take(number(bytes)); }
  [[nodiscard]] bool is_bad() const { return is_bad_; }
  [[nodiscard]] bool is_empty() const { return bytes_.empty(); }

 private:
  std::span<const std::uint8_t> bytes_;
  bool is_bad_ = false;
};

}  // namespace byway::tls
