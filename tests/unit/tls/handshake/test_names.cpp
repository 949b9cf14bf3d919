// What is agreed on besides keys: server names, application protocols.
#include <catch2/generators/catch_generators.hpp>

#include "tests/unit/tls/handshake/bench.h"

namespace byway::tls::test {
namespace {

TEST_CASE("a DNS name of a certificate stands for a host, with a star for one whole first label") {
  CHECK(matches_dns_name("a.example.com", "a.example.com"));
  CHECK(matches_dns_name("A.Example.COM", "a.eXample.com"));
  CHECK(matches_dns_name("*.example.com", "a.example.com"));
  CHECK_FALSE(matches_dns_name("*.example.com", "a.b.example.com"));
  CHECK_FALSE(matches_dns_name("*.example.com", "example.com"));
  CHECK_FALSE(matches_dns_name("*.example.com", ".example.com"));
  CHECK_FALSE(matches_dns_name("*.com", "example.com"));
  CHECK_FALSE(matches_dns_name("*", "example"));
  CHECK_FALSE(matches_dns_name("a*.example.com", "ab.example.com"));
  CHECK_FALSE(matches_dns_name("*.*.com", "a.b.com"));
  CHECK_FALSE(matches_dns_name("a.example.com", "b.example.com"));
  CHECK_FALSE(matches_dns_name("a.example.com", "a.example.com."));
  CHECK_FALSE(matches_dns_name("", ""));
  CHECK_FALSE(matches_dns_name(std::string_view("a.example.com\0.evil.org", 23), "a.example.com"));
}

/// A server with one identity a name, told apart by their certificates' common names.
ServerOptions named(std::initializer_list<std::string> names) {
  ServerOptions options;
  for (const std::string& name : names) {
    ServerIdentity identity;
    identity.name = name;
    identity.key_pairs.push_back(
        key_pair(issue({.common_name = "for " + name}, shared_key(KeyKind::p256, 1), &world().authority)));
    options.identities.push_back(std::move(identity));
  }
  return options;
}

TEST_CASE("the most specific name wins, in either case of letters") {
  const ContextPointer context = make(named({"", "www.example.com", "*.example.com", "*.a.example.com"}));
  const auto name_for = [&](std::string_view asked) { return context->identity_for(asked)->name; };
  CHECK(name_for("www.example.com") == "www.example.com");
  CHECK(name_for("WWW.EXAMPLE.COM") == "www.example.com");
  CHECK(name_for("b.example.com") == "*.example.com");
  CHECK(name_for("c.b.example.com") == "*.example.com");
  CHECK(name_for("x.a.example.com") == "*.a.example.com");
  CHECK(name_for("a.example.com") == "*.example.com");
  CHECK(name_for("example.com") == "");
  CHECK(name_for("") == "");
  CHECK(name_for("no such thing") == "");
  CHECK(name_for(std::string(253, 'a')) == "");
}

TEST_CASE("the certificate is that of the name that the client asked for") {
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  ServerOptions options = named({"", "*.example.com", "server.example"});
  options.policy.version_min = options.policy.version_max = version;
  const ContextPointer server_context = make(std::move(options));
  const ContextPointer client_context = make(client_options());
  for (const auto& [asked, identity] :
       {std::pair{"server.example", "server.example"}, std::pair{"a.example.com", "*.example.com"},
        std::pair{"other", ""}, std::pair{"", ""}}) {
    End client(*client_context, ServerTarget{asked, nullptr});
    End server(*server_context);
    shuttle(client, server);
    REQUIRE(client->state() == HandshakeState::done);
    CHECK(server->server_name() == asked);
    REQUIRE(server->identity() != nullptr);
    CHECK(server->identity()->name == identity);
    const auto leaf = client->peer_certificate();
    REQUIRE(leaf.has_value());
    const std::string der(leaf->der().begin(), leaf->der().end());
    CHECK(der.contains(std::string("for ") + identity));
  }
}

TEST_CASE("a name that no identity is for is refused with unrecognized_name") {
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  ServerOptions options = named({"server.example"});
  options.policy.version_min = options.policy.version_max = version;
  const ContextPointer server_context = make(std::move(options));
  const ContextPointer client_context = make(client_options());
  End client(*client_context, ServerTarget{"other.example", nullptr});
  End server(*server_context);
  shuttle(client, server);
  CHECK(server->failure() == HandshakeFailure::unrecognized_name);
  CHECK(server->alert_sent() == AlertDescription::unrecognized_name);
  CHECK(client->alert_received() == AlertDescription::unrecognized_name);
  CHECK(server.worker.counters.failed_by(HandshakeFailure::unrecognized_name) == 1);
}

TEST_CASE("the server's preference of application protocols wins, and none in common is refused") {
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  ServerOptions server_side = server_options();
  server_side.policy.version_min = server_side.policy.version_max = version;
  server_side.policy.alpn = {"h2", "http/1.1"};
  const ContextPointer server_context = make(std::move(server_side));
  const auto run = [&](std::vector<std::string> offered) {
    ClientOptions client_side = client_options();
    client_side.policy.alpn = std::move(offered);
    const ContextPointer client_context = make(std::move(client_side));
    End client(*client_context, target());
    End server(*server_context);
    shuttle(client, server);
    const auto agreed = client->alpn();
    const std::string client_says = agreed ? client_context->alpn()[*agreed] : "none";
    const std::string server_says = server->alpn() ? server_context->alpn()[*server->alpn()] : "none";
    if (client->state() == HandshakeState::done) CHECK(client_says == server_says);
    return server->state() == HandshakeState::done ? server_says : std::string(name_of(server->failure()));
  };
  CHECK(run({"http/1.1", "h2"}) == "h2");
  CHECK(run({"http/1.1"}) == "http/1.1");
  CHECK(run({}) == "none");
  CHECK(run({"spdy/1"}) == "no_application_protocol");
}

TEST_CASE("contexts that could not do what they say are refused") {
  const auto error_of = [](ServerOptions options) {
    auto context = HandshakeContext::server(std::move(options));
    REQUIRE_FALSE(context.has_value());
    return context.error();
  };
  CHECK(error_of({}) == ContextError::no_identity);
  CHECK(error_of(named({"a b"})) == ContextError::bad_server_name);
  CHECK(error_of(named({"a.*.b"})) == ContextError::bad_server_name);
  CHECK(error_of(named({"A.example", "a.example"})) == ContextError::duplicate_name);
  ServerOptions options = server_options();
  options.identities[0].client_certificates = ClientCertificates::optional;
  CHECK(error_of(std::move(options)) == ContextError::no_client_trust);
  options = server_options();
  options.policy.version_min = ProtocolVersion::tls13;
  options.policy.version_max = ProtocolVersion::tls12;
  CHECK(error_of(std::move(options)) == ContextError::bad_versions);
  options = server_options();
  options.policy.suites = {CipherSuite::aes_128_gcm_sha256};
  CHECK(error_of(std::move(options)) == ContextError::no_suite);
  options = server_options();
  options.policy.alpn = {std::string(33, 'x')};
  CHECK(error_of(std::move(options)) == ContextError::bad_alpn);
  options = server_options();
  options.identities[0].key_pairs.clear();
  CHECK(error_of(std::move(options)) == ContextError::no_identity);
}

}  // namespace
}  // namespace byway::tls::test
