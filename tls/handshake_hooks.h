// The functions that mbedTLS calls within a handshake. Of tls/ only: they know mbedTLS' types.
#pragma once

#include <mbedtls/ssl.h>

#include <cstddef>
#include <cstdint>

namespace byway::tls {

struct HandshakeHooks {
  /// Bytes of the peer, as many as it asks for or as there are (mbedtls_ssl_recv_t).
  static int receive(void* handshake, unsigned char* out, std::size_t size);
  /// Whole records for the peer (mbedtls_ssl_send_t).
  static int send(void* handshake, const unsigned char* bytes, std::size_t size);
  /// The server's certificates and what it wants of clients, by the name that the client asked for.
  static int choose_identity(mbedtls_ssl_context* ssl);
  /// Each certificate of the verified chain, the authority's first, the leaf at depth 0 last.
  static int verify_certificate(void* handshake, mbedtls_x509_crt* certificate, int depth,
                                std::uint32_t* flags);
  static void export_keys(void* handshake, mbedtls_ssl_key_export_type type, const unsigned char* secret,
                          std::size_t size, const unsigned char client_random[32],
                          const unsigned char server_random[32], mbedtls_tls_prf_types prf);
};

}  // namespace byway::tls
