// What handshakes of one listener, or to one kind of upstream, have in common: role, versions, suites,
// application protocols, certificates, trust anchors and limits. Made by the main thread, then only read, by
// any number of workers at once.
//
// Owner: whoever made it; it owns the certificates and keys that it was given. Must outlive every Handshake
// made with it (until that is done or failed), so that a new set of certificates is a new context and the old
// one ends with its last handshake.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/rope.h"
#include "tls/certificate.h"
#include "tls/handshake_failure.h"
#include "tls/traffic_secrets.h"

struct mbedtls_ssl_config;

namespace byway::tls {

/// What a peer may cost before it has proven anything.
struct HandshakeLimits {
  /// All bytes of the peer's part. The largest that is not a trick: two ClientHellos and a client's chain,
  /// each in a message of 16 KiB.
  Bytes bytes_in_max = 48 * 1024;
  /// One ClientHello with its header: a browser's has 0.5 to 2 KB, with a key share against quantum computers
  /// and a ticket that holds certificates some 6. No more than mbedTLS' buffer for a message.
  Bytes client_hello_max = 16'384;
  /// The peer's certificates and their bytes; see chain_length_max.
  std::size_t peer_chain_length_max = chain_length_max;
  std::size_t peer_chain_bytes_max = 12'000;
  /// Heap memory of one handshake, buffers of 26 KB included. Measured peaks are in docs/tls.md.
  std::size_t memory_max = 128 * 1024;
};

enum class ClientCertificates : std::uint8_t {
  none,      ///< Not asked for.
  optional,  ///< Asked for; a client may have none, but one that it has must be good.
  required,
};

/// Checks whose certificate it is, once it is known to be valid now and issued by a trusted authority for
/// this usage. Called within a handshake, by several workers at once: holds no state that it writes.
class PeerVerifier {
 public:
  /// HandshakeFailure::none: this is the peer that is meant.
  [[nodiscard]] virtual HandshakeFailure verify(const CertificateView& leaf) const = 0;

 protected:
  ~PeerVerifier() = default;
};

/// The peer has at least one of some names. An address is compared by its bytes, a URI byte by byte, a DNS
/// name by matches_dns_name.
class AnyOfNames final : public PeerVerifier {
 public:
  struct Name {
    NameKind kind;
    std::string value;
  };
  explicit AnyOfNames(std::vector<Name> names) : names_(std::move(names)) {}
  [[nodiscard]] HandshakeFailure verify(const CertificateView& leaf) const override;

 private:
  std::vector<Name> names_;
};

struct HandshakePolicy {
  ProtocolVersion version_min = ProtocolVersion::tls12;
  ProtocolVersion version_max = ProtocolVersion::tls13;
  /// In order of preference; empty: all that there are.
  std::vector<CipherSuite> suites;
  /// Application protocols in order of preference (RFC 7301), at most alpn_max of 1 to 32 bytes each. A peer
  /// that offers some, but none of these, is refused; one that offers none gets none.
  std::vector<std::string> alpn;
  HandshakeLimits limits;
};
constexpr std::size_t alpn_max = 8;
constexpr std::size_t alpn_bytes_max = 32;

/// Who a server is to those who ask for one name.
struct ServerIdentity {
  /// A host name; "*.example.com" for all names below example.com; "" for clients that name none, or none
  /// that is here. The most specific wins.
  std::string name;
  /// One, or one of each kind of key (EC, RSA): the client's signature algorithms choose.
  std::vector<KeyPair> key_pairs;
  ClientCertificates client_certificates = ClientCertificates::none;
  /// Who may issue certificates of clients; needed unless `client_certificates` is none.
  std::optional<TrustBundle> client_trust;
  /// Which clients, of those with a good certificate; nullptr: all. Must outlive the context.
  const PeerVerifier* client_verifier = nullptr;
};

struct ServerOptions {
  HandshakePolicy policy;
  std::vector<ServerIdentity> identities;
};

struct ClientOptions {
  HandshakePolicy policy;
  TrustBundle trust;
  /// What a server that asks for a certificate gets.
  std::optional<KeyPair> key_pair;
};

enum class ContextError : std::uint8_t {
  no_identity,      ///< A server without identities, or an identity without a key pair.
  bad_server_name,  ///< Neither a host name nor `*.` and a host name nor empty.
  duplicate_name,   ///< Two identities for one name.
  no_client_trust,  ///< Certificates of clients are asked for, but none could be good.
  bad_versions,     ///< No version between minimum and maximum.
  no_suite,         ///< No suite for one of the versions.
  bad_alpn,         ///< An application protocol that is empty, too long or one too many.
  library_failed    ///< mbedTLS did not start, or memory is out.
};
/// One sentence for people.
[[nodiscard]] std::string_view sentence_of(ContextError error);

class HandshakeContext {
  struct Passkey {};

 public:
  [[nodiscard]] static std::expected<std::unique_ptr<HandshakeContext>, ContextError> server(
      ServerOptions options);
  [[nodiscard]] static std::expected<std::unique_ptr<HandshakeContext>, ContextError> client(
      ClientOptions options);

  explicit HandshakeContext(Passkey passkey);
  ~HandshakeContext();
  HandshakeContext(const HandshakeContext&) = delete;
  HandshakeContext& operator=(const HandshakeContext&) = delete;

  [[nodiscard]] Role role() const { return role_; }
  [[nodiscard]] const HandshakeLimits& limits() const { return policy_.limits; }
  /// Application protocols, by the index that a handshake says.
  [[nodiscard]] const std::vector<std::string>& alpn() const { return policy_.alpn; }
  /// The identity for a name, as a client sent it ("" without); nullptr: there is none.
  [[nodiscard]] const ServerIdentity* identity_for(std::string_view server_name) const;
  [[nodiscard]] const mbedtls_ssl_config* native() const { return config_.get(); }

 private:
  struct ConfigDeleter {
    void operator()(mbedtls_ssl_config* config) const;
  };

  std::optional<ContextError> set_policy(HandshakePolicy policy);
  std::optional<ContextError> set_identities(std::vector<ServerIdentity> identities);

  Role role_ = Role::server;
  HandshakePolicy policy_;
  /// Lists that mbedTLS points at, each with the end mark that it looks for.
  std::vector<int> suites_;
  std::vector<const char*> alpn_pointers_;
  /// Sorted by name, in lower case.
  std::vector<ServerIdentity> identities_;
  std::optional<TrustBundle> trust_;
  std::optional<KeyPair> key_pair_;
  std::unique_ptr<mbedtls_ssl_config, ConfigDeleter> config_;
};

}  // namespace byway::tls
