// Watches the plain beginning of what a client sends, before it is taken seriously: whether it is TLS at all,
// and how long its ClientHello says to be. A ClientHello may come in any number of records (RFC 8446 5.1), so
// the four bytes that hold its length may as well.
//
// Fed with every byte that the handshake takes, in order; looks no further than the ClientHello (two, where
// the server asks for another key share).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tls/handshake_failure.h"

namespace byway::tls {

class ClientHelloGuard {
 public:
  explicit ClientHelloGuard(std::size_t client_hello_max) : client_hello_max_(client_hello_max) {}

  /// HandshakeFailure::none, not_tls or client_hello_too_large.
  [[nodiscard]] HandshakeFailure feed(std::span<const std::uint8_t> bytes);

 private:
  static constexpr std::size_t record_header_bytes = 5;
  static constexpr std::size_t message_header_bytes = 4;

  HandshakeFailure on_record_header();
  HandshakeFailure on_message_byte(std::uint8_t byte);

  std::size_t client_hello_max_;
  std::uint32_t message_left_ = 0;
  std::uint16_t record_left_ = 0;
  std::uint8_t record_header_[record_header_bytes]{};
  std::uint8_t record_header_size_ = 0;
  std::uint8_t message_header_[message_header_bytes]{};
  std::uint8_t message_header_size_ = 0;
  bool is_first_record_ = true;
  bool is_over_ = false;
};

}  // namespace byway::tls
