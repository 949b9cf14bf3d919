// What is said besides application data: alerts and ends, KeyUpdate, tickets, wishes to renegotiate.
#include <catch2/generators/catch_generators_all.hpp>

#include "tests/unit/tls/record_bench.h"

namespace byway::tls {
namespace {

using test::all_suites;
using test::bytes_of;
using test::End;
using test::Forger;
using test::Pair;
using test::pattern;
using test::Suite;
using test::text_of;
using test::Worker;

constexpr Suite tls13 = all_suites[0];
constexpr Suite tls12 = all_suites[3];

struct Bench {
  explicit Bench(Suite suite = tls13, Role role = Role::server)
      : end(worker, test::secrets_of(suite, role)),
        forger(suite, role == Role::server ? Role::client : Role::server),
        peer(worker, test::secrets_of(suite, role == Role::server ? Role::client : Role::server)) {}
  Opened alert(int level, int description) {
    const char bytes[] = {static_cast<char>(level), static_cast<char>(description)};
    return end.open(forger.record(ContentType::alert, {bytes, 2}));
  }
  Opened message(std::string_view bytes) { return end.open(forger.record(ContentType::handshake, bytes)); }
  Opened data(std::string_view bytes = "x") {
    return end.open(forger.record(ContentType::application_data, bytes));
  }
  void refused_as(AlertDescription alert, RecordCounter counter) {
    CHECK(end.alert() == alert);
    CHECK(worker.counted(counter) == 1);
  }
  Worker worker;
  End end;
  Forger forger;
  End peer;  ///< Hears what `end` says.
};

std::string handshake(HandshakeType type, std::string_view body, std::size_t length = SIZE_MAX) {
  if (length == SIZE_MAX) length = body.size();
  std::string message(1, static_cast<char>(type));
  message.push_back(static_cast<char>(length >> 16));
  message.push_back(static_cast<char>(length >> 8));
  message.push_back(static_cast<char>(length));
  return message.append(body);
}

std::string vector(std::string_view bytes, int length_bytes) {
  std::string text;
  for (int i = length_bytes - 1; i >= 0; --i) text.push_back(static_cast<char>(bytes.size() >> (8 * i)));
  return text.append(bytes);
}

std::string ticket_message(std::string_view ticket, std::string_view nonce = "n",
                           std::string_view extensions = "") {
  return handshake(
      HandshakeType::new_session_ticket,
      std::string("\0\1\2\3", 4) + "\4\5\6\7" + vector(nonce, 1) + vector(ticket, 2) + vector(extensions, 2));
}

const std::string update = handshake(HandshakeType::key_update, std::string(1, '\0'));
const std::string update_asked = handshake(HandshakeType::key_update, std::string(1, '\1'));

// ---- Ends ------------------------------------------------------------------------------------------------

TEST_CASE("close_notify goes both ways, each direction by itself") {
  const auto suite = GENERATE(from_range(all_suites));
  Pair pair(suite);
  pair.client.layer.close();
  CHECK(pair.client.layer.owes_output());
  CHECK(pair.server.open(pair.client.seal("not any more")) == Opened::closed);
  CHECK(pair.client.taken == 0);
  CHECK(pair.server.layer.peer_closed());
  CHECK_FALSE(pair.server.layer.error().has_value());
  CHECK(pair.client.open(pair.server.seal("the answer is still read")) == Opened::starved);
  CHECK(pair.client.take() == "the answer is still read");
  pair.server.layer.close();
  CHECK(pair.client.open(pair.server.seal("")) == Opened::closed);
  pair.server.layer.close();
  CHECK(pair.server.seal("once is enough").empty());
  CHECK(pair.worker.counted(RecordCounter::close_notify_in) == 2);
  CHECK(pair.worker.counted(RecordCounter::close_notify_out) == 2);
}

TEST_CASE("what comes behind a close_notify is dropped, in its slice and later") {
  Bench bench;
  std::string wire = bench.forger.record(ContentType::application_data, "before");
  wire += bench.forger.record(ContentType::alert, std::string("\1\0", 2));
  wire += bench.forger.record(ContentType::application_data, "behind");
  CHECK(bench.end.open(wire) == Opened::closed);
  CHECK(bench.data("behind") == Opened::closed);
  CHECK(bench.end.open("rubbish") == Opened::closed);
  CHECK(bench.end.take() == "before");
  CHECK(bench.worker.counted(RecordCounter::dropped_after_close) == 2 * (6 + 22) + 7);
  CHECK(bench.end.layer.holds_no_buffers());
}

TEST_CASE("an end of the transport without close_notify is a truncation, also between records") {
  {
    Bench bench;
    CHECK(bench.data() == Opened::starved);
    bench.end.take();
    CHECK(bench.end.layer.on_transport_end() == TransportEnd::truncated);
    CHECK(bench.worker.counted(RecordCounter::truncated) == 1);
    CHECK(bench.worker.counted(RecordCounter::truncated_in_record) == 0);
  }
  {
    Bench bench;
    CHECK(bench.end.open(bench.forger.record(ContentType::application_data, "cut").substr(0, 10)) ==
          Opened::starved);
    CHECK(bench.end.layer.on_transport_end() == TransportEnd::truncated);
    CHECK(bench.worker.counted(RecordCounter::truncated_in_record) == 1);
  }
  {
    Bench bench;
    CHECK(bench.alert(1, 0) == Opened::closed);
    CHECK(bench.end.layer.on_transport_end() == TransportEnd::clean);
    CHECK(bench.worker.counted(RecordCounter::truncated) == 0);
  }
}

TEST_CASE("TLS 1.3: every alert but close_notify and user_canceled ends the connection, whatever its level") {
  for (int description = 1; description <= 255; ++description) {
    for (const int level : {1, 2, 77}) {
      Bench bench;
      const bool is_warning = description == static_cast<int>(AlertDescription::user_canceled);
      CHECK(bench.alert(level, description) == (is_warning ? Opened::starved : Opened::failed));
      if (is_warning) continue;
      CHECK(static_cast<int>(bench.end.alert()) == description);
      CHECK(bench.end.layer.error()->is_peers);
      CHECK_FALSE(bench.end.layer.owes_output());
      CHECK(bench.end.seal("nothing").empty());
    }
  }
}

TEST_CASE(
    "TLS 1.2: warnings are let pass up to a bound, fatal alerts end the connection, other levels are none") {
  Bench bench(tls12);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < warnings_max; ++i) CHECK(bench.alert(1, 100) == Opened::starved);
    if (round == 0) CHECK(bench.data() == Opened::starved);
  }
  CHECK(bench.alert(1, 100) == Opened::failed);
  bench.refused_as(AlertDescription::unexpected_message, RecordCounter::too_many_warnings);

