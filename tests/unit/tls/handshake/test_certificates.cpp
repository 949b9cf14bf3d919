// Whose certificates are taken, and with which reason and alert the others are refused: in both roles, both
// versions.
#include <catch2/generators/catch_generators.hpp>
#include <functional>

#include "tests/unit/tls/handshake/bench.h"

namespace byway::tls::test {
namespace {

struct Outcome {
  HandshakeFailure failure = HandshakeFailure::none;
  std::optional<AlertDescription> alert_sent;
  std::optional<AlertDescription> alert_seen;
};

/// A peer with this chain before one of ours that trusts the world's authority. `role`: of the one who
/// judges.
Outcome judge(Role role, ProtocolVersion version, KeyPair pair, const PeerVerifier* verifier = nullptr,
              HandshakeLimits limits = {}) {
  HandshakePolicy policy;
  policy.version_min = policy.version_max = version;
  HandshakePolicy judging = policy;
  judging.limits = limits;
  ServerOptions server_side = server_options();
  ClientOptions client_side = client_options();
  if (role == Role::client) {
    server_side.identities[0].key_pairs.clear();
    server_side.identities[0].key_pairs.push_back(std::move(pair));
    server_side.policy = policy;
    client_side.policy = judging;
  } else {
    server_side = server_options(ClientCertificates::required);
    server_side.identities[0].client_verifier = verifier;
    server_side.policy = judging;
    client_side.key_pair = std::move(pair);
    client_side.policy = policy;
  }
  const ContextPointer server_context = make(std::move(server_side));
  const ContextPointer client_context = make(std::move(client_side));
  End client(*client_context, ServerTarget{"server.example", role == Role::client ? verifier : nullptr});
  End server(*server_context);
  shuttle(client, server);
  End& judging_end = role == Role::client ? client : server;
  End& peer = role == Role::client ? server : client;
  // A client of TLS 1.3 is done before the server has judged it: its owner reads the alert as a record.
  if (judging_end->state() == HandshakeState::failed && peer->state() == HandshakeState::failed) {
    CHECK(peer->alert_received() == judging_end->alert_sent());
  }
  if (judging_end->state() == HandshakeState::failed) {
    CHECK(judging_end.worker.counters.failed_by(judging_end->failure()) == 1);
    CHECK(judging_end->peer_chain_length() == 0);
  }
  return {judging_end->failure(), judging_end->alert_sent(), peer->alert_received()};
}

struct Case {
  const char* what;
  std::function<KeyPair()> make;
  HandshakeFailure failure;
  std::optional<AlertDescription> alert;
};

EVP_PKEY* leaf_key() {
  return shared_key(KeyKind::p256, 3);
}
KeyPair leaf(const Spec& spec) {
  return key_pair(issue(spec, leaf_key(), &world().authority));
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"good", [] { return leaf({}); }, HandshakeFailure::none, std::nullopt},
      {"good, RSA", [] { return key_pair(issue({}, shared_key(KeyKind::rsa2048), &world().authority)); },
       HandshakeFailure::none, std::nullopt},
      {"good, P-384", [] { return key_pair(issue({}, shared_key(KeyKind::p384), &world().authority)); },
       HandshakeFailure::none, std::nullopt},
      {"good, by an intermediate",
       [] {
         const Issued middle = make_authority("middle", shared_key(KeyKind::p256, 4), &world().authority);
         return key_pair(issue({}, leaf_key(), &middle), middle.pem());
       },
       HandshakeFailure::none, std::nullopt},
      {"an authority nobody knows",
       [] {
         const Issued other = make_authority("other", shared_key(KeyKind::p256, 5));
         return key_pair(issue({}, leaf_key(), &other));
       },
       HandshakeFailure::certificate_unknown_ca, AlertDescription::unknown_ca},
      {"an authority of the trusted one's name with another key",
       [] {
         const Issued other = make_authority("root", shared_key(KeyKind::p256, 5));
         return key_pair(issue({}, leaf_key(), &other));
       },
       HandshakeFailure::certificate_unknown_ca, AlertDescription::unknown_ca},
      {"an unknown authority's root is sent along",
       [] {
         const Issued other = make_authority("other", shared_key(KeyKind::p256, 5));
         return key_pair(issue({}, leaf_key(), &other), other.pem());
       },
       HandshakeFailure::certificate_unknown_ca, AlertDescription::unknown_ca},
      {"an intermediate that is not sent",
       [] {
         const Issued middle = make_authority("middle", shared_key(KeyKind::p256, 4), &world().authority);
         return key_pair(issue({}, leaf_key(), &middle));
       },
       HandshakeFailure::certificate_unknown_ca, AlertDescription::unknown_ca},
      {"a leaf that acts as an authority",
       [] {
         const Issued middle =
             issue({.common_name = "no authority"}, shared_key(KeyKind::p256, 4), &world().authority);
         return key_pair(issue({}, leaf_key(), &middle), middle.pem());
       },
       HandshakeFailure::certificate_unknown_ca, AlertDescription::unknown_ca},
      {"self-signed", [] { return key_pair(issue({}, leaf_key(), nullptr)); },
       HandshakeFailure::certificate_self_signed, AlertDescription::unknown_ca},
      {"expired a second ago", [] { return leaf({.not_after = now.seconds - 1}); },
       HandshakeFailure::certificate_expired, AlertDescription::certificate_expired},
      {"valid to this second", [] { return leaf({.not_after = now.seconds}); }, HandshakeFailure::none,
       std::nullopt},
      {"valid from a second on", [] { return leaf({.not_before = now.seconds + 1}); },
       HandshakeFailure::certificate_not_yet_valid, AlertDescription::certificate_expired},
      {"expired intermediate",
       [] {
         Spec spec{.common_name = "middle",
                   .names = {},
                   .not_after = now.seconds - 1,
                   .is_authority = true,
                   .key_usage = "critical,keyCertSign",
                   .extended_key_usage = ""};
         const Issued middle = issue(spec, shared_key(KeyKind::p256, 4), &world().authority);
         return key_pair(issue({}, leaf_key(), &middle), middle.pem());
       },
       HandshakeFailure::certificate_expired, AlertDescription::certificate_expired},
      {"key usage without signatures", [] { return leaf({.key_usage = "critical,keyAgreement"}); },
       HandshakeFailure::certificate_wrong_usage, AlertDescription::unsupported_certificate},
      {"extended usage for e-mail", [] { return leaf({.extended_key_usage = "emailProtection"}); },
       HandshakeFailure::certificate_wrong_usage, AlertDescription::unsupported_certificate},
      {"no usages named", [] { return leaf({.key_usage = "", .extended_key_usage = ""}); },
       HandshakeFailure::none, std::nullopt},
  };
  return all;
}

