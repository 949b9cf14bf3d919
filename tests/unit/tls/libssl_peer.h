// A libssl end in memory, for both roles: it does the handshake with another of its kind, then either goes on
// as the peer, or tells its secrets so that a record layer takes its place.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "tls/traffic_secrets.h"

namespace byway::tls::test {

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};

struct LibsslOptions {
  ProtocolVersion version = ProtocolVersion::tls13;
  const char* suite = "TLS_AES_128_GCM_SHA256";
  int tickets = 0;  ///< NewSessionTickets that the server sends behind its handshake (TLS 1.3).
  bool is_rsa = false;
};

class LibsslPeer {
 public:
  LibsslPeer(Role role, const LibsslOptions& options);

  /// Goes on with the handshake; true when it is done.
  bool handshake();
  void receive(std::string_view wire);
  /// What is to be sent.
  [[nodiscard]] std::string send();
  /// All application data that has come. SSL_ERROR_WANT_READ stays the error while the stream goes on.
  [[nodiscard]] std::string read();
  void write(std::string_view plain);
  /// Of the last read().
  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] std::string error_text() const;
  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }
  /// The last session that a ticket brought; nullptr: none.
  [[nodiscard]] SSL_SESSION* session() const { return session_.get(); }

  /// What a record layer needs to go on in its place.
  [[nodiscard]] TrafficSecrets secrets() const;

 private:
  static void on_keylog(const SSL* ssl, const char* line);
  static int on_session(SSL* ssl, SSL_SESSION* session);

  Role role_;
  ProtocolVersion version_;
  std::unique_ptr<SSL_CTX, FreeSsl> context_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  std::unique_ptr<SSL_SESSION, FreeSsl> session_;
  std::string keylog_;
  int error_ = 0;
};

/// Two that have shaken hands. `client` has not seen what the server sent behind its handshake: see `wire`.
struct LibsslPair {
  explicit LibsslPair(const LibsslOptions& options);
  LibsslPeer client;
  LibsslPeer server;
  std::string wire;  ///< Tickets that the server has sent.
};

}  // namespace byway::tls::test
