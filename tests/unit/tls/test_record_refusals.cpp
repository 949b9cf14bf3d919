// What a peer, or somebody between, may not do with records: each is refused with the alert that the RFC
// names, and counted.
#include <catch2/generators/catch_generators_all.hpp>

#include "tests/unit/tls/record_bench.h"

namespace byway::tls {
namespace {

using test::all_suites;
using test::End;
using test::Forger;
using test::Pair;
using test::pattern;
using test::Suite;
using test::Worker;

constexpr Suite tls13 = all_suites[0];
constexpr Suite tls12 = all_suites[3];

/// A server that hears what a forger who has the client's keys says.
struct Bench {
  explicit Bench(Suite suite = tls13)
      : end(worker, test::secrets_of(suite, Role::server)), forger(suite, Role::client) {}

  /// It is refused so, and stays refused; the alert is all that is still said.
  void refuses(std::string_view wire, AlertDescription alert, RecordCounter counter) {
    const std::uint64_t before = worker.counted(counter);
    CHECK(end.open(std::string(wire) + forger.record(ContentType::application_data, "more")) ==
          Opened::failed);
    CHECK(end.received.empty());
    CHECK(end.alert() == alert);
    CHECK_FALSE(end.layer.error()->is_peers);
    CHECK(worker.counted(counter) == before + 1);
    CHECK(end.layer.owes_output());
    const std::string said = end.seal("nothing more");
    CHECK(end.taken == 0);
    End peer(worker, test::secrets_of({end.layer.version(), end.layer.suite()}, Role::client));
    CHECK(peer.open(said) == Opened::failed);
    CHECK(peer.alert() == alert);
    CHECK(peer.layer.error()->is_peers);
    CHECK(end.open(forger.record(ContentType::application_data, "more")) == Opened::failed);
    CHECK(end.plain.empty());
    CHECK(end.seal("still nothing").empty());
    CHECK(end.layer.holds_no_buffers());
  }

