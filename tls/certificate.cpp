#include "tls/certificate.h"

#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

#include <ctime>
#include <string>

#include "tls/secret_bytes.h"

namespace byway::tls {
namespace {

constexpr std::size_t rsa_bits_min = 2'048;
constexpr std::size_t rsa_bits_max = 4'096;

/// GeneralName's choice is the tag's number (RFC 5280 4.2.1.6).
constexpr int tag_number_mask = 0x1F;
constexpr int dns_tag = 2;
constexpr int uri_tag = 6;
constexpr int ip_tag = 7;

constexpr std::size_t host_name_bytes_max = 253;  // RFC 1035 3.1 without the root's dot
constexpr std::size_t label_bytes_max = 63;       // RFC 1035 2.3.4

/// mbedTLS wants PEM to end with a NUL byte that is counted in.
class Terminated {
 public:
  explicit Terminated(std::span<const std::uint8_t> text) : text_(text.begin(), text.end()) {}
  ~Terminated() { wipe({reinterpret_cast<std::uint8_t*>(text_.data()), text_.size()}); }
  Terminated(const Terminated&) = delete;
  Terminated& operator=(const Terminated&) = delete;

  [[nodiscard]] bool is_pem() const { return text_.contains("-----BEGIN "); }
  [[nodiscard]] const unsigned char* data() const {
    return reinterpret_cast<const unsigned char*>(text_.c_str());
  }
  /// PEM with its NUL, DER without.
  [[nodiscard]] std::size_t size() const { return text_.size() + (is_pem() ? 1 : 0); }

 private:
  std::string text_;
};

using CertificatePointer = std::unique_ptr<mbedtls_x509_crt, CertificateDeleter>;
using KeyPointer = std::unique_ptr<mbedtls_pk_context, KeyDeleter>;

/// nullptr: the library did not start, or memory is out.
CertificatePointer make_certificate() {
  if (!start_mbedtls()) return nullptr;
  auto* memory = static_cast<mbedtls_x509_crt*>(counted_calloc(1, sizeof(mbedtls_x509_crt)));
  if (memory != nullptr) mbedtls_x509_crt_init(memory);
  return CertificatePointer(memory);
}

bool is_usable(const mbedtls_pk_context& key) {
  switch (mbedtls_pk_get_type(&key)) {
    case MBEDTLS_PK_RSA:
      return mbedtls_pk_get_bitlen(&key) >= rsa_bits_min && mbedtls_pk_get_bitlen(&key) <= rsa_bits_max;
    // Of curves for signatures only P-256 and P-384 are compiled in.
    case MBEDTLS_PK_ECKEY:
      return mbedtls_pk_get_bitlen(&key) >= 256;
    default:
      return false;
  }
}

UnixTime to_unix(const mbedtls_x509_time& time) {
  std::tm parts{};
  parts.tm_year = time.year - 1900;
  parts.tm_mon = time.mon - 1;
  parts.tm_mday = time.day;
  parts.tm_hour = time.hour;
  parts.tm_min = time.min;
  parts.tm_sec = time.sec;
  return UnixTime{::timegm(&parts)};
}

constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_without_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char left, char right) {
           return to_lower(left) == to_lower(right);
         });
}

}  // namespace

std::string_view sentence_of(CertificateError error) {
  switch (error) {
    case CertificateError::malformed:
      return "not PEM or DER, or with an extension that is critical and unknown";
    case CertificateError::empty:
      return "nothing in it";
    case CertificateError::too_many:
      return "a chain of more than 5 certificates";
    case CertificateError::too_large:
      return "a chain of more than 8,000 bytes";
    case CertificateError::unsupported_key:
      return "a key that is neither EC on P-256 or P-384 nor RSA of 2048 to 4096 bits";
    case CertificateError::key_does_not_match:
      return "the private key is not that of the certificate";
  }
  return "unknown";
}

void CertificateDeleter::operator()(mbedtls_x509_crt* certificate) const {
  mbedtls_x509_crt_free(certificate);
  counted_free(certificate);
}

void KeyDeleter::operator()(mbedtls_pk_context* key) const {
  mbedtls_pk_free(key);
  counted_free(key);
}

// --- Names ---

SubjectNames::Iterator::Iterator(const mbedtls_asn1_sequence* entry) : entry_(entry) {
  settle();
}

SubjectNames::Iterator& SubjectNames::Iterator::operator++() {
  entry_ = entry_->next;
  settle();
  return *this;
}

/// Goes on to the next name of a kind that is looked at.
void SubjectNames::Iterator::settle() {
  for (; entry_ != nullptr; entry_ = entry_->next) {
    const mbedtls_asn1_buf& name = entry_->buf;
    const std::string_view value{reinterpret_cast<const char*>(name.p), name.len};
    switch (name.tag & tag_number_mask) {
      case dns_tag:
        name_ = {NameKind::dns, value};
        return;
      case uri_tag:
        name_ = {NameKind::uri, value};
        return;
      case ip_tag:
        name_ = {NameKind::ip, value};
        return;
      default:
        break;
    }
  }
}

