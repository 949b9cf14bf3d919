// OpenSSL as the other end, in both roles and both versions: it understands us, and what our secrets say of
// records is what it seals and opens.
#include <catch2/generators/catch_generators.hpp>

#include "tests/unit/tls/handshake/bench.h"
#include "tests/unit/tls/handshake/openssl_peer.h"
#include "tests/unit/tls/handshake/records.h"

namespace byway::tls::test {
namespace {

constexpr std::uint8_t content_application_data = 23;

/// Moves bytes until neither end has anything to say. Returns what OpenSSL sent behind the handshake.
std::string shuttle(End& ours, OpenSslPeer& theirs) {
  std::string to_theirs = ours.exchange("");
  std::string to_ours = theirs.exchange(to_theirs);
  while (!to_ours.empty()) {
    to_theirs = ours.exchange(to_ours);
    if (to_theirs.empty()) break;
    to_ours = theirs.exchange(to_theirs);
    if (ours->state() == HandshakeState::done) return drain(ours.received) + to_ours;
  }
  return drain(ours.received);
}

/// Text both ways under the keys that our secrets say.
void talk(End& ours, OpenSslPeer& theirs, std::string behind) {
  const TrafficSecrets secrets = ours->take_secrets();
  RecordKeys sending = RecordKeys::sending(secrets);
  RecordKeys receiving = RecordKeys::receiving(secrets);
  // Session tickets of TLS 1.3 come first: they are records under the same keys.
  while (!behind.empty()) REQUIRE(receiving.open(behind).has_value());
  theirs.exchange(sending.seal(content_application_data, "from us"));
  CHECK(theirs.text() == "from us");
  for (const std::string_view text : {"from OpenSSL", "and again"}) {
    std::string bytes = theirs.write(text);
    CHECK(receiving.open(bytes) == text);
    CHECK(bytes.empty());
  }
  theirs.exchange(sending.seal(content_application_data, ", once more"));
  CHECK(theirs.text() == "from us, once more");
}

HandshakePolicy only(ProtocolVersion version, std::vector<CipherSuite> suites = {}) {
  HandshakePolicy policy;
  policy.version_min = policy.version_max = version;
  policy.suites = std::move(suites);
  return policy;
}

const std::vector<CipherSuite>& all_suites() {
  static const std::vector<CipherSuite> suites{CipherSuite::aes_128_gcm_sha256,
                                               CipherSuite::aes_256_gcm_sha384,
                                               CipherSuite::chacha20_poly1305_sha256,
                                               CipherSuite::ecdhe_ecdsa_aes_128_gcm_sha256,
                                               CipherSuite::ecdhe_ecdsa_aes_256_gcm_sha384,
                                               CipherSuite::ecdhe_rsa_aes_128_gcm_sha256,
                                               CipherSuite::ecdhe_rsa_aes_256_gcm_sha384,
                                               CipherSuite::ecdhe_rsa_chacha20_poly1305_sha256,
                                               CipherSuite::ecdhe_ecdsa_chacha20_poly1305_sha256};
  return suites;
}
ProtocolVersion version_of(CipherSuite suite) {
  return static_cast<unsigned>(suite) >> 8 == 0x13 ? ProtocolVersion::tls13 : ProtocolVersion::tls12;
}
bool is_rsa(CipherSuite suite) {
  return suite == CipherSuite::ecdhe_rsa_aes_128_gcm_sha256 ||
         suite == CipherSuite::ecdhe_rsa_aes_256_gcm_sha384 ||
         suite == CipherSuite::ecdhe_rsa_chacha20_poly1305_sha256;
}
const Issued& certificate_for(CipherSuite suite) {
  static const Issued rsa = issue({}, shared_key(KeyKind::rsa2048), &world().authority);
  return is_rsa(suite) ? rsa : world().server;
}

TEST_CASE("an OpenSSL client and our server agree on each suite and understand each other's records") {
  for (const CipherSuite suite : all_suites()) {
    CAPTURE(static_cast<unsigned>(suite));
    const ProtocolVersion version = version_of(suite);
    ServerOptions options;
    ServerIdentity identity;
    identity.key_pairs.push_back(key_pair(certificate_for(suite)));
    options.identities.push_back(std::move(identity));
    options.policy = only(version, {suite});
    const ContextPointer context = make(std::move(options));
    End ours(*context);
    OpenSslPeer theirs(Role::client, version, world().authority);
    SSL_set1_host(theirs.ssl(), "server.example");
    SSL_set_tlsext_host_name(theirs.ssl(), "server.example");
    std::string to_ours = theirs.exchange("");
    std::string to_theirs = ours.exchange(to_ours);
    to_ours = theirs.exchange(to_theirs);
    to_theirs = ours.exchange(to_ours);
    theirs.exchange(to_theirs);
    REQUIRE(ours->state() == HandshakeState::done);
    REQUIRE(theirs.is_done());
    CHECK(ours->server_name() == "server.example");
    talk(ours, theirs, drain(ours.received));
  }
}

TEST_CASE("our client and an OpenSSL server agree on each suite and understand each other's records") {
  for (const CipherSuite suite : all_suites()) {
    CAPTURE(static_cast<unsigned>(suite));
    const ProtocolVersion version = version_of(suite);
    ClientOptions options = client_options();
    options.policy = only(version, {suite});
    options.policy.alpn = {"http/1.1"};
    const ContextPointer context = make(std::move(options));
    End ours(*context, target());
    OpenSslPeer theirs(Role::server, version, world().authority);
    theirs.use(certificate_for(suite));
    const std::string behind = shuttle(ours, theirs);
    REQUIRE(ours->state() == HandshakeState::done);
    REQUIRE(theirs.is_done());
    CHECK(ours->alpn() == 0);
    talk(ours, theirs, behind);
  }
}

TEST_CASE("certificates both ways, with OpenSSL in either role") {
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  SECTION("our server") {
    ServerOptions options = server_options(ClientCertificates::required);
    options.policy = only(version);
    const ContextPointer context = make(std::move(options));
    End ours(*context);
    OpenSslPeer theirs(Role::client, version, world().authority);
    theirs.use(world().client);
    std::string to_ours = theirs.exchange("");
    for (int flight = 0; flight < 3 && !to_ours.empty(); ++flight)
      to_ours = theirs.exchange(ours.exchange(to_ours));
    REQUIRE(ours->state() == HandshakeState::done);
    CHECK(ours->peer_chain_length() == 1);
    talk(ours, theirs, drain(ours.received));
  }
  SECTION("our client") {
    ClientOptions options = client_options();
    options.policy = only(version);
    options.key_pair = key_pair(world().client);
    const ContextPointer context = make(std::move(options));
    End ours(*context, target());
    OpenSslPeer theirs(Role::server, version, world().authority, true);
    theirs.use(world().server);
    const std::string behind = shuttle(ours, theirs);
    REQUIRE(ours->state() == HandshakeState::done);
    REQUIRE(theirs.is_done());
    talk(ours, theirs, behind);
  }
}

TEST_CASE("a client whose key share is for another group is asked for another one") {
  ServerOptions options = server_options();
  const ContextPointer context = make(std::move(options));
  // Its share is for P-521, which we do not have; P-384 we have.
  End ours(*context);
  OpenSslPeer theirs(Role::client, ProtocolVersion::tls13, world().authority);
  REQUIRE(SSL_CTX_set1_groups_list(theirs.context(), "P-521:P-384") == 1);
  SSL_set_tlsext_host_name(theirs.ssl(), "server.example");
  std::string to_ours = theirs.exchange("");
  int flights = 0;
  for (; flights < 4 && !to_ours.empty(); ++flights) to_ours = theirs.exchange(ours.exchange(to_ours));
  CHECK(flights == 3);
  REQUIRE(ours->state() == HandshakeState::done);
  talk(ours, theirs, drain(ours.received));
}

TEST_CASE("our client follows a server that asks for another key share") {
  const ContextPointer context = make(client_options());
  End ours(*context, target());
  OpenSslPeer theirs(Role::server, ProtocolVersion::tls13, world().authority);
  theirs.use(world().server);
  REQUIRE(SSL_CTX_set1_groups_list(theirs.context(), "P-384") == 1);
  const std::string behind = shuttle(ours, theirs);
  REQUIRE(ours->state() == HandshakeState::done);
  talk(ours, theirs, behind);
}

TEST_CASE("what OpenSSL would still speak of old is refused") {
  const ContextPointer context = make(server_options());
  const auto failure_with = [&](const char* ciphers, int version) {
    End ours(*context);
    OpenSslPeer theirs(Role::client, ProtocolVersion::tls12, world().authority);
    SSL_CTX_set_security_level(theirs.context(), 0);
    SSL_CTX_set_min_proto_version(theirs.context(), version);
    SSL_CTX_set_max_proto_version(theirs.context(), version);
    REQUIRE(SSL_CTX_set_cipher_list(theirs.context(), ciphers) == 1);
    theirs.exchange(ours.exchange(theirs.exchange("")));
    REQUIRE(ours->state() == HandshakeState::failed);
    return ours->failure();
  };
  CHECK(failure_with("ALL:@SECLEVEL=0", TLS1_1_VERSION) == HandshakeFailure::unsupported_version);
  for (const char* ciphers : {"AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384",
                              "DHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-CCM"}) {
    CAPTURE(ciphers);
    CHECK(failure_with(ciphers, TLS1_2_VERSION) == HandshakeFailure::nothing_in_common);
  }
}

TEST_CASE("certificates that no server of ours would send are refused") {
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  ClientOptions options = client_options();
  options.policy = only(version);
  const ContextPointer context = make(std::move(options));
  const auto failure_of = [&](const Issued& leaf) {
    End ours(*context, target());
    OpenSslPeer theirs(Role::server, version, world().authority);
    SSL_CTX_set_security_level(theirs.context(), 0);
    theirs.use(leaf);
    shuttle(ours, theirs);
    REQUIRE(ours->state() == HandshakeState::failed);
    CHECK(ours->alert_sent().has_value());
    return name_of(ours->failure());
  };
  const Spec unknown_critical{.more = {{"1.2.3.4", "critical,ASN1:UTF8String:must be understood"}}};
  CHECK(failure_of(issue(unknown_critical, shared_key(KeyKind::p256, 3), &world().authority)) ==
        "certificate_malformed");
  const Spec constrained{.more = {{"nameConstraints", "critical,permitted;DNS:server.example"}}};
  CHECK(failure_of(issue(constrained, shared_key(KeyKind::p256, 3), &world().authority)) ==
        "certificate_malformed");
  CHECK(failure_of(issue({.extended_key_usage = "clientAuth"}, shared_key(KeyKind::p256, 3),
                         &world().authority)) == "certificate_wrong_usage");
  // mbedTLS passes over a certificate whose signature it has no algorithm for, and sees one without anything.
  CHECK(failure_of(issue({.digest = EVP_sha1()}, shared_key(KeyKind::p256, 3), &world().authority)) ==
        (version == ProtocolVersion::tls12 ? "certificate_unknown_ca" : "certificate_malformed"));
  CHECK(failure_of(issue({}, shared_key(KeyKind::rsa1024), &world().authority)) == "certificate_weak");
}

TEST_CASE("a chain longer than any that is verified is refused") {
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  ClientOptions options = client_options();
  options.policy = only(version);
  const ContextPointer context = make(std::move(options));
  OpenSslPeer theirs(Role::server, version, world().authority);
  std::vector<Issued> chain;
  for (int i = 0; i < 6; ++i) {
    chain.push_back(make_authority("link " + std::to_string(i), shared_key(KeyKind::p256, 10 + i),
                                   i == 0 ? &world().authority : &chain.back()));
  }
  const Issued leaf = issue({}, shared_key(KeyKind::p256, 3), &chain.back());
  theirs.use(leaf);
  for (std::size_t i = chain.size(); i-- > 0;) theirs.add_to_chain(chain[i]);
  End ours(*context, target());
  shuttle(ours, theirs);
  CHECK(ours->failure() == HandshakeFailure::certificate_chain_too_long);
  // mbedTLS tells the peer itself when it meets one link too many.
  CHECK(ours->alert_sent() == AlertDescription::access_denied);
}

}  // namespace
}  // namespace byway::tls::test