  Bench fatal(tls12);
  CHECK(fatal.alert(2, 20) == Opened::failed);
  CHECK(fatal.end.layer.error()->is_peers);
  CHECK(fatal.end.alert() == AlertDescription::bad_record_mac);

  Bench strange(tls12);
  CHECK(strange.alert(3, 20) == Opened::failed);
  CHECK_FALSE(strange.end.layer.error()->is_peers);
  strange.refused_as(AlertDescription::illegal_parameter, RecordCounter::bad_message);
}

TEST_CASE("alerts are neither split nor joined") {
  for (const Suite suite : {tls13, tls12}) {
    for (const std::string& bytes :
         {std::string("\1"), std::string("\1\0\1", 3), std::string("\1\0\1\0", 4)}) {
      Bench bench(suite);
      CHECK(bench.end.open(bench.forger.record(ContentType::alert, bytes)) == Opened::failed);
      bench.refused_as(AlertDescription::decode_error, RecordCounter::bad_message);
    }
  }
}

TEST_CASE("a layer above can end the connection with its own alert, unless the end was already said") {
  Pair pair;
  pair.server.layer.fail(AlertDescription::internal_error);
  CHECK(pair.client.open(pair.server.seal("")) == Opened::failed);
  CHECK(pair.client.alert() == AlertDescription::internal_error);
  CHECK(pair.server.open(pair.client.seal("")) == Opened::failed);

  Pair midway;
  CHECK(midway.server.open(midway.client.seal("part of a record").substr(0, 20)) == Opened::starved);
  CHECK_FALSE(midway.server.layer.holds_no_buffers());
  midway.server.layer.fail(AlertDescription::internal_error);
  CHECK(midway.server.layer.holds_no_buffers());

  Pair closed;
  closed.server.layer.close();
  CHECK(closed.client.open(closed.server.seal("")) == Opened::closed);
  closed.server.layer.fail(AlertDescription::internal_error);
  CHECK(closed.server.seal("").empty());
}

// ---- KeyUpdate -------------------------------------------------------------------------------------------

