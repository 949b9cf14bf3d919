#include "tests/unit/tls/handshake/authority.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <catch2/catch_test_macros.hpp>
#include <map>

namespace byway::tls::test {
namespace {

KeyHandle generate(KeyKind kind) {
  switch (kind) {
    case KeyKind::p256:
      return KeyHandle(EVP_EC_gen("P-256"));
    case KeyKind::p384:
      return KeyHandle(EVP_EC_gen("P-384"));
    case KeyKind::p521:
      return KeyHandle(EVP_EC_gen("P-521"));
    case KeyKind::rsa2048:
      return KeyHandle(EVP_RSA_gen(2048U));
    case KeyKind::rsa1024:
      return KeyHandle(EVP_RSA_gen(1024U));
  }
  return nullptr;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

void add_extension(X509* certificate, X509* issuer, const std::string& name, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf(nullptr, &context, name.c_str(), value.c_str());
  REQUIRE(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

EVP_PKEY* shared_key(KeyKind kind, int number) {
  static std::map<std::pair<KeyKind, int>, KeyHandle> keys;
  KeyHandle& key = keys[{kind, number}];
  if (key == nullptr) key = generate(kind);
  REQUIRE(key != nullptr);
  return key.get();
}

std::string pem_of(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(bio);
}

std::string pem_of(X509* certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  return text_of(bio);
}

std::string der_of(X509* certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  i2d_X509_bio(bio, certificate);
  return text_of(bio);
}

Issued issue(const Spec& spec, EVP_PKEY* key, const Issued* issuer) {
  static long serial = 0;
  Issued issued{CertificateHandle(X509_new()), key};
  X509* const certificate = issued.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  ASN1_TIME_set(X509_getm_notBefore(certificate), spec.not_before);
  ASN1_TIME_set(X509_getm_notAfter(certificate), spec.not_after);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(spec.common_name.c_str()), -1, -1, 0);
  X509* const signer = issuer != nullptr ? issuer->certificate.get() : certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  add_extension(certificate, signer, "basicConstraints",
                spec.is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (!spec.key_usage.empty()) add_extension(certificate, signer, "keyUsage", spec.key_usage);
  if (!spec.extended_key_usage.empty()) {
    add_extension(certificate, signer, "extendedKeyUsage", spec.extended_key_usage);
  }
  std::string names;
  for (const std::string& name : spec.names) names += (names.empty() ? "" : ",") + name;
  if (!names.empty()) add_extension(certificate, signer, "subjectAltName", names);
  for (const auto& [name, value] : spec.more) add_extension(certificate, signer, name, value);
  REQUIRE(X509_sign(certificate, issuer != nullptr ? issuer->key : key, spec.digest) > 0);
  return issued;
}

Issued make_authority(std::string common_name, EVP_PKEY* key, const Issued* issuer) {
  Spec spec;
  spec.common_name = std::move(common_name);
  spec.names = {};
  spec.is_authority = true;
  spec.key_usage = "critical,keyCertSign,cRLSign";
  spec.extended_key_usage = "";
  spec.not_before = now.seconds - 100 * day;
  spec.not_after = now.seconds + 100 * day;
  return issue(spec, key, issuer);
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

KeyPair key_pair(const Issued& leaf, std::string_view more_certificates) {
  auto pair = KeyPair::read(bytes_of(leaf.pem() + std::string(more_certificates)), bytes_of(leaf.key_pem()));
  REQUIRE(pair.has_value());
  return std::move(*pair);
}

TrustBundle trust(std::string_view pem) {
  auto bundle = TrustBundle::read(bytes_of(pem));
  REQUIRE(bundle.has_value());
  return std::move(*bundle);
}

}  // namespace byway::tls::test
