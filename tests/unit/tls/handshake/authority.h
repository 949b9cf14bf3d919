// Keys and certificates for tests, made when the test runs by OpenSSL, so that what mbedTLS reads was not
// written by mbedTLS. None is ever kept.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tls/certificate.h"
#include "tls/mbedtls_platform.h"

namespace byway::tls::test {

/// The time of all tests: 2027-01-15, long after whenever they run, so that no one reads the clock by
/// mistake.
constexpr UnixTime now{1'800'000'000};
constexpr std::int64_t day = 86'400;

struct OpenSslDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using KeyHandle = std::unique_ptr<EVP_PKEY, OpenSslDeleter>;
using CertificateHandle = std::unique_ptr<X509, OpenSslDeleter>;

enum class KeyKind : std::uint8_t { p256, p384, rsa2048, rsa1024, p521 };
/// RSA keys take long to make: each is made once a process.
[[nodiscard]] EVP_PKEY* shared_key(KeyKind kind, int number = 0);
[[nodiscard]] std::string pem_of(EVP_PKEY* key);
[[nodiscard]] std::string pem_of(X509* certificate);
[[nodiscard]] std::string der_of(X509* certificate);

struct Spec {
  std::string common_name = "leaf";
  /// "DNS:a.example", "URI:spiffe://...", "IP:192.0.2.1"
  std::vector<std::string> names{"DNS:server.example"};
  std::int64_t not_before = now.seconds - day;
  std::int64_t not_after = now.seconds + day;
  bool is_authority = false;
  std::string key_usage = "critical,digitalSignature";
  std::string extended_key_usage = "serverAuth,clientAuth";
  const EVP_MD* digest = EVP_sha256();
  /// Further extensions: OpenSSL's name and value.
  std::vector<std::pair<std::string, std::string>> more;
};

/// A certificate and the key that belongs to it.
struct Issued {
  CertificateHandle certificate;
  EVP_PKEY* key = nullptr;

  [[nodiscard]] std::string pem() const { return pem_of(certificate.get()); }
  [[nodiscard]] std::string key_pem() const { return pem_of(key); }
};

/// `issuer` nullptr: self-signed.
[[nodiscard]] Issued issue(const Spec& spec, EVP_PKEY* key, const Issued* issuer);
/// An authority: may sign certificates.
[[nodiscard]] Issued make_authority(std::string common_name, EVP_PKEY* key, const Issued* issuer = nullptr);

[[nodiscard]] std::span<const std::uint8_t> bytes_of(std::string_view text);
/// What is given as PEM must be right.
[[nodiscard]] KeyPair key_pair(const Issued& leaf, std::string_view more_certificates = "");
[[nodiscard]] TrustBundle trust(std::string_view pem);

}  // namespace byway::tls::test