SubjectNames::Iterator SubjectNames::begin() const {
  // The list begins in the certificate itself, whose entry is empty when there is no such extension.
  const mbedtls_asn1_sequence& first = certificate_->subject_alt_names;
  return Iterator(first.buf.p != nullptr ? &first : nullptr);
}

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > host_name_bytes_max) return false;
  std::size_t label = 0;
  for (const char c : text) {
    const bool is_letter_or_digit =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (!is_letter_or_digit || ++label > label_bytes_max) {
      return false;
    }
  }
  return label != 0;
}

bool matches_dns_name(std::string_view pattern, std::string_view host) {
  if (!is_host_name(host)) return false;
  if (!pattern.starts_with("*.")) return equal_without_case(pattern, host);
  const std::string_view parent = pattern.substr(2);
  const std::size_t dot = host.find('.');
  return is_host_name(parent) && parent.contains('.') && dot != std::string_view::npos &&
         equal_without_case(parent, host.substr(dot + 1));
}

// --- Certificates ---

std::span<const std::uint8_t> CertificateView::der() const {
  return {certificate_->raw.p, certificate_->raw.len};
}
bool CertificateView::is_authority() const {
  return certificate_->MBEDTLS_PRIVATE(ca_istrue) != 0;
}
UnixTime CertificateView::not_before() const {
  return to_unix(certificate_->valid_from);
}
UnixTime CertificateView::not_after() const {
  return to_unix(certificate_->valid_to);
}

std::expected<CertificateChain, CertificateError> CertificateChain::read(std::span<const std::uint8_t> text) {
  if (text.empty()) return std::unexpected(CertificateError::empty);
  const Terminated input(text);
  CertificateChain chain;
  chain.first_ = make_certificate();
  // More than 0: so many blocks were not understood. A chain with a gap is no chain.
  if (chain.first_ == nullptr ||
      mbedtls_x509_crt_parse(chain.first_.get(), input.data(), input.size()) != 0) {
    return std::unexpected(CertificateError::malformed);
  }
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (const mbedtls_x509_crt* at = chain.first_.get(); at != nullptr; at = at->next) {
    ++count;
    bytes += at->raw.len;
  }
  if (count > chain_length_max) return std::unexpected(CertificateError::too_many);
  if (bytes > chain_bytes_max) return std::unexpected(CertificateError::too_large);
  if (!is_usable(chain.first_->pk)) return std::unexpected(CertificateError::unsupported_key);
  return chain;
}

std::expected<TrustBundle, CertificateError> TrustBundle::read(std::span<const std::uint8_t> text) {
  if (text.empty()) return std::unexpected(CertificateError::empty);
  const Terminated input(text);
  TrustBundle bundle;
  bundle.first_ = make_certificate();
  const int result =
      bundle.first_ == nullptr ? -1 : mbedtls_x509_crt_parse(bundle.first_.get(), input.data(), input.size());
  if (result < 0) return std::unexpected(CertificateError::malformed);
  bundle.left_out_ = static_cast<std::size_t>(result);
  return bundle;
}

std::expected<PrivateKey, CertificateError> PrivateKey::read(std::span<const std::uint8_t> text) {
  if (text.empty()) return std::unexpected(CertificateError::empty);
  const Terminated input(text);
  auto* memory = start_mbedtls()
                     ? static_cast<mbedtls_pk_context*>(counted_calloc(1, sizeof(mbedtls_pk_context)))
                     : nullptr;
  if (memory == nullptr) return std::unexpected(CertificateError::malformed);
  mbedtls_pk_init(memory);
  PrivateKey key;
  key.key_ = KeyPointer(memory);
  if (mbedtls_pk_parse_key(memory, input.data(), input.size(), nullptr, 0, random_for_mbedtls, nullptr) !=
      0) {
    return std::unexpected(CertificateError::malformed);
  }
  if (!is_usable(*memory)) return std::unexpected(CertificateError::unsupported_key);
  return key;
}

std::expected<KeyPair, CertificateError> KeyPair::read(std::span<const std::uint8_t> chain,
                                                       std::span<const std::uint8_t> key) {
  auto certificates = CertificateChain::read(chain);
  if (!certificates) return std::unexpected(certificates.error());
  auto private_key = PrivateKey::read(key);
  if (!private_key) return std::unexpected(private_key.error());
  if (mbedtls_pk_check_pair(&certificates->native()->pk, private_key->native(), random_for_mbedtls,
                            nullptr) != 0) {
    return std::unexpected(CertificateError::key_does_not_match);
  }
  return KeyPair{std::move(*certificates), std::move(*private_key)};
}

}  // namespace byway::tls
