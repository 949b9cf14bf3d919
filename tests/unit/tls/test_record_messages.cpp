// Alerts, ends and KeyUpdates: what is said of the connection itself.
#include <catch2/generators/catch_generators_all.hpp>

#include "tests/unit/tls/message_bench.h"

namespace byway::tls {
namespace {

using test::all_suites;
using test::End;
using test::Forger;
using test::handshake;
using test::MessageBench;
using test::Pair;
using test::Suite;
using test::tls12;
using test::tls13;
using test::Worker;

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
  MessageBench bench;
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
    MessageBench bench;
    CHECK(bench.data() == Opened::starved);
    bench.end.take();
    CHECK(bench.end.layer.on_transport_end() == TransportEnd::truncated);
    CHECK(bench.worker.counted(RecordCounter::truncated) == 1);
    CHECK(bench.worker.counted(RecordCounter::truncated_in_record) == 0);
  }
  {
    MessageBench bench;
    CHECK(bench.end.open(bench.forger.record(ContentType::application_data, "cut").substr(0, 10)) ==
          Opened::starved);
    CHECK(bench.end.layer.on_transport_end() == TransportEnd::truncated);
    CHECK(bench.worker.counted(RecordCounter::truncated_in_record) == 1);
  }
  {
    MessageBench bench;
    CHECK(bench.alert(1, 0) == Opened::closed);
    CHECK(bench.end.layer.on_transport_end() == TransportEnd::clean);
    CHECK(bench.worker.counted(RecordCounter::truncated) == 0);
  }
}

TEST_CASE("TLS 1.3: every alert but close_notify and user_canceled ends the connection, whatever its level") {
  for (int description = 1; description <= 255; ++description) {
    for (const int level : {1, 2, 77}) {
      MessageBench bench;
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
  MessageBench bench(tls12);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < warnings_max; ++i) CHECK(bench.alert(1, 100) == Opened::starved);
    if (round == 0) CHECK(bench.data() == Opened::starved);
  }
  CHECK(bench.alert(1, 100) == Opened::failed);
  bench.refused_as(AlertDescription::unexpected_message, RecordCounter::too_many_warnings);

  MessageBench fatal(tls12);
  CHECK(fatal.alert(2, 20) == Opened::failed);
  CHECK(fatal.end.layer.error()->is_peers);
  CHECK(fatal.end.alert() == AlertDescription::bad_record_mac);

  MessageBench strange(tls12);
  CHECK(strange.alert(3, 20) == Opened::failed);
  CHECK_FALSE(strange.end.layer.error()->is_peers);
  strange.refused_as(AlertDescription::illegal_parameter, RecordCounter::bad_message);
}

TEST_CASE("alerts are neither split nor joined") {
  for (const Suite suite : {tls13, tls12}) {
    for (const std::string& bytes :
         {std::string("\1"), std::string("\1\0\1", 3), std::string("\1\0\1\0", 4)}) {
      MessageBench bench(suite);
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
  MessageBench bench;
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
  MessageBench bench;
  CHECK(bench.message(update) == Opened::starved);
  CHECK(bench.data() == Opened::failed);  // the forger has not updated
  bench.refused_as(AlertDescription::bad_record_mac, RecordCounter::bad_record_mac);
}

TEST_CASE("a KeyUpdate that is wrong is refused") {
  const auto refused = [](std::string_view message, AlertDescription alert, RecordCounter counter) {
    MessageBench bench;
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
  MessageBench old(tls12);
  CHECK(old.message(update) == Opened::failed);
  old.refused_as(AlertDescription::unexpected_message, RecordCounter::unexpected_message);
}

TEST_CASE("KeyUpdates come as fast as the bound says: some at once, later ones by application data") {
  MessageBench bench;
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

}  // namespace
}  // namespace byway::tls
