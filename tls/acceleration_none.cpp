// Of builds without libcrypto's elliptic curves (meson option `tls_acceleration`): all is mbedTLS' own.
#include "tls/acceleration.h"
#include "tls/mbedtls_portable.h"

namespace byway::tls {

bool has_acceleration() {
  return false;
}
bool set_acceleration(bool /*is_on*/) {
  return false;
}

}  // namespace byway::tls

extern "C" {

psa_status_t mbedtls_psa_ecdsa_sign_hash(const psa_key_attributes_t* attributes, const std::uint8_t* key,
                                         std::size_t key_size, psa_algorithm_t algorithm,
                                         const std::uint8_t* hash, std::size_t hash_size,
                                         std::uint8_t* signature, std::size_t signature_size,
                                         std::size_t* signature_length) {
  return mbedtls_psa_ecdsa_sign_hash_portable(attributes, key, key_size, algorithm, hash, hash_size,
                                              signature, signature_size, signature_length);
}

psa_status_t mbedtls_psa_ecdsa_verify_hash(const psa_key_attributes_t* attributes, const std::uint8_t* key,
                                           std::size_t key_size, psa_algorithm_t algorithm,
                                           const std::uint8_t* hash, std::size_t hash_size,
                                           const std::uint8_t* signature, std::size_t signature_size) {
  return mbedtls_psa_ecdsa_verify_hash_portable(attributes, key, key_size, algorithm, hash, hash_size,
                                                signature, signature_size);
}

psa_status_t mbedtls_psa_key_agreement_ecdh(const psa_key_attributes_t* attributes, const std::uint8_t* key,
                                            std::size_t key_size, psa_algorithm_t algorithm,
                                            const std::uint8_t* peer, std::size_t peer_size,
                                            std::uint8_t* secret, std::size_t secret_size,
                                            std::size_t* secret_length) {
  return mbedtls_psa_key_agreement_ecdh_portable(attributes, key, key_size, algorithm, peer, peer_size,
                                                 secret, secret_size, secret_length);
}

psa_status_t mbedtls_psa_ecp_export_public_key(const psa_key_attributes_t* attributes,
                                               const std::uint8_t* key, std::size_t key_size,
                                               std::uint8_t* out, std::size_t out_size,
                                               std::size_t* out_length) {
  return mbedtls_psa_ecp_export_public_key_portable(attributes, key, key_size, out, out_size, out_length);
}

}  // extern "C"
