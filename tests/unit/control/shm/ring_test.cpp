#include "control/shm/ring.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <thread>

namespace byway::shm {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(const RingReader::Record& record) {
  return {reinterpret_cast<const char*>(record.payload.data()), record.payload.size()};
}

RingReader reader_of(RingRegion& region) {
  auto cursors = map_peer_region(region.cursors().fd.get(), cursor_page_bytes, true);
  REQUIRE(cursors.has_value());
  static std::vector<RegionMapping> kept;  // readers in tests live as long as the program
  kept.push_back(std::move(*cursors));
  auto reader = RingReader::open(region.memory().mapping.bytes(), kept.back().writable_bytes());
  REQUIRE(reader.has_value());
  return std::move(*reader);
}

RingCursorLine& cursor_of(RingRegion& region, std::uint32_t worker) {
  return reinterpret_cast<RingCursorLine*>(region.cursors().mapping.writable_bytes().data())[worker];
}

}  // namespace

TEST_CASE("records come out as they went in, through many turns of the ring", "[ring]") {
  auto region = RingRegion::create(2, ring_bytes_min);
  REQUIRE(region.has_value());
  RingWriter writer = region->writer(1);
  RingReader reader = reader_of(*region);
  std::mt19937 random(3);
  for (int round = 0; round < 2'000; ++round) {
    std::vector<std::string> sent;
    for (std::uint32_t count = 0; count < random() % 4; ++count) {
      sent.emplace_back(random() % 1'000, static_cast<char>('a' + count));
      REQUIRE(writer.write(static_cast<std::uint16_t>(count + 1), bytes_of(sent.back())));
    }
    const auto records = reader.read(1, 100);
    REQUIRE(records.size() == sent.size());
    for (std::size_t index = 0; index < sent.size(); ++index) {
      REQUIRE(records[index].kind == index + 1);
      REQUIRE(text_of(records[index]) == sent[index]);
    }
  }
  CHECK(reader.dropped(1) == 0);
  CHECK(reader.read(0, 100).empty());
}

TEST_CASE("a full ring drops and counts, and takes records again when the agent has read", "[ring]") {
  auto region = RingRegion::create(1, ring_bytes_min);
  REQUIRE(region.has_value());
  RingWriter writer = region->writer(0);
  RingReader reader = reader_of(*region);
  const std::string record(1'016, 'x');  // 1,024 with its head
  for (std::uint32_t count = 0; count < ring_bytes_min / 1'024; ++count)
    REQUIRE(writer.write(1, bytes_of(record)));
  CHECK_FALSE(writer.write(1, {}));
  CHECK(reader.dropped(0) == 1);
  CHECK(reader.read(0, 1).size() == 1);
  CHECK(writer.write(1, bytes_of(record)));
  CHECK_FALSE(writer.write(1, {}));
  CHECK(reader.read(0, 100).size() == ring_bytes_min / 1'024);
}

TEST_CASE("a record is as long as it may be, a longer one is dropped", "[ring]") {
  auto region = RingRegion::create(1, ring_bytes_min);
  RingWriter writer = region->writer(0);
  RingReader reader = reader_of(*region);
  CHECK(writer.write(1, bytes_of(std::string(record_bytes_max, 'x'))));
  CHECK_FALSE(writer.write(1, bytes_of(std::string(record_bytes_max + 1, 'x'))));
  CHECK(reader.read(0, 10).size() == 1);
  CHECK(reader.dropped(0) == 1);
}

TEST_CASE("a cursor that lies costs records, never the producer", "[ring]") {
  auto region = RingRegion::create(1, ring_bytes_min);
  RingWriter writer = region->writer(0);
  const std::string record(1'016, 'x');
  for (std::uint32_t count = 0; count < ring_bytes_min / 1'024; ++count)
    REQUIRE(writer.write(1, bytes_of(record)));
  for (const std::uint64_t lie :
       {std::uint64_t{ring_bytes_min} + 8, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
    cursor_of(*region, 0).consumed.store(lie);
    CHECK_FALSE(writer.write(1, bytes_of(record)));
  }
  // Within the window any place is believed: what lay there is lost, nothing else happens.
  cursor_of(*region, 0).consumed.store(1'027);
  CHECK(writer.write(1, bytes_of(record)));
}

TEST_CASE("a reader whose cursor points nowhere begins anew at the newest record", "[ring]") {
  auto region = RingRegion::create(1, ring_bytes_min);
  RingWriter writer = region->writer(0);
  RingReader reader = reader_of(*region);
  REQUIRE(writer.write(1, bytes_of("lost")));
  cursor_of(*region, 0).consumed.store(~std::uint64_t{0});
  CHECK(reader.read(0, 10).empty());
  REQUIRE(writer.write(1, bytes_of("found")));
  const auto records = reader.read(0, 10);
  REQUIRE(records.size() == 1);
  CHECK(text_of(records[0]) == "found");
}

TEST_CASE("any bytes in a ring are read within its bounds", "[ring]") {
  std::mt19937 random(4);
  auto region = RingRegion::create(1, ring_bytes_min);
  for (int round = 0; round < 500; ++round) {
    const auto original = region->memory().mapping.bytes();
    std::vector<std::byte> copy(original.begin(), original.end());
    // Keeps the head; a position and the ring are random.
    for (std::size_t offset = 128; offset < copy.size(); ++offset) {
      copy[offset] = static_cast<std::byte>(random() % (round % 7 == 0 ? 256 : 3));
    }
    const std::uint64_t written = random() % (3 * ring_bytes_min);
    std::memcpy(copy.data() + 64, &written, sizeof written);
    std::vector<std::byte> cursors(cursor_page_bytes, std::byte{0});
    const std::uint64_t consumed = written - random() % (ring_bytes_min + 8);
    std::memcpy(cursors.data(), &consumed, sizeof consumed);
    auto reader = RingReader::open(copy, cursors);
    REQUIRE(reader.has_value());
    REQUIRE(reader->read(0, 10'000).size() <= 10'000);
  }
}

TEST_CASE("a ring region that lies about its sizes is refused", "[ring]") {
  auto region = RingRegion::create(2, ring_bytes_min);
  const auto bytes = region->memory().mapping.bytes();
  std::vector<std::byte> cursors(cursor_page_bytes);
  CHECK(RingReader::open(bytes, cursors).has_value());
  CHECK_FALSE(RingReader::open(bytes.first(bytes.size() - 1), cursors).has_value());
  CHECK_FALSE(RingReader::open(bytes.first(4), cursors).has_value());
  CHECK_FALSE(RingReader::open(bytes, std::span(cursors).first(64)).has_value());
  CHECK_FALSE(RingRegion::create(1, ring_bytes_min + 8).has_value());
  CHECK_FALSE(RingRegion::create(0, ring_bytes_min).has_value());
  CHECK_FALSE(RingRegion::create(1, ring_bytes_min / 2).has_value());
}

TEST_CASE("writer and reader at full speed lose nothing but what is counted", "[ring]") {
  auto region = RingRegion::create(1, ring_bytes_min);
  RingWriter writer = region->writer(0);
  // The region's own mappings: the thread sanitizer does not know that two mappings are one memory.
  auto reader =
      RingReader::open(region->memory().mapping.bytes(), region->cursors().mapping.writable_bytes());
  REQUIRE(reader.has_value());
  constexpr std::uint32_t total = 50'000;
  std::uint32_t accepted = 0;
  std::atomic<bool> is_done{false};
  std::jthread producer([&] {
    for (std::uint32_t number = 0; number < total; ++number) {
      std::uint32_t payload[12];
      std::ranges::fill(payload, number);
      if (writer.write(1, std::as_bytes(std::span(payload)).first(4 * (1 + number % 12)))) ++accepted;
    }
    is_done.store(true, std::memory_order_release);
  });
  std::uint32_t received = 0;
  bool is_sound = true;
  std::int64_t last = -1;
  for (bool is_last_look = false;;) {
    const bool was_done = is_done.load(std::memory_order_acquire);
    for (const auto& record : reader->read(0, 64)) {
      std::uint32_t number = 0;
      std::memcpy(&number, record.payload.data(), sizeof number);
      is_sound = is_sound && record.payload.size() == 4 * (1 + number % 12) && std::int64_t{number} > last;
      for (std::size_t offset = 0; offset < record.payload.size(); offset += 4) {
        is_sound = is_sound && std::memcmp(record.payload.data() + offset, &number, 4) == 0;
      }
      last = number;
      ++received;
      is_last_look = false;
    }
    if (was_done && is_last_look) break;
    is_last_look = was_done;
  }
  producer.join();
  CHECK(is_sound);
  CHECK(received == accepted);
  CHECK(accepted + reader->dropped(0) == total);
}

}  // namespace byway::shm
