#include "tls/handshake_hooks.h"

#include <mbedtls/x509_crt.h>

#include <algorithm>

#include "tls/handshake.h"
#include "tls/handshake_output.h"

namespace byway::tls {
namespace {

// RFC 8446 5.1, 5.2 and 6.
constexpr std::size_t record_header_bytes = 5;
constexpr std::uint8_t content_alert = 21;
constexpr std::uint8_t content_application_data = 23;
constexpr std::size_t alert_bytes = 2;
/// A protected alert of TLS 1.3: alert, content type, tag. No handshake message is that short.
constexpr std::size_t protected_alert_bytes = alert_bytes + 1 + 16;

/// For mbedTLS a hook has failed; the reason is in Handshake::refused_by_hook_.
constexpr int refused = MBEDTLS_ERR_SSL_BAD_INPUT_DATA;

Handshake& self(void* handshake) {
  return *static_cast<Handshake*>(handshake);
}

}  // namespace

int HandshakeHooks::receive(void* handshake, unsigned char* out, std::size_t size) {
  Handshake& my = self(handshake);
  const std::size_t count = std::min<std::size_t>(size, my.received_->size());
  if (count == 0) return MBEDTLS_ERR_SSL_WANT_READ;
  if (count > my.context_.limits().bytes_in_max - my.bytes_in_) {
    my.refused_by_hook_ = HandshakeFailure::too_many_bytes;
    return refused;
  }
  my.bytes_in_ += static_cast<Bytes>(count);
  my.received_->copy_to(0, {out, count});
  my.received_->consume(static_cast<Bytes>(count));
  if (my.context_.role() == Role::server) {
    my.refused_by_hook_ = my.guard_.feed({out, count});
    if (my.refused_by_hook_ != HandshakeFailure::none) return refused;
  }
  return static_cast<int>(count);
}

int HandshakeHooks::send(void* handshake, const unsigned char* bytes, std::size_t size) {
  Handshake& my = self(handshake);
  const std::span<const std::uint8_t> records(bytes, size);
  for (std::size_t at = 0; at + record_header_bytes <= size;) {
    const std::size_t length = static_cast<std::size_t>(records[at + 3]) << 8 | records[at + 4];
    const std::size_t body = at + record_header_bytes;
    if (records[at] == content_alert ||
        (records[at] == content_application_data && length == protected_alert_bytes)) {
      my.has_sent_alert_ = true;
    }
    if (records[at] == content_alert && length == alert_bytes && body + alert_bytes <= size) {
      my.alert_sent_ = static_cast<AlertDescription>(records[body + 1]);
    }
    at = body + length;
  }
  if (!my.output_->append(records)) {
    my.refused_by_hook_ = HandshakeFailure::no_memory;
    return refused;
  }
  return static_cast<int>(size);
}

int HandshakeHooks::choose_identity(mbedtls_ssl_context* ssl) {
  Handshake& my = self(mbedtls_ssl_get_user_data_p(ssl));
  std::size_t size = 0;
  const unsigned char* const name = mbedtls_ssl_get_hs_sni(ssl, &size);
  std::string_view text = name != nullptr ? std::string_view{reinterpret_cast<const char*>(name), size} : "";
  if (!is_host_name(text)) text = "";
  text.copy(my.server_name_, sizeof my.server_name_);
  my.server_name_size_ = static_cast<std::uint8_t>(text.size());

  const ServerIdentity* const identity = my.context_.identity_for(text);
  if (identity == nullptr) {
    my.refused_by_hook_ = HandshakeFailure::unrecognized_name;
    return refused;
  }
  // A second ClientHello is the first but for its key share (RFC 8446 4.1.2).
  if (my.identity_ != nullptr && my.identity_ != identity) {
    my.refused_by_hook_ = HandshakeFailure::illegal_parameter;
    return refused;
  }
  my.identity_ = identity;
  my.verifier_ = identity->client_verifier;
  int error = mbedtls_ssl_set_hs_own_cert(ssl, nullptr, nullptr);
  for (const KeyPair& pair : identity->key_pairs) {
    if (error == 0) error = mbedtls_ssl_set_hs_own_cert(ssl, pair.chain.native(), pair.key.native());
  }
  // See HandshakeContext::client for what "optional" means to mbedTLS.
  const bool asks = identity->client_certificates != ClientCertificates::none;
  mbedtls_ssl_set_hs_authmode(ssl, asks ? MBEDTLS_SSL_VERIFY_OPTIONAL : MBEDTLS_SSL_VERIFY_NONE);
  if (asks) mbedtls_ssl_set_hs_ca_chain(ssl, identity->client_trust->native(), nullptr);
  return error;
}

int HandshakeHooks::verify_certificate(void* handshake, mbedtls_x509_crt* certificate, int depth,
                                       std::uint32_t* flags) {
  if (depth > 0) return 0;
  Handshake& my = self(handshake);
  // mbedTLS compared the name with the one that was asked for, the common name included; who is meant is the
  // verifier's to say.
  *flags &= ~static_cast<std::uint32_t>(MBEDTLS_X509_BADCERT_CN_MISMATCH);
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (const mbedtls_x509_crt* at = certificate; at != nullptr; at = at->next) {
    ++count;
    bytes += at->raw.len;
  }
  const HandshakeLimits& limits = my.context_.limits();
  if (count > limits.peer_chain_length_max) {
    my.refused_by_hook_ = HandshakeFailure::certificate_chain_too_long;
  } else if (bytes > limits.peer_chain_bytes_max) {
    my.refused_by_hook_ = HandshakeFailure::certificate_chain_too_large;
  } else if (my.verifier_ != nullptr) {
    my.refused_by_hook_ = my.verifier_->verify(CertificateView(*certificate));
  }
  if (my.refused_by_hook_ != HandshakeFailure::none) *flags |= MBEDTLS_X509_BADCERT_OTHER;
  return 0;
}

void HandshakeHooks::export_keys(void* handshake, mbedtls_ssl_key_export_type type,
                                 const unsigned char* secret, std::size_t size,
                                 const unsigned char client_random[32], const unsigned char server_random[32],
                                 mbedtls_tls_prf_types /*prf*/) {
  Handshake& my = self(handshake);
  TrafficSecrets& secrets = my.secrets_;
  const bool is_client = my.context_.role() == Role::client;
  switch (type) {
    case MBEDTLS_SSL_KEY_EXPORT_TLS12_MASTER_SECRET:
      secrets.master_secret.assign({secret, size});
      std::copy_n(client_random, secrets.client_random.size(), secrets.client_random.begin());
      std::copy_n(server_random, secrets.server_random.size(), secrets.server_random.begin());
      break;
    case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_APPLICATION_TRAFFIC_SECRET:
      (is_client ? secrets.send_secret : secrets.receive_secret).assign({secret, size});
      break;
    case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_APPLICATION_TRAFFIC_SECRET:
      (is_client ? secrets.receive_secret : secrets.send_secret).assign({secret, size});
      break;
    // Those of the handshake and of early data are over when it is done.
    default:
      break;
  }
}

}  // namespace byway::tls
