// What a finished handshake hands to the record layer: the seam between tls::Handshake (mbedTLS) and
// tls/record, which derives its keys from this and needs nothing else of the handshake.
//
// TLS 1.3 (RFC 8446 7.1, 7.3): one application traffic secret a direction, as long as the suite's hash. Keys
// and nonces come from them by HKDF-Expand-Label ("key", "iv").
// TLS 1.2 (RFC 5246 6.3, 8.1): the master secret and both randoms; key_block = PRF(master secret, "key
// expansion", server_random + client_random) with the suite's hash. Only AEAD suites are negotiated, so it
// holds client key, server key, client nonce, server nonce.
//
// Owner: moved from the handshake to the record layer; wiped where it is destroyed or moved from. Never
// logged.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tls/secret_bytes.h"

namespace byway::tls {

enum class Role : std::uint8_t { client, server };

/// The numbers of the wire (RFC 8446 4.2.1).
enum class ProtocolVersion : std::uint16_t { tls12 = 0x0303, tls13 = 0x0304 };

/// The suites that Byway negotiates, by their IANA numbers: TLS 1.3 (RFC 8446 B.4), and of TLS 1.2 those with
/// ECDHE and an AEAD (RFC 5289, RFC 7905).
enum class CipherSuite : std::uint16_t {
  aes_128_gcm_sha256 = 0x1301,
  aes_256_gcm_sha384 = 0x1302,
  chacha20_poly1305_sha256 = 0x1303,
  ecdhe_ecdsa_aes_128_gcm_sha256 = 0xC02B,
  ecdhe_ecdsa_aes_256_gcm_sha384 = 0xC02C,
  ecdhe_rsa_aes_128_gcm_sha256 = 0xC02F,
  ecdhe_rsa_aes_256_gcm_sha384 = 0xC030,
  ecdhe_rsa_chacha20_poly1305_sha256 = 0xCCA8,
  ecdhe_ecdsa_chacha20_poly1305_sha256 = 0xCCA9,
};

enum class Aead : std::uint8_t { aes_128_gcm, aes_256_gcm, chacha20_poly1305 };
enum class Hash : std::uint8_t { sha256, sha384 };

/// What a suite says of records: the AEAD, and the hash of HKDF (TLS 1.3) or of the PRF (TLS 1.2).
struct SuiteParameters {
  Aead aead;
  Hash hash;
};

[[nodiscard]] constexpr SuiteParameters parameters_of(CipherSuite suite) {
  switch (suite) {
    case CipherSuite::aes_128_gcm_sha256:
    case CipherSuite::ecdhe_ecdsa_aes_128_gcm_sha256:
    case CipherSuite::ecdhe_rsa_aes_128_gcm_sha256:
      return {Aead::aes_128_gcm, Hash::sha256};
    case CipherSuite::aes_256_gcm_sha384:
    case CipherSuite::ecdhe_ecdsa_aes_256_gcm_sha384:
    case CipherSuite::ecdhe_rsa_aes_256_gcm_sha384:
      return {Aead::aes_256_gcm, Hash::sha384};
    case CipherSuite::chacha20_poly1305_sha256:
    case CipherSuite::ecdhe_rsa_chacha20_poly1305_sha256:
    case CipherSuite::ecdhe_ecdsa_chacha20_poly1305_sha256:
      return {Aead::chacha20_poly1305, Hash::sha256};
  }
  return {Aead::aes_128_gcm, Hash::sha256};
}

[[nodiscard]] constexpr std::size_t size_of(Hash hash) {
  return hash == Hash::sha256 ? 32 : 48;
}

/// SHA-384 is the longest hash of any suite; the master secret of TLS 1.2 has 48 bytes too (RFC 5246 8.1).
using Secret = SecretBytes<48>;
using Random = std::array<std::uint8_t, 32>;

/// Move-only. Everything that is not of its version is empty.
struct TrafficSecrets {
  Role role = Role::server;  ///< Ours: TLS 1.2's key block is split by it.
  ProtocolVersion version = ProtocolVersion::tls13;
  CipherSuite suite = CipherSuite::aes_128_gcm_sha256;

  // TLS 1.3: client_application_traffic_secret_0 and server_application_traffic_secret_0, by direction.
  Secret send_secret;
  Secret receive_secret;
  /// resumption_master_secret (RFC 8446 7.1): PSKs of tickets are derived from it.
  Secret resumption_secret;

  // TLS 1.2. Its master secret is also what a resumed session starts from.
  Secret master_secret;
  Random client_random{};
  Random server_random{};

  /// Numbers of the next records under the keys above (RFC 8446 5.3, RFC 5246 6.1). TLS 1.3 begins at 0; TLS
  /// 1.2 has protected the Finished of each side with the same keys.
  std::uint64_t send_sequence = 0;
  std::uint64_t receive_sequence = 0;
};

}  // namespace byway::tls
