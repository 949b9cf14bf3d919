// mbedTLS' own elliptic curves, under the names that the build gives them (subprojects/packagefiles/mbedtls).
// What mbedTLS calls by the names without _portable is in acceleration.cpp or acceleration_none.cpp. The
// prototypes are those of its library/psa_crypto_ecp.h, which is not for users; attributes first, then key,
// algorithm, input and output.
#pragma once

#include <psa/crypto.h>

#include <cstddef>
#include <cstdint>

extern "C" {

psa_status_t mbedtls_psa_ecdsa_sign_hash_portable(const psa_key_attributes_t*, const std::uint8_t*,
                                                  std::size_t, psa_algorithm_t, const std::uint8_t*,
                                                  std::size_t, std::uint8_t*, std::size_t, std::size_t*);
psa_status_t mbedtls_psa_ecdsa_verify_hash_portable(const psa_key_attributes_t*, const std::uint8_t*,
                                                    std::size_t, psa_algorithm_t, const std::uint8_t*,
                                                    std::size_t, const std::uint8_t*, std::size_t);
psa_status_t mbedtls_psa_key_agreement_ecdh_portable(const psa_key_attributes_t*, const std::uint8_t*,
                                                     std::size_t, psa_algorithm_t, const std::uint8_t*,
                                                     std::size_t, std::uint8_t*, std::size_t, std::size_t*);
psa_status_t mbedtls_psa_ecp_export_public_key_portable(const psa_key_attributes_t*, const std::uint8_t*,
                                                        std::size_t, std::uint8_t*, std::size_t,
                                                        std::size_t*);

}  // extern "C"
