// The record layer against libssl, in the place of its client and of its server: all suites of both versions,
// KeyUpdates both ways, tickets, alerts, ends.
#include <catch2/generators/catch_generators_all.hpp>

#include "tests/unit/tls/libssl_peer.h"
#include "tests/unit/tls/record_bench.h"

namespace byway::tls {
namespace {

using test::bytes_of;
using test::End;
using test::LibsslOptions;
using test::LibsslPair;
using test::LibsslPeer;
using test::pattern;
using test::text_of;
using test::Worker;

constexpr std::array<LibsslOptions, 9> suites = {{
    {ProtocolVersion::tls13, "TLS_AES_128_GCM_SHA256", 0, false},
    {ProtocolVersion::tls13, "TLS_AES_256_GCM_SHA384", 0, false},
    {ProtocolVersion::tls13, "TLS_CHACHA20_POLY1305_SHA256", 0, false},
    {ProtocolVersion::tls12, "ECDHE-ECDSA-AES128-GCM-SHA256", 0, false},
    {ProtocolVersion::tls12, "ECDHE-ECDSA-AES256-GCM-SHA384", 0, false},
    {ProtocolVersion::tls12, "ECDHE-ECDSA-CHACHA20-POLY1305", 0, false},
    {ProtocolVersion::tls12, "ECDHE-RSA-AES128-GCM-SHA256", 0, true},
    {ProtocolVersion::tls12, "ECDHE-RSA-AES256-GCM-SHA384", 0, true},
    {ProtocolVersion::tls12, "ECDHE-RSA-CHACHA20-POLY1305", 0, true},
}};

/// A record layer in the place of one end, libssl at the other.
struct Bench {
  explicit Bench(const LibsslOptions& options, Role ours, AeadBackend backend = test::backends().front())
      : pair(options),
        worker(backend),
        end(worker, (ours == Role::client ? pair.client : pair.server).secrets()),
        peer(ours == Role::client ? pair.server : pair.client) {}

  /// What libssl reads of it.
  std::string to_peer(std::string_view plain, std::size_t slice = 1'448) {
    peer.receive(end.seal(plain, slice));
    return peer.read();
  }
  std::string from_peer(std::string_view plain, std::size_t slice = 1'448) {
    peer.write(plain);
    CHECK(end.open(peer.send(), slice) == Opened::starved);
    return end.take();
  }
  void exchange() {
    CHECK(to_peer("to libssl") == "to libssl");
    CHECK(from_peer("from libssl") == "from libssl");
  }

