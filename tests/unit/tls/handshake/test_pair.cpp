// Handshakes between two ends of ours: every version and suite, every segmentation.
#include <catch2/generators/catch_generators.hpp>

#include "tests/unit/tls/handshake/bench.h"

namespace byway::tls::test {
namespace {

bool equal(const Secret& a, const Secret& b) {
  return std::ranges::equal(a.bytes(), b.bytes());
}

/// Both ends are done and have the same secrets, each for its own direction. Returns the client's.
TrafficSecrets check_agreement(End& client, End& server) {
  REQUIRE(client->state() == HandshakeState::done);
  REQUIRE(server->state() == HandshakeState::done);
  TrafficSecrets a = client->take_secrets();
  const TrafficSecrets b = server->take_secrets();
  CHECK(a.role == Role::client);
  CHECK(b.role == Role::server);
  CHECK(a.version == b.version);
  CHECK(a.suite == b.suite);
  CHECK(equal(a.send_secret, b.receive_secret));
  CHECK(equal(a.receive_secret, b.send_secret));
  CHECK(equal(a.master_secret, b.master_secret));
  CHECK(equal(a.resumption_secret, b.resumption_secret));
  CHECK(a.client_random == b.client_random);
  CHECK(a.server_random == b.server_random);
  const std::size_t hash = size_of(parameters_of(a.suite).hash);
  if (a.version == ProtocolVersion::tls13) {
    CHECK(a.send_secret.size() == hash);
    CHECK(a.receive_secret.size() == hash);
    CHECK(a.resumption_secret.size() == hash);
    CHECK_FALSE(equal(a.send_secret, a.receive_secret));
    CHECK(a.master_secret.empty());
  } else {
    CHECK(a.master_secret.size() == 48);
    CHECK(a.client_random != a.server_random);
    CHECK(a.send_secret.empty());
  }
  const std::uint64_t sequence = a.version == ProtocolVersion::tls13 ? 0 : 1;
  for (const TrafficSecrets* secrets : {&std::as_const(a), &b}) {
    CHECK(secrets->send_sequence == sequence);
    CHECK(secrets->receive_sequence == sequence);
  }
  return a;
}

HandshakePolicy only(ProtocolVersion version) {
  HandshakePolicy policy;
  policy.version_min = policy.version_max = version;
  return policy;
}

TEST_CASE("each suite of each version is agreed on, and both ends have its secrets") {
  const auto suite = GENERATE(
      CipherSuite::aes_128_gcm_sha256, CipherSuite::aes_256_gcm_sha384, CipherSuite::chacha20_poly1305_sha256,
      CipherSuite::ecdhe_ecdsa_aes_128_gcm_sha256, CipherSuite::ecdhe_ecdsa_aes_256_gcm_sha384,
      CipherSuite::ecdhe_rsa_aes_128_gcm_sha256, CipherSuite::ecdhe_rsa_aes_256_gcm_sha384,
      CipherSuite::ecdhe_rsa_chacha20_poly1305_sha256, CipherSuite::ecdhe_ecdsa_chacha20_poly1305_sha256);
  const bool is_tls13 = static_cast<unsigned>(suite) >> 8 == 0x13;
  CAPTURE(static_cast<unsigned>(suite));
  ServerOptions options;
  const Issued rsa = issue({}, shared_key(KeyKind::rsa2048), &world().authority);
  ServerIdentity identity;
  identity.key_pairs.push_back(key_pair(world().server));
  identity.key_pairs.push_back(key_pair(rsa));
  options.identities.push_back(std::move(identity));
  options.policy = only(is_tls13 ? ProtocolVersion::tls13 : ProtocolVersion::tls12);
  options.policy.suites = {suite};
  const ContextPointer server_context = make(std::move(options));
  const ContextPointer client_context = make(client_options());
  End client(*client_context, target());
  End server(*server_context);
  shuttle(client, server);
  CHECK(check_agreement(client, server).suite == suite);
  CHECK(server.worker.counters.done_tls13 == (is_tls13 ? 1 : 0));
  CHECK(server.worker.counters.done_tls12 == (is_tls13 ? 0 : 1));
}

TEST_CASE("the newest version that both have is taken") {
  const auto [client_max, server_max] = GENERATE(std::pair{ProtocolVersion::tls13, ProtocolVersion::tls13},
                                                 std::pair{ProtocolVersion::tls12, ProtocolVersion::tls13},
                                                 std::pair{ProtocolVersion::tls13, ProtocolVersion::tls12});
  ServerOptions server_side = server_options();
  server_side.policy.version_max = server_max;
  ClientOptions client_side = client_options();
  client_side.policy.version_max = client_max;
  const ContextPointer server_context = make(std::move(server_side));
  const ContextPointer client_context = make(std::move(client_side));
  End client(*client_context, target());
  End server(*server_context);
  shuttle(client, server);
  CHECK(check_agreement(client, server).version == std::min(client_max, server_max));
}

TEST_CASE("without a common version both are told") {
  ServerOptions server_side = server_options();
  server_side.policy = only(ProtocolVersion::tls13);
  ClientOptions client_side = client_options();
  client_side.policy = only(ProtocolVersion::tls12);
  const ContextPointer server_context = make(std::move(server_side));
  const ContextPointer client_context = make(std::move(client_side));
  End client(*client_context, target());
  End server(*server_context);
  shuttle(client, server);
  CHECK(server->failure() == HandshakeFailure::unsupported_version);
  CHECK(server->alert_sent() == AlertDescription::protocol_version);
  CHECK(client->failure() == HandshakeFailure::peer_alert);
  CHECK(client->alert_received() == AlertDescription::protocol_version);
}

/// TLS 1.3 and 1.2, with certificates both ways: the longest flights that there are.
struct Mutual {
  explicit Mutual(ProtocolVersion version) {
    ServerOptions server_side = server_options(ClientCertificates::required);
    server_side.policy = only(version);
    ClientOptions client_side = client_options();
    client_side.key_pair = key_pair(world().client);
    server = make(std::move(server_side));
    client = make(std::move(client_side));
  }
  ContextPointer server;
  ContextPointer client;
};

TEST_CASE("a handshake that comes byte by byte, or in any other pieces, is the same") {
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  const auto piece =
      GENERATE(std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{6}, std::size_t{700});
  CAPTURE(piece);
  const Mutual mutual(version);
  End client(*mutual.client, target());
  End server(*mutual.server);
  shuttle(client, server, piece);
  CHECK(check_agreement(client, server).version == version);
  CHECK(server->peer_chain_length() == 1);
}

/// Runs a handshake in which one flight is cut once; returns the length of that flight (0: there is no such).
std::size_t run_cut(const Mutual& mutual, unsigned flight_to_cut, std::size_t cut) {
  End client(*mutual.client, target());
  End server(*mutual.server);
  std::string flight = client.exchange("");
  std::size_t length = 0;
  for (unsigned number = 0; !flight.empty(); ++number) {
    End& to = number % 2 == 0 ? server : client;
    std::string answer;
    if (number == flight_to_cut) {
      length = flight.size();
      if (cut < length) {
        answer = to.exchange(flight.substr(0, cut));
        REQUIRE(to->state() == HandshakeState::needs_input);
        flight.erase(0, cut);
      }
    }
    flight = answer + to.exchange(flight);
  }
  REQUIRE(client->state() == HandshakeState::done);
  REQUIRE(server->state() == HandshakeState::done);
  return length;
}

TEST_CASE("a flight may be cut anywhere") {
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  const Mutual mutual(version);
  for (unsigned flight = 0;; ++flight) {
    // A signature is a byte longer or shorter from run to run: the last cuts may lie behind the end.
    const std::size_t length = run_cut(mutual, flight, SIZE_MAX);
    if (length == 0) {
      CHECK(flight >= 3);
      break;
    }
    // Each record header and what is around it, and a stride over what lies between.
    for (std::size_t cut = 1; cut < length; cut += cut < 12 || length - cut < 60 ? 1 : 13) {
      CAPTURE(flight, cut);
      run_cut(mutual, flight, cut);
    }
  }
}

TEST_CASE("what comes behind the handshake is left as it came") {
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  const Mutual mutual(version);
  End client(*mutual.client, target());
  End server(*mutual.server);
  const std::string behind = "\x17\x03\x03 protected by the new keys";
  std::string to_server = client.exchange("");
  std::string to_client = server.exchange(to_server);
  to_server = client.exchange(to_client);
  // The client's last flight, with its first request in the same segment.
  if (version == ProtocolVersion::tls12) {
    to_client = server.exchange(to_server);
    CHECK(server->state() == HandshakeState::done);
    client.exchange(to_client + behind);
    CHECK(drain(client.received) == behind);
  } else {
    server.exchange(to_server + behind);
    CHECK(drain(server.received) == behind);
  }
  check_agreement(client, server);
}

TEST_CASE("a handshake stops after as many steps as it is allowed, and goes on") {
  const Mutual mutual(ProtocolVersion::tls13);
  End client(*mutual.client, target());
  End server(*mutual.server);
  unsigned calls = 0;
  for (End* from = &client;
       client->state() != HandshakeState::done || server->state() != HandshakeState::done;
       from = from == &client ? &server : &client) {
    End& to = from == &client ? server : client;
    do {
      REQUIRE(++calls < 200);
      (*from)->advance(from->received, from->to_send, now, 1);
    } while ((*from)->state() == HandshakeState::can_continue);
    to.deliver(drain(from->to_send));
  }
  CHECK(calls > 20);
  check_agreement(client, server);
}

}  // namespace
}  // namespace byway::tls::test
