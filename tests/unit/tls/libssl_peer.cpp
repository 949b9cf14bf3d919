#include "tests/unit/tls/libssl_peer.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "tests/unit/tls/record_bench.h"

namespace byway::tls::test {

namespace {

struct Identity {
  EVP_PKEY* key;
  X509* certificate;
};

/// A key and a certificate that it signed itself; one of each kind for all tests.
const Identity& identity(bool is_rsa) {
  const auto make = [](EVP_PKEY* key) {
    X509* certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3'600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3'600);
    X509_set_pubkey(certificate, key);
    REQUIRE(X509_sign(certificate, key, EVP_sha256()) > 0);
    return Identity{key, certificate};
  };
  static const Identity ecdsa = make(EVP_EC_gen("P-256"));
  if (!is_rsa) return ecdsa;
  static const Identity rsa = make(EVP_RSA_gen(2'048));
  return rsa;
}

/// The value of the line `label` of a key log: LABEL client-random value.
std::string logged(const std::string& keylog, std::string_view label) {
  const std::size_t at = keylog.find(label);
  REQUIRE(at != std::string::npos);
  const std::size_t end = keylog.find('\n', at);
  const std::size_t value = keylog.rfind(' ', end);
  return hex_to_bytes(keylog.substr(value + 1, end - value - 1));
}

}  // namespace

LibsslPeer::LibsslPeer(Role role, const LibsslOptions& options)
    : role_(role),
      version_(options.version),
      context_(SSL_CTX_new(role == Role::client ? TLS_client_method() : TLS_server_method())) {
  const int version = static_cast<int>(options.version);
  SSL_CTX* context = context_.get();
  REQUIRE(SSL_CTX_set_min_proto_version(context, version) == 1);
  REQUIRE(SSL_CTX_set_max_proto_version(context, version) == 1);
  if (options.version == ProtocolVersion::tls13) {
    REQUIRE(SSL_CTX_set_ciphersuites(context, options.suite) == 1);
  } else {
    REQUIRE(SSL_CTX_set_cipher_list(context, options.suite) == 1);
  }
  SSL_CTX_set_num_tickets(context, static_cast<std::size_t>(options.tickets));
  SSL_CTX_set_keylog_callback(context, &LibsslPeer::on_keylog);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &LibsslPeer::on_session);
  if (role == Role::server) {
    const Identity& its = identity(options.is_rsa);
    REQUIRE(SSL_CTX_use_certificate(context, its.certificate) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(context, its.key) == 1);
  }
  ssl_.reset(SSL_new(context));
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  BIO_set_mem_eof_return(SSL_get_rbio(ssl_.get()), -1);
  if (role == Role::client) {
    SSL_set_connect_state(ssl_.get());
  } else {
    SSL_set_accept_state(ssl_.get());
  }
}

bool LibsslPeer::handshake() {
  return SSL_do_handshake(ssl_.get()) == 1;
}

void LibsslPeer::receive(std::string_view wire) {
  if (wire.empty()) return;
  REQUIRE(BIO_write(SSL_get_rbio(ssl_.get()), wire.data(), static_cast<int>(wire.size())) ==
          static_cast<int>(wire.size()));
}

std::string LibsslPeer::send() {
  BIO* bio = SSL_get_wbio(ssl_.get());
  std::string wire(BIO_ctrl_pending(bio), '\0');
  if (!wire.empty()) {
    REQUIRE(BIO_read(bio, wire.data(), static_cast<int>(wire.size())) == static_cast<int>(wire.size()));
  }
  return wire;
}

std::string LibsslPeer::read() {
  std::string all;
  std::string piece(20'000, '\0');
  ERR_clear_error();
  for (;;) {
    const int size = SSL_read(ssl_.get(), piece.data(), static_cast<int>(piece.size()));
    if (size <= 0) {
      error_ = SSL_get_error(ssl_.get(), size);
      return all;
    }
    all.append(piece, 0, static_cast<std::size_t>(size));
  }
}

void LibsslPeer::write(std::string_view plain) {
  REQUIRE(SSL_write(ssl_.get(), plain.data(), static_cast<int>(plain.size())) ==
          static_cast<int>(plain.size()));
}

std::string LibsslPeer::error_text() const {
  std::string text(256, '\0');
  ERR_error_string_n(ERR_peek_last_error(), text.data(), text.size());
  return text.c_str();
}

TrafficSecrets LibsslPeer::secrets() const {
  TrafficSecrets secrets;
  secrets.role = role_;
  secrets.version = version_;
  secrets.suite = static_cast<CipherSuite>(SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl_.get())));
  if (version_ == ProtocolVersion::tls13) {
    const std::string client = logged(keylog_, "CLIENT_TRAFFIC_SECRET_0");
    const std::string server = logged(keylog_, "SERVER_TRAFFIC_SECRET_0");
    secrets.send_secret.assign(bytes_of(role_ == Role::client ? client : server));
    secrets.receive_secret.assign(bytes_of(role_ == Role::client ? server : client));
    return secrets;
  }
  secrets.master_secret.assign(bytes_of(logged(keylog_, "CLIENT_RANDOM")));
  REQUIRE(SSL_get_client_random(ssl_.get(), secrets.client_random.data(), sizeof(Random)) == sizeof(Random));
  REQUIRE(SSL_get_server_random(ssl_.get(), secrets.server_random.data(), sizeof(Random)) == sizeof(Random));
  secrets.send_sequence = 1;  // behind each side's Finished
  secrets.receive_sequence = 1;
  return secrets;
}

void LibsslPeer::on_keylog(const SSL* ssl, const char* line) {
  static_cast<LibsslPeer*>(SSL_get_app_data(ssl))->keylog_.append(line).append("\n");
}

int LibsslPeer::on_session(SSL* ssl, SSL_SESSION* session) {
  static_cast<LibsslPeer*>(SSL_get_app_data(ssl))->session_.reset(session);
  return 1;
}

LibsslPair::LibsslPair(const LibsslOptions& options)
    : client(Role::client, options), server(Role::server, options) {
  bool is_client_done = false;
  bool is_server_done = false;
  for (int round = 0; round < 10 && !(is_client_done && is_server_done); ++round) {
    is_client_done = client.handshake();
    server.receive(client.send());
    is_server_done = server.handshake();
    wire = server.send();
    if (!is_client_done) {
      client.receive(wire);
      wire.clear();
    }
  }
  REQUIRE((is_client_done && is_server_done));
}

}  // namespace byway::tls::test
