// X.509 certificates, private keys and trust anchors, as handshakes use them: read once by the main thread,
// then only read by workers.
//
// mbedTLS decodes (RFC 5280); what is in here refuses more than it does: names are compared as RFC 9525 says
// (subject alternative names only, never the common name).
//
// Owner: CertificateChain, PrivateKey and TrustBundle own what they hold and must outlive the
// HandshakeContext made of them (which takes them over). CertificateView borrows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string_view>

#include "tls/mbedtls_platform.h"

struct mbedtls_asn1_sequence;
struct mbedtls_pk_context;
struct mbedtls_x509_crt;

namespace byway::tls {

enum class CertificateError : std::uint8_t {
  malformed,          ///< Not PEM or DER of what was asked for, or with a critical extension nobody knows.
  empty,              ///< Nothing in it.
  too_many,           ///< More certificates than a chain may have.
  too_large,          ///< More bytes than a chain may have.
  unsupported_key,    ///< A kind, curve or size of key that handshakes do not use.
  key_does_not_match  ///< The private key is not that of the first certificate.
};
/// One sentence for people.
[[nodiscard]] std::string_view sentence_of(CertificateError error);

/// Leaf and certificates between it and a trust anchor, of our own and of peers: what public authorities
/// issue has two to four, and each more costs the peer nothing and us a signature check.
constexpr std::size_t chain_length_max = 5;
/// DER of a whole chain. It goes out in one handshake message with up to 8 bytes a certificate around it,
/// which must fit into MBEDTLS_SSL_OUT_CONTENT_LEN.
constexpr std::size_t chain_bytes_max = 8'000;

enum class NameKind : std::uint8_t { dns, uri, ip };

/// One subject alternative name (RFC 5280 4.2.1.6). `value` points into the certificate: text, or 4 or 16
/// bytes of an address in network order.
struct SubjectName {
  NameKind kind;
  std::string_view value;
};

/// The subject alternative names of a certificate, in order, without those of other kinds.
class SubjectNames {
 public:
  class Iterator {
   public:
    explicit Iterator(const mbedtls_asn1_sequence* entry);
    SubjectName operator*() const { return name_; }
    Iterator& operator++();
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.entry_ == b.entry_; }

   private:
    void settle();
    const mbedtls_asn1_sequence* entry_;
    SubjectName name_{};
  };

  explicit SubjectNames(const mbedtls_x509_crt& certificate) : certificate_(&certificate) {}
  [[nodiscard]] Iterator begin() const;
  [[nodiscard]] Iterator end() const { return Iterator(nullptr); }

 private:
  const mbedtls_x509_crt* certificate_;
};

/// One decoded certificate of somebody else's.
class CertificateView {
 public:
  explicit CertificateView(const mbedtls_x509_crt& certificate) : certificate_(&certificate) {}
  [[nodiscard]] std::span<const std::uint8_t> der() const;
  [[nodiscard]] SubjectNames names() const { return SubjectNames(*certificate_); }
  /// The CA bit of the basic constraints.
  [[nodiscard]] bool is_authority() const;
  [[nodiscard]] UnixTime not_before() const;
  [[nodiscard]] UnixTime not_after() const;
  [[nodiscard]] const mbedtls_x509_crt& native() const { return *certificate_; }

 private:
  const mbedtls_x509_crt* certificate_;
};

/// RFC 9525 6.3: whether a DNS name of a certificate, perhaps with `*` as its whole first label and two
/// labels behind it, stands for `host`. Upper and lower case are one.
[[nodiscard]] bool matches_dns_name(std::string_view pattern, std::string_view host);
/// Whether `text` is a host name that can be looked for: labels of letters, digits, `-` and `_`, 253 bytes in
/// all.
[[nodiscard]] bool is_host_name(std::string_view text);

struct CertificateDeleter {
  void operator()(mbedtls_x509_crt* certificate) const;
};
struct KeyDeleter {
  void operator()(mbedtls_pk_context* key) const;
};

/// A chain of our own: leaf first.
class CertificateChain {
 public:
  /// PEM (any number of blocks) or DER (one certificate).
  [[nodiscard]] static std::expected<CertificateChain, CertificateError> read(
      std::span<const std::uint8_t> text);
  [[nodiscard]] CertificateView leaf() const { return CertificateView(*first_); }
  [[nodiscard]] mbedtls_x509_crt* native() const { return first_.get(); }

 private:
  std::unique_ptr<mbedtls_x509_crt, CertificateDeleter> first_;
};

/// Certificates of authorities that are trusted.
class TrustBundle {
 public:
  /// PEM or DER. Certificates in it that are not understood (a bundle of public authorities has some) are
  /// left out and counted: trusting less is safe.
  [[nodiscard]] static std::expected<TrustBundle, CertificateError> read(std::span<const std::uint8_t> text);
  [[nodiscard]] std::size_t left_out() const { return left_out_; }
  [[nodiscard]] mbedtls_x509_crt* native() const { return first_.get(); }

 private:
  std::unique_ptr<mbedtls_x509_crt, CertificateDeleter> first_;
  std::size_t left_out_ = 0;
};

/// A private key: EC on P-256 or P-384, or RSA of 2048 to 4096 bits.
class PrivateKey {
 public:
  /// PEM or DER, not encrypted.
  [[nodiscard]] static std::expected<PrivateKey, CertificateError> read(std::span<const std::uint8_t> text);
  [[nodiscard]] mbedtls_pk_context* native() const { return key_.get(); }

 private:
  std::unique_ptr<mbedtls_pk_context, KeyDeleter> key_;
};

/// What proves who we are.
struct KeyPair {
  CertificateChain chain;
  PrivateKey key;

  /// Both as PEM or DER; refused when they do not belong together.
  [[nodiscard]] static std::expected<KeyPair, CertificateError> read(std::span<const std::uint8_t> chain,
                                                                     std::span<const std::uint8_t> key);
};

}  // namespace byway::tls
