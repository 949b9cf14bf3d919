// Tickets, wishes to renegotiate, and messages that may not come after a handshake.
#include <catch2/generators/catch_generators_all.hpp>

#include "tests/unit/tls/message_bench.h"

namespace byway::tls {
namespace {

using test::all_suites;
using test::bytes_of;
using test::handshake;
using test::MessageBench;
using test::Pair;
using test::pattern;
using test::Suite;
using test::text_of;
using test::ticket_message;
using test::tls12;
using test::tls13;
using test::vector;

// ---- Tickets ---------------------------------------------------------------------------------------------

TEST_CASE("a server's ticket reaches its client, and both derive the same PSK") {
  const Suite suite = GENERATE(from_range(std::vector<Suite>(all_suites.begin(), all_suites.begin() + 3)));
  Pair pair(suite);
  const std::string content = pattern(3'000);
  NewSessionTicket sent;
  sent.lifetime_seconds = 3'600;
  sent.age_add = 0xfeedface;
  sent.nonce = bytes_of("nonce");
  sent.ticket = bytes_of(content);
  Rope out(pair.worker.slices);
  REQUIRE(pair.server.layer.send_ticket(sent, out));
  CHECK(pair.client.open(text_of(out), 700) == Opened::ticket);
  const NewSessionTicket got = pair.client.layer.ticket();
  CHECK(got.lifetime_seconds == 3'600);
  CHECK(got.age_add == 0xfeedface);
  CHECK(text_of(got.nonce) == "nonce");
  CHECK(text_of(got.ticket) == content);
  CHECK(got.early_data_bytes == 0);
  Secret one;
  Secret other;
  pair.client.layer.resumption_psk(got.nonce, one);
  pair.server.layer.resumption_psk(sent.nonce, other);
  CHECK(text_of(one.bytes()) == text_of(other.bytes()));
  CHECK(one.size() == size_of(parameters_of(suite.suite).hash));
  pair.client.layer.resumption_psk(bytes_of("other"), other);
  CHECK(text_of(one.bytes()) != text_of(other.bytes()));
  CHECK(pair.client.open(pair.server.seal("data")) == Opened::starved);
  CHECK(pair.client.take() == "data");
}

TEST_CASE("a ticket that finds no memory is not sent, and nothing is lost by it") {
  Pair pair;
  const std::string content = pattern(5'000);
  NewSessionTicket sent;
  sent.ticket = bytes_of(content);
  Rope out(pair.worker.slices);
  pair.worker.heap.fail_after(1);
  CHECK_FALSE(pair.server.layer.send_ticket(sent, out));
  CHECK(out.empty());
  pair.worker.heap.fail_after(UINT64_MAX);
  CHECK(pair.client.open(pair.server.seal("data")) == Opened::starved);
  CHECK(pair.client.take() == "data");
}

TEST_CASE("tickets may share a record, be spread over records, and stand before data") {
  MessageBench bench(tls13, Role::client);
  const std::string three = ticket_message("first") + ticket_message("second") + ticket_message("third");
  for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, std::size_t{30}, three.size()}) {
    std::string wire;
    for (std::size_t at = 0; at < three.size(); at += piece) {
      wire += bench.forger.record(ContentType::handshake, three.substr(at, piece));
    }
    wire += bench.forger.record(ContentType::application_data, "data");
    std::string tickets;
    Opened verdict = bench.end.open(wire);
    while (verdict == Opened::ticket) {
      tickets += text_of(bench.end.layer.ticket().ticket) + " ";
      verdict = bench.end.open("");
    }
    CHECK(verdict == Opened::starved);
    CHECK(tickets == "first second third ");
    CHECK(bench.end.take() == "data");
  }
  CHECK(bench.end.layer.holds_no_buffers());
}

TEST_CASE("any number of tickets may come, one after the other") {
  MessageBench bench(tls13, Role::client);
  for (int i = 0; i < 300; ++i) REQUIRE(bench.message(ticket_message("again")) == Opened::ticket);
}

TEST_CASE("a lifetime above seven days is cut, extensions that nobody knows are ignored") {
  MessageBench bench(tls13, Role::client);
  const std::string extensions = "\1\1" + vector("what", 2) + std::string("\0\52", 2) + vector("\1\2\3\4", 2);
  CHECK(bench.message(ticket_message("t", "", extensions)) == Opened::ticket);
  CHECK(bench.end.layer.ticket().early_data_bytes == 0x01020304);
  std::string long_lived = ticket_message("t");
  long_lived.replace(4, 4, "\x7f\xff\xff\xff");
  CHECK(bench.message(long_lived) == Opened::ticket);
  CHECK(bench.end.layer.ticket().lifetime_seconds == 604'800);
}

TEST_CASE("a ticket that cannot be read is refused, wherever it is cut") {
  const std::string extensions = std::string("\0\52", 2) + vector("\1\2\3\4", 2);
  const std::string whole = ticket_message("ticket", "nonce", extensions).substr(4);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    MessageBench bench(tls13, Role::client);
    CHECK(bench.message(handshake(HandshakeType::new_session_ticket, whole.substr(0, size))) ==
          Opened::failed);
    bench.refused_as(AlertDescription::decode_error, RecordCounter::bad_message);
  }
  const std::string early = std::string("\0\52", 2);
  for (const std::string& bad :
       {ticket_message("").substr(4), whole + "x", ticket_message("t", "", "\1").substr(4),
        ticket_message("t", "", early + vector("\1\2\3", 2)).substr(4),
        ticket_message("t", "", early + vector("\1\2\3\4\5", 2)).substr(4),
        ticket_message("t", "", extensions + extensions).substr(4)}) {
    MessageBench bench(tls13, Role::client);
    CHECK(bench.message(handshake(HandshakeType::new_session_ticket, bad)) == Opened::failed);
    bench.refused_as(AlertDescription::decode_error, RecordCounter::bad_message);
  }
}

TEST_CASE("a ticket that is too long to keep is skipped, what comes behind it is not") {
  MessageBench bench(tls13, Role::client);
  const std::string message = ticket_message(pattern(40'000)) + ticket_message("short");
  std::string wire;
  for (std::size_t at = 0; at < message.size(); at += 9'000) {
    wire += bench.forger.record(ContentType::handshake, message.substr(at, 9'000));
  }
  CHECK(bench.end.open(wire) == Opened::ticket);
  CHECK(text_of(bench.end.layer.ticket().ticket) == "short");
  CHECK(bench.data("data") == Opened::starved);
  CHECK(bench.end.take() == "data");
  CHECK(bench.worker.counted(RecordCounter::tickets_too_long) == 1);
}

TEST_CASE("a message longer than it can be, or in too many records, is refused") {
  MessageBench longer(tls13, Role::client);
  CHECK(longer.message(handshake(HandshakeType::new_session_ticket, "", ticket_message_bytes_possible + 1)) ==
        Opened::failed);
  longer.refused_as(AlertDescription::decode_error, RecordCounter::bad_message);
  MessageBench slow(tls13, Role::client);
  const std::string message = ticket_message(pattern(200));
  for (std::size_t i = 0; i < message_records_max; ++i) {
    REQUIRE(slow.message(message.substr(i, 1)) == Opened::starved);
  }
  CHECK(slow.message(message.substr(message_records_max, 1)) == Opened::failed);
  slow.refused_as(AlertDescription::unexpected_message, RecordCounter::too_many_fragments);
}

TEST_CASE("application data inside a handshake message is refused, kept or skipped") {
  MessageBench bench(tls13, Role::client);
  CHECK(bench.message(ticket_message("ticket").substr(0, 3)) == Opened::starved);
  CHECK(bench.data() == Opened::failed);
  bench.refused_as(AlertDescription::unexpected_message, RecordCounter::interleaved);
  MessageBench skipping(tls13, Role::client);
  CHECK(skipping.message(ticket_message(pattern(9'000)).substr(0, 5'000)) == Opened::starved);
  CHECK(skipping.data() == Opened::failed);
  skipping.refused_as(AlertDescription::unexpected_message, RecordCounter::interleaved);
}

TEST_CASE("no other handshake message may come after the handshake") {
  for (int type = 0; type <= 255; ++type) {
    for (const Suite suite : {tls13, tls12}) {
      for (const Role role : {Role::client, Role::server}) {
        const bool is_tls13 = suite.version == ProtocolVersion::tls13;
        if (is_tls13 && (type == 24 || (type == 4 && role == Role::client))) continue;
        if (!is_tls13 && type == (role == Role::client ? 0 : 1)) continue;
        MessageBench bench(suite, role);
        CHECK(bench.message(handshake(static_cast<HandshakeType>(type), "")) == Opened::failed);
        bench.refused_as(AlertDescription::unexpected_message, RecordCounter::unexpected_message);
      }
    }
  }
}

// ---- Renegotiation ---------------------------------------------------------------------------------------

TEST_CASE("TLS 1.2: a wish to renegotiate is answered with no_renegotiation, and the connection goes on") {
  const Role role = GENERATE(Role::client, Role::server);
  MessageBench bench(tls12, role);
  const std::string hello = role == Role::client ? handshake(HandshakeType::hello_request, "")
                                                 : handshake(HandshakeType::client_hello, pattern(20'000));
  for (int i = 0; i < renegotiations_max; ++i) {
    for (std::size_t at = 0; at < hello.size(); at += 9'000) {
      CHECK(bench.message(hello.substr(at, 9'000)) == Opened::starved);
    }
    CHECK(bench.data("data") == Opened::starved);
    CHECK(bench.end.take() == "data");
    CHECK(bench.end.layer.owes_output());
    CHECK(bench.peer.open(bench.end.seal("answer")) == Opened::starved);
    CHECK(bench.peer.take() == "answer");
    CHECK(bench.worker.counted(RecordCounter::warnings_in) == static_cast<std::uint64_t>(i) + 1);
  }
  CHECK(bench.message(hello.substr(0, 9'000)) == Opened::failed);
  CHECK(bench.end.alert() == AlertDescription::handshake_failure);
  CHECK(bench.worker.counted(RecordCounter::renegotiations_refused) == renegotiations_max + 1);
}

TEST_CASE("TLS 1.2: a HelloRequest with content, or an endless ClientHello, is refused") {
  MessageBench client(tls12, Role::client);
  CHECK(client.message(handshake(HandshakeType::hello_request, "x")) == Opened::failed);
  client.refused_as(AlertDescription::decode_error, RecordCounter::bad_message);
  MessageBench server(tls12);
  CHECK(server.message(handshake(HandshakeType::client_hello, "", client_hello_bytes_max + 1)) ==
        Opened::failed);
  server.refused_as(AlertDescription::decode_error, RecordCounter::bad_message);
}

TEST_CASE("what is owed waits for memory, and comes once") {
  MessageBench bench(tls12, Role::client);
  CHECK(bench.message(handshake(HandshakeType::hello_request, "")) == Opened::starved);
  bench.end.layer.close();
  bench.worker.heap.fail_after(0);
  CHECK(bench.end.seal("").empty());
  bench.worker.heap.fail_after(1);
  const std::string first = bench.end.seal("");
  CHECK_FALSE(first.empty());
  bench.worker.heap.fail_after(UINT64_MAX);
  const std::string second = bench.end.seal("");
  CHECK_FALSE(second.empty());
  CHECK(bench.end.seal("").empty());
  CHECK(bench.peer.open(first + second) == Opened::closed);
}

}  // namespace
}  // namespace byway::tls