// What mbedTLS does not read it cannot send either: those cases are in test_openssl.cpp.
TEST_CASE("certificates are judged, with a reason and an alert for each refusal") {
  const auto role = GENERATE(Role::client, Role::server);
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  for (const Case& one : cases()) {
    CAPTURE(one.what, role, version);
    // A server of ours does not send what a client must refuse for its usage: that one is OpenSSL's as well.
    if (role == Role::client && one.failure == HandshakeFailure::certificate_wrong_usage) continue;
    const Outcome outcome = judge(role, version, one.make());
    CHECK(name_of(outcome.failure) == name_of(one.failure));
    CHECK(outcome.alert_sent == one.alert);
  }
}

TEST_CASE("a client's certificate for servers only is refused") {
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  CHECK(judge(Role::server, version, leaf({.extended_key_usage = "clientAuth"})).failure ==
        HandshakeFailure::none);
  CHECK(judge(Role::server, version, leaf({.extended_key_usage = "serverAuth"})).failure ==
        HandshakeFailure::certificate_wrong_usage);
}

TEST_CASE("a certificate must have one of the names that are meant, in its subject alternative names") {
  const auto role = GENERATE(Role::client, Role::server);
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  const AnyOfNames expected({{NameKind::dns, "server.example"},
                             {NameKind::uri, "spiffe://example.org/ns/a/sa/b"},
                             {NameKind::ip, std::string("\xc0\x00\x02\x01", 4)}});
  const auto with = [&](std::vector<std::string> names) {
    return judge(role, version, leaf({.common_name = "server.example", .names = std::move(names)}),
                 &expected);
  };
  CHECK(with({"DNS:server.example"}).failure == HandshakeFailure::none);
  CHECK(with({"DNS:other", "DNS:SERVER.example"}).failure == HandshakeFailure::none);
  CHECK(with({"DNS:other", "URI:spiffe://example.org/ns/a/sa/b"}).failure == HandshakeFailure::none);
  CHECK(with({"email:a@b.c", "IP:192.0.2.1"}).failure == HandshakeFailure::none);
  for (const auto& names : std::vector<std::vector<std::string>>{{},
                                                                 {"DNS:other"},
                                                                 {"DNS:sub.server.example"},
                                                                 {"URI:spiffe://example.org/ns/a/sa/B"},
                                                                 {"URI:server.example"},
                                                                 {"email:server.example@server.example"},
                                                                 {"IP:192.0.2.2"},
                                                                 {"IP:::ffff:192.0.2.1"}}) {
    CAPTURE(names);
    const Outcome outcome = with(names);
    CHECK(outcome.failure == HandshakeFailure::certificate_wrong_name);
    CHECK(outcome.alert_sent == AlertDescription::bad_certificate);
  }
}

