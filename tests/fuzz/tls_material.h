// Random bytes that repeat, and a certificate made of them, for fuzz targets of TLS. Written by mbedTLS
// itself: what the targets are about is what strangers send.
#pragma once

#include <mbedtls/ecp.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "dataplane/assert.h"
#include "tls/certificate.h"
#include "tls/random.h"

namespace byway::tls::fuzz {

constexpr UnixTime now{1'800'000'000};

inline std::uint64_t random_state = 1;

/// splitmix64: the same bytes in each run of an input.
inline void repeat_random(std::span<std::uint8_t> out) {
  for (std::uint8_t& byte : out) {
    std::uint64_t z = random_state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    byte = static_cast<std::uint8_t>(z ^ (z >> 31));
  }
}

inline std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// A self-signed certificate of a P-256 key, and the key, as PEM.
struct Material {
  std::string certificate;
  std::string key;
};

inline Material make_material() {
  BYWAY_ASSERT(start_mbedtls());
  set_random_source(repeat_random);
  mbedtls_pk_context key;
  mbedtls_pk_init(&key);
  BYWAY_ASSERT(mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) == 0);
  BYWAY_ASSERT(
      mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key), random_for_mbedtls, nullptr) == 0);
  mbedtls_x509write_cert writer;
  mbedtls_x509write_crt_init(&writer);
  mbedtls_x509write_crt_set_version(&writer, MBEDTLS_X509_CRT_VERSION_3);
  mbedtls_x509write_crt_set_md_alg(&writer, MBEDTLS_MD_SHA256);
  mbedtls_x509write_crt_set_subject_key(&writer, &key);
  mbedtls_x509write_crt_set_issuer_key(&writer, &key);
  std::array<std::uint8_t, 1> serial{1};
  BYWAY_ASSERT(mbedtls_x509write_crt_set_serial_raw(&writer, serial.data(), serial.size()) == 0 &&
               mbedtls_x509write_crt_set_subject_name(&writer, "CN=fuzz") == 0 &&
               mbedtls_x509write_crt_set_issuer_name(&writer, "CN=fuzz") == 0 &&
               mbedtls_x509write_crt_set_validity(&writer, "20260101000000", "20290101000000") == 0 &&
               mbedtls_x509write_crt_set_basic_constraints(&writer, 1, -1) == 0);
  std::array<unsigned char, 4096> text{};
  Material material;
  BYWAY_ASSERT(mbedtls_x509write_crt_pem(&writer, text.data(), text.size(), random_for_mbedtls, nullptr) ==
               0);
  material.certificate = reinterpret_cast<const char*>(text.data());
  BYWAY_ASSERT(mbedtls_pk_write_key_pem(&key, text.data(), text.size()) == 0);
  material.key = reinterpret_cast<const char*>(text.data());
  mbedtls_x509write_crt_free(&writer);
  mbedtls_pk_free(&key);
  return material;
}

}  // namespace byway::tls::fuzz
