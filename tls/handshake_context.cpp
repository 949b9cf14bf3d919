#include "tls/handshake_context.h"

#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include <algorithm>
#include <array>

#include "tls/handshake_hooks.h"

namespace byway::tls {
namespace {

constexpr std::array default_suites{
    CipherSuite::aes_128_gcm_sha256,
    CipherSuite::aes_256_gcm_sha384,
    CipherSuite::chacha20_poly1305_sha256,
    CipherSuite::ecdhe_ecdsa_aes_128_gcm_sha256,
    CipherSuite::ecdhe_rsa_aes_128_gcm_sha256,
    CipherSuite::ecdhe_ecdsa_aes_256_gcm_sha384,
    CipherSuite::ecdhe_rsa_aes_256_gcm_sha384,
    CipherSuite::ecdhe_ecdsa_chacha20_poly1305_sha256,
    CipherSuite::ecdhe_rsa_chacha20_poly1305_sha256,
};

constexpr ProtocolVersion version_of(CipherSuite suite) {
  return (static_cast<std::uint16_t>(suite) >> 8) == 0x13 ? ProtocolVersion::tls13 : ProtocolVersion::tls12;
}

/// Groups for the key exchange, in order of preference: X25519 is what most clients send a share for.
constexpr std::array<std::uint16_t, 4> groups{MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
                                              MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
                                              MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, 0};

/// RFC 8446 4.2.3. Those of PKCS#1 v1.5 are for TLS 1.2 and for signatures in certificates.
constexpr std::array<std::uint16_t, 9> signature_algorithms{MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
                                                            MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
                                                            MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
                                                            MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,
                                                            MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512,
                                                            MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
                                                            MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,
                                                            MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
                                                            MBEDTLS_TLS1_3_SIG_NONE};

/// What certificates may be signed with: no SHA-1, no RSA below 2048 bits.
constexpr mbedtls_x509_crt_profile certificate_profile{
    .allowed_mds = MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256) | MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA384) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA512),
    .allowed_pks = 0xFFFFFFF,
    .allowed_curves =
        MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1) | MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP384R1),
    .rsa_min_bitlen = 2048,
};

bool is_server_name(std::string_view name) {
  return name.empty() || is_host_name(name.starts_with("*.") ? name.substr(2) : name);
}

void to_lower(std::string& text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
}

const ServerIdentity* find(const std::vector<ServerIdentity>& sorted, std::string_view name) {
  const auto at =
      std::lower_bound(sorted.begin(), sorted.end(), name,
                       [](const ServerIdentity& entry, std::string_view key) { return entry.name < key; });
  return at != sorted.end() && at->name == name ? &*at : nullptr;
}

mbedtls_ssl_protocol_version to_native(ProtocolVersion version) {
  return version == ProtocolVersion::tls12 ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3;
}

}  // namespace

std::string_view sentence_of(ContextError error) {
  switch (error) {
    case ContextError::no_identity:
      return "a server needs an identity, and each identity a key pair";
    case ContextError::bad_server_name:
      return "neither a host name nor `*.` and a host name";
    case ContextError::duplicate_name:
      return "two identities for one name";
    case ContextError::no_client_trust:
      return "certificates of clients are asked for, but no authority is trusted";
    case ContextError::bad_versions:
      return "no protocol version between minimum and maximum";
    case ContextError::no_suite:
      return "no cipher suite for one of the protocol versions";
    case ContextError::bad_alpn:
      return "an application protocol that is empty, too long or one too many";
    case ContextError::library_failed:
      return "the TLS library did not start";
  }
  return "unknown";
}

HandshakeFailure AnyOfNames::verify(const CertificateView& leaf) const {
  for (const SubjectName& name : leaf.names()) {
    for (const Name& expected : names_) {
      if (expected.kind != name.kind) continue;
      if (name.kind == NameKind::dns ? matches_dns_name(name.value, expected.value)
                                     : name.value == expected.value) {
        return HandshakeFailure::none;
      }
    }
  }
  return HandshakeFailure::certificate_wrong_name;
}

void HandshakeContext::ConfigDeleter::operator()(mbedtls_ssl_config* config) const {
  mbedtls_ssl_config_free(config);
  counted_free(config);
}

HandshakeContext::HandshakeContext(Passkey /*passkey*/) {}
HandshakeContext::~HandshakeContext() = default;

std::expected<std::unique_ptr<HandshakeContext>, ContextError> HandshakeContext::server(
    ServerOptions options) {
  auto context = std::make_unique<HandshakeContext>(Passkey{});
  context->role_ = Role::server;
  if (auto error = context->set_policy(std::move(options.policy))) return std::unexpected(*error);
  if (auto error = context->set_identities(std::move(options.identities))) return std::unexpected(*error);
  mbedtls_ssl_config* const config = context->config_.get();
  mbedtls_ssl_conf_cert_cb(config, HandshakeHooks::choose_identity);
  // The list of authorities that a CertificateRequest may carry tells strangers whom we trust.
  mbedtls_ssl_conf_cert_req_ca_list(config, MBEDTLS_SSL_CERT_REQ_CA_LIST_DISABLED);
  // Each identity says for itself (choose_identity); what mbedTLS asks before is answered with no.
  mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_NONE);
  return context;
}