TEST_CASE("who is not trusted is refused for that, whatever else is wrong") {
  const Issued other = make_authority("other", shared_key(KeyKind::p256, 5));
  const Spec wrong{.names = {"DNS:other"}, .not_after = now.seconds - 1};
  CHECK(judge(Role::client, ProtocolVersion::tls13, key_pair(issue(wrong, leaf_key(), &other)),
              &server_example())
            .failure == HandshakeFailure::certificate_unknown_ca);
}

TEST_CASE("a chain may have as many certificates and bytes as the limits say") {
  const auto role = GENERATE(Role::client, Role::server);
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  // root <- first <- second <- leaf, and one certificate more that nobody needs.
  const Issued first = make_authority("first", shared_key(KeyKind::p256, 4), &world().authority);
  const Issued second = make_authority("second", shared_key(KeyKind::p256, 5), &first);
  const Issued end = issue({}, leaf_key(), &second);
  const auto chain = [&](int certificates) {
    const std::string more = second.pem() + first.pem();
    return key_pair(end, certificates == 4 ? more + first.pem() : more);
  };
  HandshakeLimits limits;
  limits.peer_chain_length_max = 3;
  CHECK(judge(role, version, chain(3), nullptr, limits).failure == HandshakeFailure::none);
  const Outcome too_long = judge(role, version, chain(4), nullptr, limits);
  CHECK(too_long.failure == HandshakeFailure::certificate_chain_too_long);
  CHECK(too_long.alert_sent == AlertDescription::bad_certificate);
  limits = {};
  limits.peer_chain_bytes_max = der_of(end.certificate.get()).size() +
                                der_of(second.certificate.get()).size() +
                                der_of(first.certificate.get()).size();
  CHECK(judge(role, version, chain(3), nullptr, limits).failure == HandshakeFailure::none);
  --limits.peer_chain_bytes_max;
  CHECK(judge(role, version, chain(3), nullptr, limits).failure ==
        HandshakeFailure::certificate_chain_too_large);
}