TEST_CASE("KeyUpdate: both directions go on under new keys, and an asked one is answered once, before data") {
  const Suite suite = GENERATE(from_range(std::vector<Suite>(all_suites.begin(), all_suites.begin() + 3)));
  Pair pair(suite);
  CHECK(pair.server.open(pair.client.seal("old")) == Opened::starved);
  CHECK(pair.client.layer.update_keys(false));
  CHECK(pair.server.open(pair.client.seal("new")) == Opened::starved);
  CHECK(pair.client.layer.send_sequence() == 1);
  CHECK(pair.server.layer.receive_sequence() == 1);
  CHECK_FALSE(pair.server.layer.owes_output());
  CHECK(pair.client.layer.update_keys(true));
  CHECK(pair.client.layer.update_keys(true));
  CHECK(pair.server.open(pair.client.seal("newer")) == Opened::starved);
  CHECK(pair.server.take() == "oldnewnewer");
  CHECK(pair.server.layer.owes_output());
  const std::string answer = pair.server.seal("answer");
  CHECK_FALSE(pair.server.layer.owes_output());
  CHECK(pair.client.open(answer) == Opened::starved);
  CHECK(pair.client.take() == "answer");
  CHECK_FALSE(pair.client.layer.owes_output());
  CHECK(pair.server.layer.send_sequence() == 1);
  CHECK(pair.worker.counted(RecordCounter::key_updates_out) == 3);
  CHECK(pair.worker.counted(RecordCounter::key_updates_in) == 3);
}

TEST_CASE("several requests before the answer has gone out get one answer") {
  Bench bench;
  for (int i = 0; i < 3; ++i) {
    CHECK(bench.message(update_asked) == Opened::starved);
    bench.forger.update();
  }
  CHECK(bench.data() == Opened::starved);
  CHECK(bench.peer.open(bench.end.seal("data")) == Opened::starved);
  CHECK(bench.peer.take() == "data");
  CHECK(bench.worker.counted(RecordCounter::key_updates_out) == 1);
}

TEST_CASE("keys that a KeyUpdate has replaced open nothing more") {
  Bench bench;
  CHECK(bench.message(update) == Opened::starved);
  CHECK(bench.data() == Opened::failed);  // the forger has not updated
  bench.refused_as(AlertDescription::bad_record_mac, RecordCounter::bad_record_mac);
}

TEST_CASE("a KeyUpdate that is wrong is refused") {
  const auto refused = [](std::string_view message, AlertDescription alert, RecordCounter counter) {
    Bench bench;
    CHECK(bench.message(message) == Opened::failed);
    bench.refused_as(alert, counter);
  };
  refused(handshake(HandshakeType::key_update, "\2"), AlertDescription::illegal_parameter,
          RecordCounter::bad_message);
  refused(handshake(HandshakeType::key_update, ""), AlertDescription::decode_error,
          RecordCounter::bad_message);
  refused(handshake(HandshakeType::key_update, std::string(2, '\0')), AlertDescription::decode_error,
          RecordCounter::bad_message);
  refused(update + update, AlertDescription::unexpected_message, RecordCounter::key_update_not_last);
  refused(update + "\x18", AlertDescription::unexpected_message, RecordCounter::key_update_not_last);
  Bench old(tls12);
  CHECK(old.message(update) == Opened::failed);
  old.refused_as(AlertDescription::unexpected_message, RecordCounter::unexpected_message);
}

TEST_CASE("KeyUpdates come as fast as the bound says: some at once, later ones by application data") {
  Bench bench;
  for (int i = 0; i < key_updates_max; ++i) {
    REQUIRE(bench.message(update) == Opened::starved);
    bench.forger.update();
  }
  for (int i = 0; i < key_update_refill; ++i) CHECK(bench.data() == Opened::starved);
  CHECK(bench.message(update) == Opened::starved);
  bench.forger.update();
  CHECK(bench.message(update) == Opened::failed);
  bench.refused_as(AlertDescription::unexpected_message, RecordCounter::too_many_key_updates);
}

TEST_CASE("a sender updates its keys by itself before they reach the limit of AES-GCM") {
  const Suite suite = GENERATE(all_suites[0], all_suites[1]);
  Pair pair(suite, test::backends().front(), gcm_records_max - 2, 0);
  CHECK(pair.server.open(pair.client.seal("two before")) == Opened::starved);
  CHECK(pair.worker.counted(RecordCounter::key_updates_out) == 0);
  CHECK(pair.server.open(pair.client.seal("the last")) == Opened::starved);
  CHECK(pair.worker.counted(RecordCounter::key_updates_by_limit) == 1);
  CHECK(pair.server.open(pair.client.seal("under new keys")) == Opened::starved);
  CHECK_FALSE(pair.server.layer.owes_output());  // nobody had to ask
  CHECK(pair.client.layer.send_sequence() == 1);
  CHECK(pair.server.take() == "two beforethe lastunder new keys");
}

TEST_CASE("ChaCha20-Poly1305 needs no new keys there") {
  Pair pair(all_suites[2], test::backends().front(), 2 * gcm_records_max, 2 * gcm_records_max);
  CHECK(pair.server.open(pair.client.seal("as before")) == Opened::starved);
  CHECK(pair.worker.counted(RecordCounter::key_updates_by_limit) == 0);
  CHECK_FALSE(pair.server.layer.owes_output());
}