  Worker worker;
  End end;
  Forger forger;
};

std::string raw(std::uint8_t type, std::uint16_t version, std::size_t length, std::string_view body) {
  std::string wire;
  wire.push_back(static_cast<char>(type));
  wire.push_back(static_cast<char>(version >> 8));
  wire.push_back(static_cast<char>(version));
  wire.push_back(static_cast<char>(length >> 8));
  wire.push_back(static_cast<char>(length));
  return wire.append(body);
}

TEST_CASE("no bit of a record can be changed without its being refused") {
  const auto suite = GENERATE(from_range(all_suites));
  const AeadBackend backend = GENERATE(from_range(test::backends()));
  Pair pair(suite, backend);
  const std::string wire = pair.client.seal("some content");
  std::size_t accepted = 0;
  for (std::size_t bit = 0; bit < 8 * wire.size(); ++bit) {
    std::string bad = wire;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
    for (const std::size_t slice : {std::size_t{1'000}, std::size_t{7}}) {
      End server(pair.worker, test::secrets_of(suite, Role::server));
      const Opened verdict = server.open(bad, slice);
      // A length that is more is waited for; all else is refused.
      const bool is_longer =
          verdict == Opened::starved && server.plain.empty() && (bit / 8 == 3 || bit / 8 == 4);
      if (!is_longer && verdict != Opened::failed) ++accepted;
      if (verdict == Opened::failed && bit / 8 >= 5 && server.alert() != AlertDescription::bad_record_mac)
        ++accepted;
      CHECK(server.plain.empty());
    }
  }
  CHECK(accepted == 0);
}

TEST_CASE("records cannot be left out, repeated or exchanged") {
  const auto suite = GENERATE(from_range(all_suites));
  Pair pair(suite);
  const std::string first = pair.client.seal("first");
  const std::string second = pair.client.seal("second");
  for (const std::string& wire : {second, second + first, first + first, first + second + second}) {
    End server(pair.worker, test::secrets_of(suite, Role::server));
    CHECK(server.open(wire) == Opened::failed);
    CHECK(server.alert() == AlertDescription::bad_record_mac);
  }
}

TEST_CASE("a record of our own direction, sent back, is refused") {
  const auto suite = GENERATE(from_range(all_suites));
  Pair pair(suite);
  CHECK(pair.client.open(pair.client.seal("mirror")) == Opened::failed);
  CHECK(pair.client.alert() == AlertDescription::bad_record_mac);
}

TEST_CASE(
    "TLS 1.3: change_cipher_spec, unencrypted records and unknown types are unexpected after the handshake") {
  for (const int type : {0, 19, 20, 21, 22, 24, 25, 255}) {
    Bench bench;
    const std::string body = type == 20 ? std::string(1, 1) : std::string("\2\50", 2);
    bench.refuses(raw(static_cast<std::uint8_t>(type), 0x0303, body.size(), body),
                  AlertDescription::unexpected_message, RecordCounter::bad_record_type);
  }
}

TEST_CASE("TLS 1.3: a content type inside that is none is unexpected, change_cipher_spec too") {
  for (const int type : {1, 19, 20, 24, 255}) {
    Bench bench;
    bench.refuses(bench.forger.record(static_cast<ContentType>(type), "?"),
                  AlertDescription::unexpected_message, RecordCounter::bad_record_type);
  }
}

TEST_CASE("TLS 1.2: change_cipher_spec and unknown types are unexpected, other versions are refused") {
  for (const int type : {0, 20, 24, 255}) {
    Bench bench(tls12);
    bench.refuses(bench.forger.record(static_cast<ContentType>(type), "\1"),
                  AlertDescription::unexpected_message, RecordCounter::bad_record_type);
  }
  Bench plain(tls12);
  plain.refuses(raw(20, 0x0303, 1, "\1"), AlertDescription::unexpected_message,
                RecordCounter::bad_record_type);
  for (const int version : {0x0300, 0x0301, 0x0302, 0x0304, 0xfeff}) {
    Bench bench(tls12);
    bench.forger.version = static_cast<std::uint16_t>(version);
    bench.refuses(bench.forger.record(ContentType::application_data, "?"), AlertDescription::protocol_version,
                  RecordCounter::bad_record_version);
  }
}

TEST_CASE("TLS 1.3: the version in a record's head is ignored, and authenticated as it came") {
  Bench bench;
  bench.forger.version = 0x0301;
  CHECK(bench.end.open(bench.forger.record(ContentType::application_data, "old head")) == Opened::starved);
  CHECK(bench.end.take() == "old head");
}

TEST_CASE("TLS 1.3: padding of any length is taken off, content that ends in zeros is kept") {
  Bench bench;
  for (const std::size_t padding : {0, 1, 7, 8, 9, 255, 2'000, 16'383 - 20}) {
    const std::string content = pattern(17) + std::string(3, '\0');
    for (const std::size_t slice : {100'000, 1'448, 11}) {
      CHECK(bench.end.open(bench.forger.record(ContentType::application_data, content, padding), slice) ==
            Opened::starved);
      CHECK(bench.end.take() == content);
    }
  }
  CHECK(bench.end.open(bench.forger.record(ContentType::application_data, std::string(5'000, '\0')), 999) ==
        Opened::starved);
  CHECK(bench.end.take() == std::string(5'000, '\0'));
}

TEST_CASE("TLS 1.3: a record that is all padding, or nothing at all, has no content type") {
  for (const std::size_t size : {0, 1, 5, 16'385}) {
    Bench bench;
    bench.refuses(bench.forger.inner(std::string(size, '\0')), AlertDescription::unexpected_message,
                  RecordCounter::no_content_type);
  }
}

TEST_CASE("a full record is taken, one byte more is an overflow") {
  {
    Bench bench;
    CHECK(bench.end.open(bench.forger.record(ContentType::application_data, pattern(16'384))) ==
          Opened::starved);
    CHECK(bench.end.take() == pattern(16'384));
    bench.refuses(bench.forger.record(ContentType::application_data, pattern(16'384), 1),
                  AlertDescription::record_overflow, RecordCounter::record_overflow);
  }
  {
    Bench bench(tls12);
    CHECK(bench.end.open(bench.forger.record(ContentType::application_data, pattern(16'384))) ==
          Opened::starved);
    CHECK(bench.end.take() == pattern(16'384));
    bench.refuses(bench.forger.record(ContentType::application_data, pattern(16'385)),
                  AlertDescription::record_overflow, RecordCounter::record_overflow);
  }
}

TEST_CASE("a length that is too much is refused by its head alone, before anything waits for it") {
  for (const Suite suite : {tls13, tls12}) {
    for (const std::size_t length : {16'384 + 257, 20'000, 65'535}) {
      Bench bench(suite);
      bench.refuses(raw(23, 0x0303, length, ""), AlertDescription::record_overflow,
                    RecordCounter::record_overflow);
    }
  }
}

TEST_CASE("a record that is too short for a tag is refused by its head alone") {
  for (const Suite suite : {tls13, tls12}) {
    const std::size_t shortest = suite.version == ProtocolVersion::tls13 ? 16 : 24;
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, shortest - 1}) {
      Bench bench(suite);
      bench.refuses(raw(23, 0x0303, length, ""), AlertDescription::bad_record_mac,
                    RecordCounter::bad_record_mac);
    }
  }
}

TEST_CASE("empty application data is taken as often as the bound says, content in between starts anew") {
  for (const Suite suite : {tls13, tls12}) {
    Bench bench(suite);
    for (int round = 0; round < 2; ++round) {
      for (int i = 0; i < empty_records_max; ++i) {
        CHECK(bench.end.open(bench.forger.record(ContentType::application_data, "")) == Opened::starved);
      }
      if (round == 0)
        CHECK(bench.end.open(bench.forger.record(ContentType::application_data, "x")) == Opened::starved);
    }
    bench.end.take();
    bench.refuses(bench.forger.record(ContentType::application_data, ""),
                  AlertDescription::unexpected_message, RecordCounter::too_many_empty);
  }
}

TEST_CASE("handshake and alert records without content are unexpected") {
  for (const Suite suite : {tls13, tls12}) {
    for (const ContentType type : {ContentType::handshake, ContentType::alert}) {
      Bench bench(suite);
      bench.refuses(bench.forger.record(type, ""), AlertDescription::unexpected_message,
                    RecordCounter::empty_fragment);
    }
  }
}

TEST_CASE("a sequence number is never used twice: the connection ends before it would wrap") {
  const auto suite = GENERATE(from_range(all_suites));
  Worker worker;
  End client(worker, test::secrets_of(suite, Role::client, sequence_max - 1, sequence_max));
  End server(worker, test::secrets_of(suite, Role::server, sequence_max - 1, sequence_max));
  if (suite.version == ProtocolVersion::tls12) {
    CHECK(server.open(client.seal("the last one")) == Opened::starved);
    CHECK(server.take() == "the last one");
    CHECK(client.seal("one more").empty());
    CHECK(client.taken == 0);
    CHECK(client.alert() == AlertDescription::internal_error);
  }
  // What would come with the number that is not to be used.
  CHECK(client.open(raw(23, 0x0303, 64, std::string(64, 'x'))) == Opened::failed);
  CHECK(client.alert() == AlertDescription::internal_error);
  CHECK(worker.counted(RecordCounter::sequence_exhausted) > 0);
}

}  // namespace
}  // namespace byway::tls
