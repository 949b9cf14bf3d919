// Moving a record layer in mid-stream, and bytes that no record layer has written.
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

std::string exported(const RecordLayer& layer) {
  std::string state(layer.export_bytes(), '\0');
  CHECK(layer.export_state({reinterpret_cast<std::uint8_t*>(state.data()), state.size()}) == state.size());
  CHECK(state.size() <= record_handover_bytes_max);
  return state;
}

/// `from` goes on in another worker.
std::unique_ptr<End> moved(End& from, Worker& worker) {
  auto to = std::make_unique<End>(worker);
  REQUIRE(to->layer.import_state(bytes_of(exported(from.layer))) == RecordHandoverError::none);
  return to;
}

TEST_CASE("both ends may move after any byte, inside records too, and nothing is lost") {
  const auto suite = GENERATE(from_range(all_suites));
  Pair pair(suite);
  std::string wire;
  for (unsigned i = 0; i < 3; ++i) wire += pair.client.seal(pattern(30, i));
  Worker other;
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    End server(pair.worker, test::secrets_of(suite, Role::server));
    CHECK(server.open(wire.substr(0, cut), 4) == Opened::starved);
    const auto there = moved(server, other);
    CHECK(there->open(wire.substr(cut)) == Opened::starved);
    CHECK(server.take() + there->take() == pattern(30, 0) + pattern(30, 1) + pattern(30, 2));
    CHECK(there->layer.receive_sequence() == 3);
  }
  const auto client = moved(pair.client, other);
  const auto server = moved(pair.server, other);
  CHECK(server->open(wire + client->seal("from there")) == Opened::starved);
  CHECK(client->open(server->seal("and back")) == Opened::starved);
  CHECK(client->take() == "and back");
  CHECK(other.counted(RecordCounter::moved_in) == wire.size() + 3);
}