TEST_CASE("a sender that does not care about the limit is asked once a key") {
  Worker worker;
  constexpr std::uint64_t last = gcm_records_max + records_before_asking - 1;
  End end(worker, test::secrets_of(tls13, Role::server, last, 0));
  Forger forger(tls13, Role::client, last);
  End peer(worker, test::secrets_of(tls13, Role::client));
  const auto data = [&] { return end.open(forger.record(ContentType::application_data, "x")); };
  CHECK(data() == Opened::starved);
  CHECK(end.layer.owes_output());
  CHECK(peer.open(end.seal("")) == Opened::starved);
  CHECK(peer.layer.owes_output());  // it was asked
  CHECK(data() == Opened::starved);
  CHECK_FALSE(end.layer.owes_output());
  const auto has_asked = [&end] {
    std::vector<std::uint8_t> state(end.layer.export_bytes());
    RecordHandoverHead head;
    REQUIRE(end.layer.export_state(state) == state.size());
    std::memcpy(&head, state.data(), sizeof(head));
    return (head.flags & record_handover_flag::asked_peer) != 0;
  };
  CHECK(has_asked());
  CHECK(end.open(forger.record(ContentType::handshake, update)) == Opened::starved);
  forger.update();
  CHECK(data() == Opened::starved);
  CHECK_FALSE(end.layer.owes_output());
  CHECK_FALSE(has_asked());  // the next key will be asked for again
}

TEST_CASE("TLS 1.2 has no KeyUpdate, and nothing is updated after a close") {
  Pair old(tls12);
  CHECK_FALSE(old.client.layer.update_keys(true));
  Pair pair;
  pair.client.layer.close();
  CHECK_FALSE(pair.client.layer.update_keys(true));
}

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
  Bench bench(tls13, Role::client);
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
  Bench bench(tls13, Role::client);
  for (int i = 0; i < 300; ++i) REQUIRE(bench.message(ticket_message("again")) == Opened::ticket);
}

TEST_CASE("a lifetime above seven days is cut, extensions that nobody knows are ignored") {
  Bench bench(tls13, Role::client);
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
    Bench bench(tls13, Role::client);
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
    Bench bench(tls13, Role::client);
    CHECK(bench.message(handshake(HandshakeType::new_session_ticket, bad)) == Opened::failed);
    bench.refused_as(AlertDescription::decode_error, RecordCounter::bad_message);
  }
}

TEST_CASE("a ticket that is too long to keep is skipped, what comes behind it is not") {
  Bench bench(tls13, Role::client);
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
  Bench longer(tls13, Role::client);
  CHECK(longer.message(handshake(HandshakeType::new_session_ticket, "", ticket_message_bytes_possible + 1)) ==
        Opened::failed);
  longer.refused_as(AlertDescription::decode_error, RecordCounter::bad_message);
  Bench slow(tls13, Role::client);
  const std::string message = ticket_message(pattern(200));
  for (std::size_t i = 0; i < message_records_max; ++i) {
    REQUIRE(slow.message(message.substr(i, 1)) == Opened::starved);
  }
  CHECK(slow.message(message.substr(message_records_max, 1)) == Opened::failed);
  slow.refused_as(AlertDescription::unexpected_message, RecordCounter::too_many_fragments);
}

TEST_CASE("application data inside a handshake message is refused, kept or skipped") {
  Bench bench(tls13, Role::client);
  CHECK(bench.message(ticket_message("ticket").substr(0, 3)) == Opened::starved);
  CHECK(bench.data() == Opened::failed);
  bench.refused_as(AlertDescription::unexpected_message, RecordCounter::interleaved);
  Bench skipping(tls13, Role::client);
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
        Bench bench(suite, role);
        CHECK(bench.message(handshake(static_cast<HandshakeType>(type), "")) == Opened::failed);
        bench.refused_as(AlertDescription::unexpected_message, RecordCounter::unexpected_message);
      }
    }
  }
}

// ---- Renegotiation ---------------------------------------------------------------------------------------

TEST_CASE("TLS 1.2: a wish to renegotiate is answered with no_renegotiation, and the connection goes on") {
  const Role role = GENERATE(Role::client, Role::server);
  Bench bench(tls12, role);
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
  Bench client(tls12, Role::client);
  CHECK(client.message(handshake(HandshakeType::hello_request, "x")) == Opened::failed);
  client.refused_as(AlertDescription::decode_error, RecordCounter::bad_message);
  Bench server(tls12);
  CHECK(server.message(handshake(HandshakeType::client_hello, "", client_hello_bytes_max + 1)) ==
        Opened::failed);
  server.refused_as(AlertDescription::decode_error, RecordCounter::bad_message);
}

TEST_CASE("what is owed waits for memory, and comes once") {
  Bench bench(tls12, Role::client);
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
