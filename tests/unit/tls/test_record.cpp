// Two record layers and what is between them: any segmentation, buffers in place and not, sizes, memory.
#include <catch2/generators/catch_generators_all.hpp>

#include "tests/unit/tls/record_bench.h"

namespace byway::tls {
namespace {

using test::all_suites;
using test::End;
using test::Pair;
using test::pattern;
using test::text_of;
using test::Worker;

TEST_CASE(
    "what one end seals the other opens, in every suite, by every backend, of every size around bounds") {
  const auto suite = GENERATE(from_range(all_suites));
  Pair pair(suite, GENERATE(from_range(test::backends())));
  for (const std::size_t size : {1,     2,     15,    16,    17,    100,   511,    512,    513,    1'399,
                                 1'400, 1'401, 2'026, 2'027, 2'048, 4'096, 16'383, 16'384, 16'385, 50'000}) {
    for (const std::size_t slice : {1'000'000, 1'448, 100}) {
      const std::string text = pattern(size, static_cast<unsigned>(slice));
      CHECK(pair.server.open(pair.client.seal(text, slice)) == Opened::starved);
      CHECK(pair.server.take() == text);
      CHECK(pair.client.open(pair.server.seal(text, slice), 1'448) == Opened::starved);
      CHECK(pair.client.take() == text);
    }
  }
  CHECK(pair.client.layer.holds_no_buffers());
  CHECK(pair.server.layer.holds_no_buffers());
}

TEST_CASE("a stream of records may be cut anywhere") {
  const auto suite = GENERATE(from_range(all_suites));
  Pair pair(suite);
  const std::string texts[] = {pattern(3), pattern(40, 2), pattern(1, 3)};
  std::string wire;
  std::string all;
  for (const std::string& text : texts) {
    wire += pair.client.seal(text);
    all += text;
  }
  // Two cuts at every pair of places, and pieces of every size.
  for (std::size_t first = 0; first <= wire.size(); ++first) {
    for (std::size_t second = first; second <= wire.size(); ++second) {
      End server(pair.worker, test::secrets_of(suite, Role::server));
      bool is_good = server.open(wire.substr(0, first)) == Opened::starved;
      is_good = is_good && server.open(wire.substr(first, second - first)) == Opened::starved;
      is_good = is_good && server.open(wire.substr(second)) == Opened::starved;
      if (!is_good || server.take() != all) FAIL("cut at " << first << " and " << second);
    }
  }
  for (std::size_t piece = 1; piece <= wire.size(); ++piece) {
    End at_once(pair.worker, test::secrets_of(suite, Role::server));
    CHECK(at_once.open(wire, piece) == Opened::starved);
    CHECK(at_once.take() == all);
    End one_by_one(pair.worker, test::secrets_of(suite, Role::server));
    for (std::size_t at = 0; at < wire.size(); at += piece) {
      CHECK(one_by_one.open(wire.substr(at, piece)) == Opened::starved);
    }
    CHECK(one_by_one.take() == all);
    CHECK(one_by_one.layer.holds_no_buffers());
  }
}

TEST_CASE("a record in buffers of its own is decrypted where it lies") {
  Pair pair;
  const std::string text = pattern(1'000);
  Slice slice = pair.server.network.copy(pair.client.seal(text));
  const std::uint8_t* where = slice.data();
  REQUIRE(pair.server.received.append(std::move(slice)));
  CHECK(pair.server.layer.open(pair.server.received, pair.server.plain, UINT32_MAX) == Opened::starved);
  CHECK(pair.server.plain.front().data() == where + record_header_bytes);
  CHECK(pair.worker.counted(RecordCounter::bytes_moved) == 0);
  CHECK(pair.server.take() == text);
}

TEST_CASE("records that share a buffer with one another are decrypted where they lie") {
  Pair pair;
  std::string wire = pair.client.seal(pattern(100));  // one by one: operands of + have no order
  wire += pair.client.seal(pattern(200, 2));
  CHECK(pair.server.open(wire) == Opened::starved);
  CHECK(pair.worker.counted(RecordCounter::bytes_moved) == 0);
  CHECK(pair.server.take() == pattern(100) + pattern(200, 2));
}

TEST_CASE("a record whose segments come one by one is decrypted where it lies, with the next one behind it") {
  Pair pair;
  std::string wire;
  for (int i = 0; i < 10; ++i) wire += pair.client.seal(pattern(1'400));
  wire.clear();  // short records at the start are over
  wire = pair.client.seal(pattern(40'000));
  std::size_t at = 0;
  End server(pair.worker, test::secrets_of(all_suites[0], Role::server, 10));
  std::string all;
  while (at < wire.size()) {
    CHECK(server.open(wire.substr(at, 1'448)) == Opened::starved);
    all += server.take();  // gone before the next segment comes
    at += 1'448;
  }
  CHECK(all == pattern(40'000));
  CHECK(pair.worker.counted(RecordCounter::bytes_moved) == 0);
}

TEST_CASE("bytes that others hold are not touched: they are decrypted into new buffers") {
  const auto suite = GENERATE(from_range(all_suites));
  Pair pair(suite);
  const std::string text = pattern(1'300);
  const std::string wire = pair.client.seal(text);
  for (const std::size_t piece : {std::size_t{10'000}, std::size_t{500}}) {
    End server(pair.worker, test::secrets_of(suite, Role::server));
    Rope kept(pair.worker.slices);
    for (std::size_t at = 0; at < wire.size(); at += piece) {
      Slice slice = server.network.copy(wire.substr(at, piece));
      REQUIRE(kept.append(slice.share()));
      REQUIRE(server.received.append(std::move(slice)));
    }
    CHECK(server.layer.open(server.received, server.plain, UINT32_MAX) == Opened::starved);
    CHECK(server.take() == text);
    CHECK(text_of(kept) == wire);
  }
  CHECK(pair.worker.counted(RecordCounter::bytes_moved) >= 2 * text.size());
}

TEST_CASE("plaintext that its reader still holds keeps its bytes while the rest of its buffer is decrypted") {
  Pair pair;
  const std::string first = pair.client.seal(pattern(300));
  const std::string second = pair.client.seal(pattern(300, 2));
  // One buffer with the first record and half of the second; the reader keeps the first's plaintext.
  CHECK(pair.server.open(first + second.substr(0, 150)) == Opened::starved);
  CHECK(pair.server.open(second.substr(150)) == Opened::starved);
  CHECK(pair.server.take() == pattern(300) + pattern(300, 2));
  CHECK(pair.worker.counted(RecordCounter::bytes_moved) > 0);
}

TEST_CASE("memory of nobody is never written to") {
  Pair pair;
  const std::string wire = pair.client.seal("in a program's text");
  const std::string before = wire;
  REQUIRE(pair.server.received.append(
      Slice::adopt(nullptr, test::bytes_of(wire).data(), static_cast<Bytes>(wire.size()))));
  CHECK(pair.server.layer.open(pair.server.received, pair.server.plain, UINT32_MAX) == Opened::starved);
  CHECK(pair.server.take() == "in a program's text");
  CHECK(wire == before);
}

TEST_CASE("a record in tiny slices goes into full buffers, and what waits does not pin one for each") {
  Pair pair;
  std::string wire;
  for (int i = 0; i < 10; ++i) static_cast<void>(pair.client.seal("x"));
  wire = pair.client.seal(pattern(16'000));
  End server(pair.worker, test::secrets_of(all_suites[0], Role::server, 10));
  std::size_t most = 0;
  for (std::size_t at = 0; at < wire.size(); ++at) {
    REQUIRE(server.open(wire.substr(at, 1)) == Opened::starved);
    most = std::max<std::size_t>(most, pair.worker.slices.in_use());
  }
  CHECK(most <= 2 * record_slices_max + 2);
  CHECK(server.plain.slice_count() <= record_slices_max);
  CHECK(server.take() == pattern(16'000));
  CHECK(pair.worker.counted(RecordCounter::sparse_copies) > 0);
}

TEST_CASE("the first records fit a segment each, the ones behind them are full") {
  Pair pair;
  const std::string wire = pair.client.seal(pattern(60'000));
  std::vector<std::size_t> sizes;
  for (std::size_t at = 0; at < wire.size();) {
    const std::size_t length =
        static_cast<std::uint8_t>(wire[at + 3]) << 8 | static_cast<std::uint8_t>(wire[at + 4]);
    sizes.push_back(record_header_bytes + length);
    at += sizes.back();
  }
  REQUIRE(sizes.size() == first_records + 3);
  for (std::size_t i = 0; i < first_records; ++i) CHECK(sizes[i] == 1'422);
  CHECK(sizes[first_records] == 5 + 16'384 + 1 + 16);
  pair.client.layer.restart_short_records();
  CHECK(pair.client.seal(pattern(2'000)).size() == 2'000 + 2 * 22);
}

TEST_CASE("sealing stops at what may be written, with no record cut shorter than is worth it") {
  Pair pair;
  CHECK(pair.client.seal(pattern(3'000), 10'000, 1'422 + 1'000).size() == 1'422);
  CHECK(pair.client.taken == 1'400);
  CHECK(pair.client.seal(pattern(3'000), 10'000, 1'422 + 1'100).size() == 1'422 + 1'100);
  CHECK(pair.client.taken == 1'400 + 1'100 - 22);
  CHECK(pair.client.seal(pattern(3'000), 10'000, 0).empty());
  CHECK(pair.client.seal("end", 10'000, 25).size() == 25);
  CHECK(pair.client.seal("end", 10'000, 24).empty());
}

TEST_CASE("record_bytes is what a record has") {
  const auto suite = GENERATE(from_range(all_suites));
  Pair pair(suite);
  for (const std::size_t size : {1, 700, 1'400}) {
    CHECK(pair.client.seal(pattern(size)).size() == pair.client.layer.record_bytes(static_cast<Bytes>(size)));
  }
}

TEST_CASE("content is handed out up to a bound, and the rest when it is asked for again") {
  Pair pair;
  std::string wire;
  for (int i = 0; i < 5; ++i) wire += pair.client.seal(pattern(1'000, static_cast<unsigned>(i)));
  End& server = pair.server;
  REQUIRE(server.received.append(server.network.copy(wire)));
  CHECK(server.layer.open(server.received, server.plain, 1'500) == Opened::full);
  CHECK(server.plain.size() == 2'000);
  CHECK(server.layer.open(server.received, server.plain, 1'500) == Opened::full);
  CHECK(server.plain.size() == 2'000);
  CHECK(server.layer.open(server.received, server.plain, 10'000) == Opened::starved);
  CHECK(server.plain.size() == 5'000);
}

TEST_CASE("one call opens no more records than its bound") {
  Pair pair;
  std::string wire;
  for (std::uint32_t i = 0; i < records_per_open_max + 1; ++i) wire += pair.client.seal("x");
  End& server = pair.server;
  REQUIRE(server.received.append(server.network.copy(wire)));
  CHECK(server.layer.open(server.received, server.plain, UINT32_MAX) == Opened::paused);
  CHECK(server.plain.size() == records_per_open_max);
  CHECK(server.layer.open(server.received, server.plain, UINT32_MAX) == Opened::starved);
  CHECK(server.plain.size() == records_per_open_max + 1);
}

TEST_CASE("whenever buffers fail nothing is lost, in any suite, in place or not") {
  const auto suite = GENERATE(from_range(all_suites));
  const bool is_shared = GENERATE(true, false);
  Worker worker;
  const std::string text = pattern(9'000);
  // Each allocation in turn fails, and then goes on.
  for (std::uint64_t fail = 0; fail < 12; ++fail) {
    End client(worker, test::secrets_of(suite, Role::client));
    End server(worker, test::secrets_of(suite, Role::server));
    Rope in(worker.slices);
    REQUIRE(in.append(client.network.copy(text)));
    Rope out(worker.slices);
    worker.heap.fail_after(fail);
    Bytes taken = client.layer.seal(in, out, UINT32_MAX);
    worker.heap.fail_after(UINT64_MAX);
    taken += client.layer.seal(in, out, UINT32_MAX);
    CHECK(taken == text.size());
    const std::string wire = text_of(out);
    out.clear();
    Rope kept(worker.slices);
    for (std::size_t at = 0; at < wire.size(); at += 700) {
      Slice slice = server.network.copy(wire.substr(at, 700));
      if (is_shared) REQUIRE(kept.append(slice.share()));
      REQUIRE(server.received.append(std::move(slice)));
    }
    worker.heap.fail_after(fail);
    const Opened first = server.layer.open(server.received, server.plain, UINT32_MAX);
    CHECK((first == Opened::starved || first == Opened::no_memory));
    worker.heap.fail_after(UINT64_MAX);
    CHECK(server.layer.open(server.received, server.plain, UINT32_MAX) == Opened::starved);
    CHECK(server.take() == text);
  }
  CHECK(worker.counted(RecordCounter::seal_no_memory) > 0);
  CHECK((worker.counted(RecordCounter::open_no_memory) > 0) == is_shared);
}

TEST_CASE("whenever chain nodes fail nothing is lost") {
  HeapProvider heap(2'048);
  OwnCounters<RecordCounter> counters;
  const auto engine = AeadEngine::create_best(4);
  const std::string text = pattern(6'000);
  for (std::uint32_t nodes = 12; nodes < 40; ++nodes) {
    SlicePool slices(nodes);
    RecordContext context{*engine, {slices, heap}, counters.block};
    RecordLayer client(context);
    RecordLayer server(context);
    client.start(test::secrets_of(all_suites[0], Role::client));
    server.start(test::secrets_of(all_suites[0], Role::server));
    HeapProvider network;
    Rope in(slices);
    Rope out(slices);
    Rope plain(slices);
    REQUIRE(in.append(network.copy(text)));
    std::string all;
    for (int round = 0; round < 20 && all.size() < text.size(); ++round) {
      static_cast<void>(client.seal(in, out, 3'000));
      // Fill the pool up, so that opening fails in the middle; then let go.
      std::vector<SlicePool::Node*> taken;
      while (SlicePool::Node* node = slices.acquire()) taken.push_back(node);
      const Opened verdict = server.open(out, plain, UINT32_MAX);
      CHECK((verdict == Opened::starved || verdict == Opened::no_memory));
      for (SlicePool::Node* node : taken) slices.release(node);
      CHECK(server.open(out, plain, UINT32_MAX) == Opened::starved);
      all += text_of(plain);
      plain.clear();
    }
    CHECK(all == text);
  }
  CHECK(counters.block.value(RecordCounter::open_no_memory) > 0);
}

TEST_CASE("keys of a connection that others have displaced are expanded again and counted") {
  Worker worker(test::backends().front(), 2'048, 2);
  End client(worker, test::secrets_of(all_suites[0], Role::client));
  End server(worker, test::secrets_of(all_suites[0], Role::server));
  End other(worker, test::secrets_of(all_suites[0], Role::client));
  CHECK(server.open(client.seal("one")) == Opened::starved);
  const std::uint64_t before = worker.counted(RecordCounter::keys_expanded);
  CHECK(server.open(client.seal("two")) == Opened::starved);
  CHECK(worker.counted(RecordCounter::keys_expanded) == before);
  static_cast<void>(other.seal("displaces the client's"));
  CHECK(server.open(client.seal("three")) == Opened::starved);
  CHECK(worker.counted(RecordCounter::keys_expanded) > before + 1);
  CHECK(server.take() == "onetwothree");
}

TEST_CASE("an idle record layer takes no more than its part of 500 bytes, and no buffer") {
  STATIC_CHECK(sizeof(RecordLayer) <= 400);
  Pair pair;
  CHECK(pair.server.open(pair.client.seal(pattern(50'000))) == Opened::starved);
  pair.server.take();
  CHECK(pair.worker.heap.live() == 0);
  CHECK(pair.worker.slices.in_use() == 0);
}

}  // namespace
}  // namespace byway::tls
