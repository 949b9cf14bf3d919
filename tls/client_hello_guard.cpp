#include "tls/client_hello_guard.h"

namespace byway::tls {
namespace {

// RFC 8446 5.1 and 4.
constexpr std::uint8_t content_change_cipher_spec = 20;
constexpr std::uint8_t content_handshake = 22;
constexpr std::uint8_t version_major = 3;
constexpr std::uint8_t message_client_hello = 1;

}  // namespace

HandshakeFailure ClientHelloGuard::feed(std::span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) {
    if (is_over_) break;
    HandshakeFailure failure = HandshakeFailure::none;
    if (record_left_ == 0) {
      record_header_[record_header_size_++] = byte;
      failure = on_record_header();
    } else {
      --record_left_;
      if (record_header_[0] == content_handshake) failure = on_message_byte(byte);
    }
    if (failure != HandshakeFailure::none) return failure;
  }
  return HandshakeFailure::none;
}

/// A further byte of a record's header has come.
HandshakeFailure ClientHelloGuard::on_record_header() {
  // What another protocol's first bytes are (a method of HTTP, a greeting) should not wait for three more.
  if (is_first_record_ && (record_header_[0] != content_handshake ||
                           (record_header_size_ > 1 && record_header_[1] != version_major))) {
    return HandshakeFailure::not_tls;
  }
  if (record_header_size_ < record_header_bytes) return HandshakeFailure::none;
  is_first_record_ = false;
  record_header_size_ = 0;
  record_left_ = static_cast<std::uint16_t>(record_header_[3] << 8 | record_header_[4]);
  if (record_header_[0] != content_handshake && record_header_[0] != content_change_cipher_spec)
    is_over_ = true;
  return HandshakeFailure::none;
}

HandshakeFailure ClientHelloGuard::on_message_byte(std::uint8_t byte) {
  if (message_left_ > 0) {
    --message_left_;
    return HandshakeFailure::none;
  }
  message_header_[message_header_size_++] = byte;
  if (message_header_size_ < message_header_bytes) return HandshakeFailure::none;
  message_header_size_ = 0;
  if (message_header_[0] != message_client_hello) {
    is_over_ = true;
    return HandshakeFailure::none;
  }
  message_left_ = static_cast<std::uint32_t>(message_header_[1]) << 16 |
                  static_cast<std::uint32_t>(message_header_[2]) << 8 | message_header_[3];
  return message_left_ + message_header_bytes > client_hello_max_ ? HandshakeFailure::client_hello_too_large
                                                                  : HandshakeFailure::none;
}

}  // namespace byway::tls