TEST_CASE("a client without certificate is welcome where it is optional, and refused where it is required") {
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  const auto wanted =
      GENERATE(ClientCertificates::none, ClientCertificates::optional, ClientCertificates::required);
  ServerOptions server_side = server_options(wanted);
  server_side.policy.version_min = server_side.policy.version_max = version;
  const ContextPointer server_context = make(std::move(server_side));
  const ContextPointer client_context = make(client_options());
  End client(*client_context, target());
  End server(*server_context);
  shuttle(client, server);
  CHECK(server->peer_chain_length() == 0);
  if (wanted != ClientCertificates::required) {
    CHECK(server->state() == HandshakeState::done);
  } else {
    CHECK(server->failure() == HandshakeFailure::certificate_missing);
    CHECK(server->alert_sent() == (version == ProtocolVersion::tls13 ? AlertDescription::certificate_required
                                                                     : AlertDescription::handshake_failure));
  }
}

TEST_CASE("an optional certificate of a client must be good") {
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  const bool is_good = GENERATE(true, false);
  ServerOptions server_side = server_options(ClientCertificates::optional);
  server_side.policy.version_min = server_side.policy.version_max = version;
  const ContextPointer server_context = make(std::move(server_side));
  ClientOptions client_side = client_options();
  client_side.key_pair = is_good ? key_pair(world().client) : key_pair(issue({}, leaf_key(), nullptr));
  const ContextPointer client_context = make(std::move(client_side));
  End client(*client_context, target());
  End server(*server_context);
  shuttle(client, server);
  if (is_good) {
    REQUIRE(server->state() == HandshakeState::done);
    REQUIRE(server->peer_chain_length() == 1);
    const auto leaf_view = server->peer_certificate();
    CHECK(std::string(leaf_view->der().begin(), leaf_view->der().end()) ==
          der_of(world().client.certificate.get()));
    CHECK_FALSE(leaf_view->is_authority());
    CHECK(leaf_view->not_after().seconds == now.seconds + day);
    CHECK(leaf_view->not_before().seconds == now.seconds - day);
    const SubjectNames names = leaf_view->names();
    REQUIRE(names.begin() != names.end());
    CHECK((*names.begin()).value == "spiffe://example.org/ns/a/sa/b");
    CHECK((*names.begin()).kind == NameKind::uri);
  } else {
    CHECK(server->failure() == HandshakeFailure::certificate_self_signed);
    CHECK(server->alert_sent() == AlertDescription::unknown_ca);
  }
}

TEST_CASE("certificates and keys of our own that handshakes cannot use are refused when they are read") {
  const auto error_of = [](const Issued& issued, std::string_view more = "") {
    const auto pair = KeyPair::read(bytes_of(issued.pem() + std::string(more)), bytes_of(issued.key_pem()));
    REQUIRE_FALSE(pair.has_value());
    return pair.error();
  };
  CHECK(error_of(issue({}, shared_key(KeyKind::rsa1024), &world().authority)) ==
        CertificateError::unsupported_key);
  CHECK(error_of(issue({}, shared_key(KeyKind::p521), &world().authority)) == CertificateError::malformed);
  CHECK(error_of(world().server, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") ==
        CertificateError::malformed);
  std::string many;
  for (int i = 0; i < 5; ++i) many += world().authority.pem();
  CHECK(error_of(world().server, many) == CertificateError::too_many);
  CHECK(KeyPair::read(bytes_of(world().server.pem()), bytes_of(world().client.key_pem())).error() ==
        CertificateError::key_does_not_match);
  CHECK(KeyPair::read({}, bytes_of(world().client.key_pem())).error() == CertificateError::empty);
  CHECK(KeyPair::read(bytes_of(world().server.pem()), bytes_of("no key")).error() ==
        CertificateError::malformed);
  const std::string der = der_of(world().server.certificate.get());
  CHECK(KeyPair::read(bytes_of(der), bytes_of(world().server.key_pem())).has_value());
}

TEST_CASE("a trust bundle leaves out what it does not understand, and says how much") {
  const Issued odd = make_authority("odd", shared_key(KeyKind::p521));
  const auto bundle = TrustBundle::read(bytes_of(world().authority.pem() + odd.pem()));
  REQUIRE(bundle.has_value());
  CHECK(bundle->left_out() == 1);
  CHECK_FALSE(TrustBundle::read(bytes_of(odd.pem())).has_value());
}

}  // namespace
}  // namespace byway::tls::test
