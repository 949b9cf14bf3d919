// Peers that mean no good: bytes changed on their way, messages of any size, memory that is out.
#include <catch2/generators/catch_generators.hpp>

#include "tests/unit/tls/handshake/bench.h"

namespace byway::tls::test {
namespace {

HandshakePolicy only(ProtocolVersion version) {
  HandshakePolicy policy;
  policy.version_min = policy.version_max = version;
  return policy;
}

struct Contexts {
  explicit Contexts(ProtocolVersion version, HandshakeLimits limits = {}) {
    ServerOptions server_side = server_options(ClientCertificates::required);
    server_side.policy = only(version);
    server_side.policy.limits = limits;
    ClientOptions client_side = client_options();
    client_side.policy = only(version);
    client_side.key_pair = key_pair(world().client);
    server = make(std::move(server_side));
    client = make(std::move(client_side));
  }
  ContextPointer server;
  ContextPointer client;
};

/// Whether `at` is a version in a record's header: in the clear nothing protects it, and nobody looks (RFC
/// 8446 5.1).
bool is_record_version(std::string_view flight, std::size_t at) {
  for (std::size_t record = 0; record + 5 <= flight.size();) {
    if (at == record + 1 || at == record + 2) return true;
    record += 5 + (static_cast<std::size_t>(static_cast<std::uint8_t>(flight[record + 3])) << 8 |
                   static_cast<std::uint8_t>(flight[record + 4]));
  }
  return false;
}

/// Flips one bit at `at` of all bytes that go from client to server or back. False: there were not so many
/// bytes.
bool run_tampered(const Contexts& contexts, std::size_t at, unsigned bit) {
  End client(*contexts.client, target());
  End server(*contexts.server);
  std::size_t passed = 0;
  bool is_tampered = false;
  bool is_harmless = false;
  std::string flight = client.exchange("");
  for (bool to_server = true; !flight.empty(); to_server = !to_server) {
    if (at >= passed && at < passed + flight.size()) {
      is_tampered = true;
      is_harmless = is_record_version(flight, at - passed);
      flight[at - passed] = static_cast<char>(flight[at - passed] ^ (1 << bit));
    }
    passed += flight.size();
    flight = (to_server ? server : client).exchange(flight);
  }
  const bool both = client->state() == HandshakeState::done && server->state() == HandshakeState::done;
  CAPTURE(at, bit);
  if (is_tampered && !is_harmless) CHECK_FALSE(both);
  return is_tampered;
}

TEST_CASE("a handshake with one changed bit anywhere is not completed by both") {
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  const Contexts contexts(version);
  // A stride that meets every kind of field; the bit changes with it. The last bytes are met by counting on.
  std::size_t tampered = 0;
  for (std::size_t at = 0; run_tampered(contexts, at, static_cast<unsigned>(at % 8)); at += at < 700 ? 3 : 17)
    ++tampered;
  CHECK(tampered > 250);
}

/// A record around a message around nothing.
std::string client_hello_of(std::size_t body_bytes) {
  std::string hello{'\x16',
                    '\x03',
                    '\x01',
                    '\x40',
                    '\x00',
                    '\x01',
                    static_cast<char>(body_bytes >> 16),
                    static_cast<char>(body_bytes >> 8),
                    static_cast<char>(body_bytes)};
  return hello;
}

TEST_CASE("a ClientHello longer than allowed is refused when its length is read, before it has come") {
  HandshakeLimits limits;
  limits.client_hello_max = 4'096;
  const Contexts contexts(ProtocolVersion::tls13, limits);
  End server(*contexts.server);
  server.exchange(client_hello_of(4'092));
  CHECK(server->state() == HandshakeState::needs_input);
  End other(*contexts.server);
  const std::string answer = other.exchange(client_hello_of(4'093));
  CHECK(other->failure() == HandshakeFailure::client_hello_too_large);
  CHECK(answer == std::string("\x15\x03\x03\x00\x02\x02\x2f", 7));
  CHECK(other->alert_sent() == AlertDescription::illegal_parameter);
}

TEST_CASE("the length of a ClientHello is found in whichever records and pieces its bytes are") {
  const auto feed = [](ClientHelloGuard& guard, std::string_view bytes) {
    HandshakeFailure failure = HandshakeFailure::none;
    for (const char byte : bytes) {
      CHECK(failure == HandshakeFailure::none);
      failure = guard.feed(bytes_of({&byte, 1}));
    }
    return failure;
  };
  const std::string one_byte("\x16\x03\x01\x00\x01", 5);
  const std::string change_cipher_spec("\x14\x03\x03\x00\x01\x01", 6);
  const auto hello = [&](std::string_view header) {
    std::string records;
    for (const char byte : header) records += one_byte + byte;
    return records;
  };
  ClientHelloGuard guard(4'096);
  CHECK(feed(guard, hello({"\x01\x00\x0f\xfd", 4})) == HandshakeFailure::client_hello_too_large);
  ClientHelloGuard second(16);
  // A first one of 2 bytes, then the second one, too long.
  CHECK(feed(second, hello({"\x01\x00\x00\x02"
                            "ab",
                            6}) +
                         change_cipher_spec + hello({"\x01\x00\x00\x0d", 4})) ==
        HandshakeFailure::client_hello_too_large);
  // Behind the first other message nothing is looked at.
  ClientHelloGuard other(16);
  CHECK(feed(other, hello({"\x10\x00\x00\x0d", 4}) + hello({"\x01\xff\xff\xff", 4})) ==
        HandshakeFailure::none);
}

TEST_CASE("a record with less than a message's header is refused") {
  const Contexts contexts(ProtocolVersion::tls13);
  End server(*contexts.server);
  server.exchange(std::string("\x16\x03\x01\x00\x03\x01\x00\x00", 8));
  CHECK(server->failure() == HandshakeFailure::bad_record);
}

TEST_CASE("a ClientHello in many small records is understood") {
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  const Contexts contexts(version);
  End client(*contexts.client, target());
  End server(*contexts.server);
  const std::string hello = client.exchange("").substr(5);
  std::string answer;
  for (std::size_t at = 0; at < hello.size(); at += 9) {
    const std::string piece = hello.substr(at, 9);
    answer += server.exchange(std::string("\x16\x03\x01\x00", 4) + static_cast<char>(piece.size()) + piece);
  }
  REQUIRE_FALSE(answer.empty());
  CHECK(server->state() == HandshakeState::needs_input);
}

TEST_CASE("a peer that sends on and on is refused at the limit of bytes") {
  HandshakeLimits limits;
  limits.bytes_in_max = 2'000;
  const Contexts contexts(ProtocolVersion::tls13, limits);
  End client(*contexts.client, target());
  End server(*contexts.server);
  server.exchange(client.exchange(""));
  // Change-cipher-spec records, which TLS 1.3 passes over.
  const std::string nothing("\x14\x03\x03\x00\x01\x01", 6);
  for (int i = 0; i < 400 && server->state() == HandshakeState::needs_input; ++i) server.exchange(nothing);
  CHECK(server->failure() == HandshakeFailure::too_many_bytes);
}

TEST_CASE("what is no TLS is refused at its first bytes, without an answer") {
  const Contexts contexts(ProtocolVersion::tls13);
  for (const std::string_view text :
       {"GET / HTTP/1.1\r\n", "P", "SSH-2.0-x\r\n", "\x16\x02", "\x80\x2e\x01\x03\x01"}) {
    CAPTURE(text);
    End server(*contexts.server);
    CHECK(server.exchange(text).empty());
    CHECK(server->failure() == HandshakeFailure::not_tls);
    CHECK_FALSE(server->alert_sent().has_value());
  }
}

TEST_CASE("a peer's alert ends the handshake and is told") {
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  const Contexts contexts(version);
  End client(*contexts.client, target());
  client.exchange("");
  CHECK(client.exchange(std::string("\x15\x03\x03\x00\x02\x02\x28", 7)).empty());
  CHECK(client->failure() == HandshakeFailure::peer_alert);
  CHECK(client->alert_received() == AlertDescription::handshake_failure);
  CHECK_FALSE(client->alert_sent().has_value());
}

TEST_CASE("an owner that gives up is counted by its reason, and nothing is held any more") {
  const Contexts contexts(ProtocolVersion::tls13);
  End client(*contexts.client, target());
  client.exchange("");
  CHECK(client->memory_used() > 16'384);
  client->give_up(HandshakeFailure::timed_out);
  CHECK(client->memory_used() == 0);
  CHECK(client.exchange("").empty());
  CHECK(client->failure() == HandshakeFailure::timed_out);
  CHECK(client.worker.counters.failed_by(HandshakeFailure::timed_out) == 1);
  {
    Handshake abandoned(*contexts.client, client.worker, target());
    Rope nothing(client.slices);
    abandoned.advance(nothing, client.to_send, now);
    client.to_send.clear();
    CHECK(client.worker.counters.in_progress == 1);
  }
  CHECK(client.worker.counters.failed_by(HandshakeFailure::abandoned) == 1);
  CHECK(client.worker.counters.started == 2);
}

TEST_CASE("a message of one key's record does not go on under the next key") {
  // The server's first flight ends its plain part with ServerHello; behind it in the same record,
  // EncryptedExtensions in the clear.
  const Contexts contexts(ProtocolVersion::tls13);
  End client(*contexts.client, target());
  End server(*contexts.server);
  std::string flight = server.exchange(client.exchange(""));
  const std::size_t length = static_cast<std::size_t>(static_cast<std::uint8_t>(flight[3])) << 8 |
                             static_cast<std::uint8_t>(flight[4]);
  REQUIRE(flight[0] == '\x16');
  const std::string hello = flight.substr(5, length);
  const std::string more("\x08\x00\x00\x02\x00\x00", 6);
  const std::size_t total = hello.size() + more.size();
  const std::string record = std::string("\x16\x03\x03", 3) + static_cast<char>(total >> 8) +
                             static_cast<char>(total) + hello + more;
  client.exchange(record);
  CHECK(client->failure() == HandshakeFailure::unexpected_message);
}

TEST_CASE("memory that is out, at any allocation, fails the handshake and nothing else") {
  const auto version = GENERATE(ProtocolVersion::tls12, ProtocolVersion::tls13);
  // How much a handshake takes, then less and less of it.
  std::size_t peak = 0;
  {
    const Contexts contexts(version);
    End client(*contexts.client, target());
    End server(*contexts.server);
    shuttle(client, server);
    REQUIRE(server->state() == HandshakeState::done);
    peak = server.worker.account.peak;
  }
  CHECK(peak < HandshakeLimits{}.memory_max);
  CHECK(peak > 26'000);
  unsigned failed = 0;
  for (std::size_t limit = peak; limit > 2'000; limit -= limit > 30'000 ? 97 : 1'511) {
    HandshakeLimits limits;
    limits.memory_max = limit;
    const Contexts contexts(version, limits);
    End client(*contexts.client, target());
    End server(*contexts.server);
    shuttle(client, server);
    CAPTURE(limit);
    if (server->state() == HandshakeState::failed) {
      ++failed;
      CHECK(name_of(server->failure()) == "no_memory");
      CHECK(server.worker.account.refused > 0);
    }
    CHECK(server.worker.account.peak <= limit);
  }
  CHECK(failed > 5);
}

TEST_CASE("buffers that are out fail the handshake") {
  const Contexts contexts(ProtocolVersion::tls13);
  for (std::uint64_t buffers = 0; buffers < 2; ++buffers) {
    End client(*contexts.client, target());
    End server(*contexts.server);
    server.deliver(client.exchange(""));
    server.heap.fail_after(buffers);
    server.advance();
    if (buffers == 0) CHECK(server->failure() == HandshakeFailure::no_memory);
    server.heap.fail_after(UINT64_MAX);
  }
}

TEST_CASE("a worker's account bounds all of its handshakes together") {
  const Contexts contexts(ProtocolVersion::tls13);
  End first(*contexts.client, target());
  first.worker.account.bytes_max = 50'000;
  first.exchange("");
  CHECK(first->state() == HandshakeState::needs_input);
  Handshake second(*contexts.client, first.worker, target());
  Rope nothing(first.slices);
  CHECK(second.advance(nothing, first.to_send, now) == HandshakeState::failed);
  CHECK(second.failure() == HandshakeFailure::no_memory);
  CHECK(first->state() == HandshakeState::needs_input);
}

}  // namespace
}  // namespace byway::tls::test