std::expected<std::unique_ptr<HandshakeContext>, ContextError> HandshakeContext::client(
    ClientOptions options) {
  auto context = std::make_unique<HandshakeContext>(Passkey{});
  context->role_ = Role::client;
  context->trust_ = std::move(options.trust);
  context->key_pair_ = std::move(options.key_pair);
  if (auto error = context->set_policy(std::move(options.policy))) return std::unexpected(*error);
  mbedtls_ssl_config* const config = context->config_.get();
  mbedtls_ssl_conf_ca_chain(config, context->trust_->native(), nullptr);
  if (context->key_pair_ && mbedtls_ssl_conf_own_cert(config, context->key_pair_->chain.native(),
                                                      context->key_pair_->key.native()) != 0) {
    return std::unexpected(ContextError::library_failed);
  }
  // "Optional" is mbedTLS' word for: verify, then let the caller judge. Handshake::judge_peer does so before
  // the next message is looked at, and has the alert and the reason right.
  mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_OPTIONAL);
  mbedtls_ssl_conf_session_tickets(config, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
  return context;
}

std::optional<ContextError> HandshakeContext::set_policy(HandshakePolicy policy) {
  if (!start_mbedtls()) return ContextError::library_failed;
  policy_ = std::move(policy);
  if (policy_.version_min > policy_.version_max) return ContextError::bad_versions;
  if (policy_.suites.empty()) policy_.suites.assign(default_suites.begin(), default_suites.end());
  for (const ProtocolVersion version : {policy_.version_min, policy_.version_max}) {
    if (std::ranges::none_of(policy_.suites,
                             [&](CipherSuite suite) { return version_of(suite) == version; })) {
      return ContextError::no_suite;
    }
  }
  for (const CipherSuite suite : policy_.suites) suites_.push_back(static_cast<int>(suite));
  suites_.push_back(0);
  if (policy_.alpn.size() > alpn_max) return ContextError::bad_alpn;
  for (const std::string& protocol : policy_.alpn) {
    if (protocol.empty() || protocol.size() > alpn_bytes_max || protocol.contains('\0')) {
      return ContextError::bad_alpn;
    }
    alpn_pointers_.push_back(protocol.c_str());
  }
  alpn_pointers_.push_back(nullptr);

  auto* memory = static_cast<mbedtls_ssl_config*>(counted_calloc(1, sizeof(mbedtls_ssl_config)));
  if (memory == nullptr) return ContextError::library_failed;
  mbedtls_ssl_config_init(memory);
  config_.reset(memory);
  const int endpoint = role_ == Role::server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT;
  if (mbedtls_ssl_config_defaults(memory, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM,
                                  MBEDTLS_SSL_PRESET_DEFAULT) != 0) {
    return ContextError::library_failed;
  }
  mbedtls_ssl_conf_rng(memory, random_for_mbedtls, nullptr);
  mbedtls_ssl_conf_min_tls_version(memory, to_native(policy_.version_min));
  mbedtls_ssl_conf_max_tls_version(memory, to_native(policy_.version_max));
  mbedtls_ssl_conf_ciphersuites(memory, suites_.data());
  mbedtls_ssl_conf_groups(memory, groups.data());
  mbedtls_ssl_conf_sig_algs(memory, signature_algorithms.data());
  mbedtls_ssl_conf_cert_profile(memory, &certificate_profile);
  if (!policy_.alpn.empty() && mbedtls_ssl_conf_alpn_protocols(memory, alpn_pointers_.data()) != 0) {
    return ContextError::bad_alpn;
  }
  mbedtls_ssl_conf_new_session_tickets(memory, 0);
  return std::nullopt;
}

std::optional<ContextError> HandshakeContext::set_identities(std::vector<ServerIdentity> identities) {
  if (identities.empty()) return ContextError::no_identity;
  for (ServerIdentity& identity : identities) {
    if (!is_server_name(identity.name)) return ContextError::bad_server_name;
    if (identity.key_pairs.empty()) return ContextError::no_identity;
    if (identity.client_certificates != ClientCertificates::none && !identity.client_trust) {
      return ContextError::no_client_trust;
    }
    to_lower(identity.name);
  }
  std::ranges::sort(identities, {}, &ServerIdentity::name);
  if (std::ranges::adjacent_find(identities, {}, &ServerIdentity::name) != identities.end()) {
    return ContextError::duplicate_name;
  }
  identities_ = std::move(identities);
  return std::nullopt;
}

const ServerIdentity* HandshakeContext::identity_for(std::string_view server_name) const {
  if (is_host_name(server_name)) {
    // "*" and the rest from the dot on, over the bytes of the name itself: room for a star in front of it.
    std::array<char, 256> text{};
    BYWAY_ASSERT(server_name.size() < text.size());
    std::ranges::copy(server_name, text.begin() + 1);
    for (char& c : text) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    const std::string_view name{text.data() + 1, server_name.size()};
    if (const ServerIdentity* exact = find(identities_, name)) return exact;
    for (std::size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
      text[dot] = '*';
      if (const auto* wildcard = find(identities_, {text.data() + dot, name.size() - dot + 1}))
        return wildcard;
    }
  }
  return find(identities_, "");
}

}  // namespace byway::tls
