// From mbedTLS' numbers to reasons that people can use.
#include <mbedtls/ecp.h>
#include <mbedtls/rsa.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509.h>
#include <psa/crypto.h>

#include "tls/handshake.h"

namespace byway::tls {
namespace {

/// mbedTLS' modules number their errors in steps of 0x80, and the parser of ASN.1 adds its own below.
constexpr int high_level(int error) {
  return -(-error & 0xFF80);
}

bool is_of_x509(int error) {
  return high_level(error) <= -0x2080 && high_level(error) >= -0x2980;
}

}  // namespace

/// Whether the record that mbedTLS stumbled over is an alert in the clear. A client of TLS 1.3 that refuses
/// the server's certificate may send it so, before it uses its own keys (mbedTLS does, OpenSSL takes it); it
/// proves nothing, but says why.
bool Handshake::is_plain_alert() const {
  constexpr unsigned char content_alert = 21;
  constexpr unsigned char alert_bytes = 2;
  const unsigned char* const header = ssl_->MBEDTLS_PRIVATE(in_hdr);
  return context_.role() == Role::server && header != nullptr && header[0] == content_alert &&
         header[3] == 0 && header[4] == alert_bytes;
}

HandshakeFailure Handshake::classify(int error) const {
  if (refused_by_hook_ != HandshakeFailure::none) return refused_by_hook_;
  if (scope_->is_out_of_memory()) return HandshakeFailure::no_memory;
  if (is_plain_alert()) return HandshakeFailure::peer_alert;
  // What mbedTLS has noted to tell the peer says more than its error does.
  const bool is_decrypt_error =
      has_sent_alert_ && (ssl_->MBEDTLS_PRIVATE(alert_type) == MBEDTLS_SSL_ALERT_MSG_DECRYPT_ERROR ||
                          alert_sent_ == AlertDescription::decrypt_error);
  if (is_decrypt_error) return HandshakeFailure::bad_signature;
  switch (error) {
    // A server without certificate is answered so as well, by an alert of ours.
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
      return has_sent_alert_ ? HandshakeFailure::certificate_missing : HandshakeFailure::peer_alert;
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
    case MBEDTLS_ERR_SSL_CONN_EOF:
      return HandshakeFailure::peer_closed;
    case MBEDTLS_ERR_SSL_INVALID_RECORD:
    case MBEDTLS_ERR_SSL_UNEXPECTED_RECORD:
    case MBEDTLS_ERR_SSL_VERSION_MISMATCH:
      return HandshakeFailure::bad_record;
    case MBEDTLS_ERR_SSL_INVALID_MAC:
      return HandshakeFailure::bad_record_mac;
    case MBEDTLS_ERR_SSL_DECODE_ERROR:
      return HandshakeFailure::decode_error;
    case MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER:
    case MBEDTLS_ERR_ECP_INVALID_KEY:
    case MBEDTLS_ERR_ECP_BAD_INPUT_DATA:
    case PSA_ERROR_INVALID_ARGUMENT:
      return HandshakeFailure::illegal_parameter;
    case MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE:
      return HandshakeFailure::unexpected_message;
    case MBEDTLS_ERR_SSL_UNSUPPORTED_EXTENSION:
      return HandshakeFailure::unsupported_extension;
    case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
      return HandshakeFailure::unsupported_version;
    case MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE:
    case MBEDTLS_ERR_SSL_PK_TYPE_MISMATCH:
      return HandshakeFailure::nothing_in_common;
    case MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL:
      return HandshakeFailure::no_application_protocol;
    case MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE:
      return HandshakeFailure::certificate_missing;
    case MBEDTLS_ERR_SSL_BAD_CERTIFICATE:
      return HandshakeFailure::certificate_malformed;
    // How the verification says that it met more links than MBEDTLS_X509_MAX_INTERMEDIATE_CA.
    case MBEDTLS_ERR_X509_FATAL_ERROR:
      return HandshakeFailure::certificate_chain_too_long;
    case MBEDTLS_ERR_ECP_VERIFY_FAILED:
    case MBEDTLS_ERR_RSA_VERIFY_FAILED:
    case MBEDTLS_ERR_RSA_INVALID_PADDING:
    case PSA_ERROR_INVALID_SIGNATURE:
      return HandshakeFailure::bad_signature;
    case MBEDTLS_ERR_SSL_ALLOC_FAILED:
      return HandshakeFailure::no_memory;
    default:
      return is_of_x509(error) ? HandshakeFailure::certificate_malformed : HandshakeFailure::internal_error;
  }
}

}  // namespace byway::tls
