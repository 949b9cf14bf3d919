// OpenSSL's libssl as the other end, through memory.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <string_view>

#include "tests/unit/tls/handshake/authority.h"

namespace byway::tls::test {

class OpenSslPeer {
 public:
  /// `authority`: whom it trusts; a server asks for a certificate and needs one if `is_mutual`.
  OpenSslPeer(Role role, ProtocolVersion version, const Issued& authority, bool is_mutual = false)
      : context_(SSL_CTX_new(role == Role::server ? TLS_server_method() : TLS_client_method())) {
    SSL_CTX_set_min_proto_version(context_, static_cast<int>(version));
    SSL_CTX_set_max_proto_version(context_, static_cast<int>(version));
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), authority.certificate.get());
    X509_VERIFY_PARAM* const parameters = SSL_CTX_get0_param(context_);
    X509_VERIFY_PARAM_set_time(parameters, now.seconds);
    const int mode = role == Role::client || is_mutual ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                                                       : SSL_VERIFY_NONE;
    SSL_CTX_set_verify(context_, mode, nullptr);
    // Else it sends the authority along, because it knows it.
    SSL_CTX_set_mode(context_, SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_alpn_select_cb(context_, choose_first, nullptr);
    role_ = role;
  }
  ~OpenSslPeer() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  OpenSslPeer(const OpenSslPeer&) = delete;
  OpenSslPeer& operator=(const OpenSslPeer&) = delete;

  [[nodiscard]] SSL_CTX* context() { return context_; }
  [[nodiscard]] SSL* ssl() { return start(); }
  void use(const Issued& leaf) {
    REQUIRE(SSL_CTX_use_certificate(context_, leaf.certificate.get()) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(context_, leaf.key) == 1);
  }
  void add_to_chain(const Issued& certificate) {
    X509_up_ref(certificate.certificate.get());
    SSL_CTX_add_extra_chain_cert(context_, certificate.certificate.get());
  }

  /// Takes bytes, goes on with the handshake or reads, and gives what it has to send.
  std::string exchange(std::string_view bytes) {
    start();
    if (!bytes.empty()) BIO_write(SSL_get_rbio(ssl_), bytes.data(), static_cast<int>(bytes.size()));
    if (!SSL_is_init_finished(ssl_)) SSL_do_handshake(ssl_);
    if (SSL_is_init_finished(ssl_)) {
      char text[2048];
      for (int count = 0; (count = SSL_read(ssl_, text, sizeof text)) > 0;)
        read_.append(text, static_cast<std::size_t>(count));
    }
    ERR_clear_error();
    return pending();
  }
  [[nodiscard]] bool is_done() const { return ssl_ != nullptr && SSL_is_init_finished(ssl_); }
  /// What it has decrypted so far.
  [[nodiscard]] const std::string& text() const { return read_; }
  std::string write(std::string_view text) {
    REQUIRE(SSL_write(ssl_, text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size()));
    return pending();
  }

 private:
  static int choose_first(SSL* /*ssl*/, const unsigned char** out, unsigned char* size,
                          const unsigned char* in, unsigned /*in_size*/, void* /*argument*/) {
    *size = in[0];
    *out = in + 1;
    return SSL_TLSEXT_ERR_OK;
  }
  SSL* start() {
    if (ssl_ != nullptr) return ssl_;
    ssl_ = SSL_new(context_);
    SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    (role_ == Role::server ? SSL_set_accept_state : SSL_set_connect_state)(ssl_);
    return ssl_;
  }
  std::string pending() {
    char* data = nullptr;
    const auto size = BIO_get_mem_data(SSL_get_wbio(ssl_), &data);
    std::string out(data, static_cast<std::size_t>(size));
    static_cast<void>(BIO_reset(SSL_get_wbio(ssl_)));
    return out;
  }

  Role role_ = Role::server;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  std::string read_;
};

}  // namespace byway::tls::test