  LibsslPair pair;
  Worker worker;
  End end;
  LibsslPeer& peer;
};

TEST_CASE("libssl reads what we seal, and we read what libssl seals, in every suite and both roles") {
  const auto options = GENERATE(from_range(suites));
  const Role role = GENERATE(Role::client, Role::server);
  Bench bench(options, role, GENERATE(from_range(test::backends())));
  INFO(options.suite);
  for (const std::size_t size : {1, 15, 16, 17, 1'400, 5'000, 16'384, 16'385, 100'000}) {
    const std::string text = pattern(size);
    CHECK(bench.to_peer(text) == text);
    CHECK(bench.from_peer(text) == text);
  }
  // Ends, both ways.
  bench.end.layer.close();
  CHECK(bench.to_peer("") == "");
  CHECK(bench.peer.error() == SSL_ERROR_ZERO_RETURN);
  SSL_shutdown(bench.peer.ssl());
  CHECK(bench.end.open(bench.peer.send()) == Opened::closed);
}

TEST_CASE("KeyUpdates of both sides, asked for and not, many times") {
  const auto options = GENERATE(from_range(std::vector<LibsslOptions>(suites.begin(), suites.begin() + 3)));
  const Role role = GENERATE(Role::client, Role::server);
  Bench bench(options, role);
  for (int round = 0; round < 10; ++round) {
    REQUIRE(bench.end.layer.update_keys(round % 2 == 0));
    bench.exchange();
    REQUIRE(SSL_key_update(bench.peer.ssl(),
                           round % 3 == 0 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
    CHECK(bench.from_peer("under libssl's new keys") == "under libssl's new keys");
    bench.exchange();
    // Both ask at the same time.
    REQUIRE(bench.end.layer.update_keys(true));
    REQUIRE(SSL_key_update(bench.peer.ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
    const std::string ours = bench.end.seal("crossing");
    bench.peer.write("crossing");
    CHECK(bench.end.open(bench.peer.send()) == Opened::starved);
    CHECK(bench.end.take() == "crossing");
    bench.peer.receive(ours);
    CHECK(bench.peer.read() == "crossing");
    for (int i = 0; i < 30; ++i) bench.exchange();  // libssl's bound, and ours
  }
  CHECK(bench.worker.counted(RecordCounter::key_updates_in) >= 30);
}

TEST_CASE("tickets of libssl's server are read, in front of data") {
  LibsslOptions options = suites[0];
  options.tickets = 2;
  Bench bench(options, Role::client);
  CHECK(bench.end.open(bench.pair.wire) == Opened::ticket);
  const std::string first = text_of(bench.end.layer.ticket().ticket);
  CHECK(bench.end.layer.ticket().nonce.size() == 8);
  CHECK(bench.end.layer.ticket().lifetime_seconds == 7'200);
  CHECK(bench.end.open("") == Opened::ticket);
  CHECK(text_of(bench.end.layer.ticket().ticket) != first);
  CHECK(bench.end.open("") == Opened::starved);
  bench.exchange();
}

TEST_CASE("libssl's client takes our ticket") {
  const auto options = GENERATE(from_range(std::vector<LibsslOptions>(suites.begin(), suites.begin() + 3)));
  Bench bench(options, Role::server);
  NewSessionTicket ticket;
  const std::string content = pattern(1'200);
  ticket.lifetime_seconds = 1'234;
  ticket.nonce = bytes_of("12345678");
  ticket.ticket = bytes_of(content);
  Rope out(bench.worker.slices);
  REQUIRE(bench.end.layer.send_ticket(ticket, out));
  bench.peer.receive(text_of(out));
  bench.exchange();
  REQUIRE(bench.peer.session() != nullptr);
  CHECK(SSL_SESSION_get_ticket_lifetime_hint(bench.peer.session()) == 1'234);
  const unsigned char* bytes = nullptr;
  std::size_t size = 0;
  SSL_SESSION_get0_ticket(bench.peer.session(), &bytes, &size);
  CHECK(text_of({bytes, size}) == content);
}

TEST_CASE("a fatal alert of ours is what libssl reports, and libssl's what we report") {
  const auto options = GENERATE(suites[0], suites[3]);
  {
    Bench bench(options, Role::server);
    bench.end.layer.fail(AlertDescription::access_denied);
    CHECK(bench.to_peer("") == "");
    CHECK(bench.peer.error() == SSL_ERROR_SSL);
    CHECK(bench.peer.error_text().find("access denied") != std::string::npos);
  }
  Bench bench(options, Role::server);
  std::string wire = bench.end.seal("will be changed");
  wire.back() = static_cast<char>(wire.back() ^ 1);
  bench.peer.receive(wire);
  CHECK(bench.peer.read() == "");
  CHECK(bench.end.open(bench.peer.send()) == Opened::failed);
  CHECK(bench.end.alert() == AlertDescription::bad_record_mac);
  CHECK(bench.end.layer.error()->is_peers);
}

TEST_CASE("TLS 1.2: libssl's wish to renegotiate is refused, and both go on or end as libssl wants") {
  // libssl's server asks; its client would too, but gives the connection up at the answer.
  Bench bench(suites[3], Role::client);
  REQUIRE(SSL_renegotiate(bench.peer.ssl()) == 1);
  CHECK(SSL_do_handshake(bench.peer.ssl()) == 1);  // puts the HelloRequest out
  CHECK(bench.end.open(bench.peer.send()) == Opened::starved);
  CHECK(bench.end.layer.owes_output());
  CHECK(bench.worker.counted(RecordCounter::renegotiations_refused) == 1);
}

TEST_CASE("a connection that moves in mid-transfer goes on with libssl") {
  const auto options = GENERATE(from_range(suites));
  Bench bench(options, Role::server);
  bench.exchange();
  bench.peer.write(pattern(40'000));
  const std::string wire = bench.peer.send();
  CHECK(bench.end.open(wire.substr(0, 20'000)) == Opened::starved);
  std::string state(bench.end.layer.export_bytes(), '\0');
  REQUIRE(bench.end.layer.export_state({reinterpret_cast<std::uint8_t*>(state.data()), state.size()}) > 0);
  Worker elsewhere;
  End there(elsewhere);
  REQUIRE(there.layer.import_state(bytes_of(state)) == RecordHandoverError::none);
  CHECK(there.open(wire.substr(20'000)) == Opened::starved);
  CHECK(bench.end.take() + there.take() == pattern(40'000));
  bench.peer.receive(there.seal("from elsewhere"));
  CHECK(bench.peer.read() == "from elsewhere");
}

}  // namespace
}  // namespace byway::tls