TEST_CASE("part of a ticket moves, kept or skipped, and so does its PSK") {
  Worker worker;
  Worker other;
  for (const std::size_t size : {std::size_t{4'000}, std::size_t{10'000}}) {
    End client(worker, test::secrets_of(all_suites[0], Role::client));
    Forger forger(all_suites[0], Role::server);
    const auto head = [](std::size_t length) {
      return std::string("\4\0", 2) + static_cast<char>(length >> 8) + static_cast<char>(length);
    };
    const std::string ticket = pattern(size);
    const std::string body = std::string("\0\0\0\1\0\0\0\2\1n", 10) + static_cast<char>(size >> 8) +
                             static_cast<char>(size) + ticket + std::string(2, '\0');
    const std::string message = head(body.size()) + body;
    CHECK(client.open(forger.record(ContentType::handshake, message.substr(0, 3'000))) == Opened::starved);
    const auto there = moved(client, other);
    const Opened verdict = there->open(forger.record(ContentType::handshake, message.substr(3'000)));
    CHECK(verdict == (size <= ticket_message_bytes_max ? Opened::ticket : Opened::starved));
    if (verdict == Opened::ticket) CHECK(text_of(there->layer.ticket().ticket) == ticket);
    CHECK(there->open(forger.record(ContentType::application_data, "data")) == Opened::starved);
    Secret here;
    Secret gone;
    client.layer.resumption_psk(bytes_of("n"), here);
    there->layer.resumption_psk(bytes_of("n"), gone);
    CHECK(text_of(here.bytes()) == text_of(gone.bytes()));
  }
}

TEST_CASE("what is owed and what was said moves") {
  Worker worker;
  End client(worker, test::secrets_of(all_suites[0], Role::client));
  End server(worker, test::secrets_of(all_suites[0], Role::server));
  CHECK(client.layer.update_keys(true));
  CHECK(server.open(client.seal("asks")) == Opened::starved);
  auto there = moved(server, worker);
  CHECK(there->layer.owes_output());
  CHECK(client.open(there->seal("answers")) == Opened::starved);
  CHECK(client.take() == "answers");
  there->layer.close();
  there = moved(*there, worker);
  CHECK(client.open(there->seal("nothing")) == Opened::closed);
  CHECK(there->taken == 0);
  there = moved(*there, worker);
  CHECK(there->seal("nothing").empty());
  auto here = moved(client, worker);
  CHECK(here->layer.peer_closed());
  CHECK(here->open("behind the end") == Opened::closed);
}

TEST_CASE("a layer that has failed, or was never started, does not move, nor into too little room") {
  Worker worker;
  End fresh(worker);
  CHECK(fresh.layer.export_bytes() == 0);
  End failed(worker, test::secrets_of(all_suites[0], Role::client));
  failed.layer.fail(AlertDescription::internal_error);
  CHECK(failed.layer.export_bytes() == 0);
  End good(worker, test::secrets_of(all_suites[0], Role::client));
  std::vector<std::uint8_t> small(good.layer.export_bytes() - 1);
  CHECK(good.layer.export_state(small) == 0);
  static_cast<void>(failed.seal(""));
}

TEST_CASE("a state without its whole length is refused, cut or with something behind it") {
  Worker worker;
  Pair pair;
  CHECK(pair.server.open(pair.client.seal("a record").substr(0, 20)) == Opened::starved);
  const std::string state = exported(pair.server.layer);
  for (std::size_t size = 0; size < state.size(); ++size) {
    End end(worker);
    CHECK(end.layer.import_state(bytes_of(state.substr(0, size))) == RecordHandoverError::truncated);
  }
  End end(worker);
  CHECK(end.layer.import_state(bytes_of(state + "x")) == RecordHandoverError::truncated);
  CHECK(worker.counted(RecordCounter::moves_refused) == state.size() + 1);
  // A layer that refused is as new.
  CHECK(end.layer.import_state(bytes_of(state)) == RecordHandoverError::none);
}

TEST_CASE("numbers that no record layer has are refused") {
  Worker worker;
  const auto suite = GENERATE(all_suites[0], all_suites[3]);
  End good(worker, test::secrets_of(suite, Role::server));
  const std::string state = exported(good.layer);
  const auto verdict = [&](auto&& change) {
    RecordHandoverHead head;
    std::memcpy(&head, state.data(), sizeof(head));
    change(head);
    std::string bad = state;
    std::memcpy(bad.data(), &head, sizeof(head));
    End end(worker);
    return end.layer.import_state(bytes_of(bad));
  };
  using Head = RecordHandoverHead;
  CHECK(verdict([](Head&) {}) == RecordHandoverError::none);
  CHECK(verdict([](Head& head) { ++head.magic; }) == RecordHandoverError::bad_version);
  CHECK(verdict([](Head& head) { head.partial_bytes = 1; }) == RecordHandoverError::truncated);
  CHECK(verdict([](Head& head) { ++head.total_bytes; }) == RecordHandoverError::truncated);
  CHECK(verdict([](Head& head) {
          head.message_bytes = UINT32_MAX;
          head.partial_bytes = 1;
        }) == RecordHandoverError::truncated);
  const bool is_tls13 = suite.version == ProtocolVersion::tls13;
  const auto bad = [&](auto&& change) { CHECK(verdict(change) == RecordHandoverError::bad_state); };
  bad([](Head& head) { head.version = 0x0302; });
  bad([&](Head& head) { head.version = is_tls13 ? 0x0303 : 0x0304; });
  bad([](Head& head) { head.suite = 0x1304; });
  bad([](Head& head) { head.role = 2; });
  bad([](Head& head) { head.owed = 16; });
  bad([](Head& head) { head.owed = 8; });  // an end that nobody has wanted
  bad([&](Head& head) { head.owed = is_tls13 ? 4 : 1; });
  bad([](Head& head) { head.flags = 8; });
  bad([](Head& head) { head.first_records_left = first_records + 1; });
  bad([](Head& head) { head.empty_records = empty_records_max + 1; });
  bad([](Head& head) { head.warnings = warnings_max + 1; });
  bad([](Head& head) { head.renegotiations = renegotiations_max + 1; });
  bad([](Head& head) { head.message_records = message_records_max + 1; });
  bad([](Head& head) { head.key_update_credit = key_updates_max + 1; });
  bad([](Head& head) { head.data_records = key_update_refill; });
  bad([](Head& head) { head.skip = ticket_message_bytes_possible + 1; });
  bad([](Head& head) { head.unused[1] = 1; });
  bad([](Head& head) { head.unused_too = 1; });
  bad([](Head& head) { head.send.unused[3] = 1; });
  bad([](Head& head) { head.send.secret[47] = 1; });
  bad([](Head& head) { head.receive.key[31] = 1; });
  bad([&](Head& head) { head.receive.nonce[is_tls13 ? 0 : 11] = 1; });
  bad([&](Head& head) { is_tls13 ? head.send.secret.fill(0) : head.send.key.fill(0); });
  bad([](Head& head) { head.resumption_secret[47] = 1; });
}

TEST_CASE("a move that finds no memory is refused, and can be tried again") {
  Worker worker;
  Pair pair;
  std::string wire;
  for (int i = 0; i <= first_records; ++i) wire = pair.client.seal(pattern(10'000));
  End server(pair.worker, test::secrets_of(all_suites[0], Role::server));
  CHECK(server.open(wire.substr(0, 9'000)) == Opened::starved);
  const std::string state = exported(server.layer);
  End there(worker);
  worker.heap.fail_after(2);
  CHECK(there.layer.import_state(bytes_of(state)) == RecordHandoverError::no_memory);
  CHECK(worker.heap.live() == 0);
  worker.heap.fail_after(UINT64_MAX);
  CHECK(there.layer.import_state(bytes_of(state)) == RecordHandoverError::none);
}

}  // namespace
}  // namespace byway::tls
