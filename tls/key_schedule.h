// Keys of records from secrets: HKDF-Expand-Label and what follows from it (RFC 8446 7.1 to 7.3, 4.6.1), and
// the PRF of TLS 1.2 (RFC 5246 section 5 and 6.3). HMAC by libcrypto's SHA-2, on the stack: a KeyUpdate takes
// no heap.
//
// All values here are secret but labels and contexts; who holds them wipes them. No function can fail.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "tls/traffic_secrets.h"

namespace byway::tls {

inline constexpr std::size_t aead_key_bytes_max = 32;
inline constexpr std::size_t aead_nonce_bytes = 12;
inline constexpr std::size_t aead_tag_bytes = 16;

[[nodiscard]] constexpr std::size_t key_bytes_of(Aead aead) {
  return aead == Aead::aes_128_gcm ? 16 : 32;
}

/// What one direction of a connection encrypts with. TLS 1.2 with AES-GCM has four bytes of nonce, the rest
/// comes with each record (RFC 5288 section 3): those stay 0 here.
struct DirectionKeys {
  std::array<std::uint8_t, aead_key_bytes_max> key{};
  std::array<std::uint8_t, aead_nonce_bytes> nonce{};

  DirectionKeys() = default;
  DirectionKeys(const DirectionKeys&) = delete;
  DirectionKeys& operator=(const DirectionKeys&) = delete;
  ~DirectionKeys() {
    wipe(key);
    wipe(nonce);
  }
};

/// HMAC (RFC 2104) of `first` and `second`, one behind the other, into `out`: size_of(hash) bytes. A key that
/// is longer than the hash's block is hashed first.
void hmac(Hash hash, std::span<const std::uint8_t> key, std::span<const std::uint8_t> first,
          std::span<const std::uint8_t> second, std::span<std::uint8_t> out);

/// HKDF-Expand-Label(secret, label, context, out.size()); `label` without "tls13 ". Asserted: `out` is at
/// most as long as the hash, which is all that TLS needs, the context at most 255 bytes, the label at
/// most 32.
void hkdf_expand_label(Hash hash, std::span<const std::uint8_t> secret, std::string_view label,
                       std::span<const std::uint8_t> context, std::span<std::uint8_t> out);

/// RFC 8446 7.3.
void derive_direction_keys(SuiteParameters suite, std::span<const std::uint8_t> secret, DirectionKeys& out);

/// RFC 8446 7.2: application_traffic_secret_N becomes that of N + 1.
void advance_traffic_secret(Hash hash, Secret& secret);

/// RFC 8446 4.6.1: the PSK of the ticket with this nonce.
void derive_resumption_psk(Hash hash, std::span<const std::uint8_t> resumption_secret,
                           std::span<const std::uint8_t> nonce, Secret& out);

/// PRF(secret, label, seed) of TLS 1.2, as long as `out`.
void tls12_prf(Hash hash, std::span<const std::uint8_t> secret, std::string_view label,
               std::span<const std::uint8_t> seed, std::span<std::uint8_t> out);

/// RFC 5246 6.3, for AEAD suites.
void derive_key_block(SuiteParameters suite, std::span<const std::uint8_t> master_secret,
                      const Random& client_random, const Random& server_random, DirectionKeys& client,
                      DirectionKeys& server);

}  // namespace byway::tls
