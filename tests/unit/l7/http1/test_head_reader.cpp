#include "l7/http1/head_reader.h"

#include <catch2/catch_test_macros.hpp>
#include <random>
#include <string>
#include <vector>

#include "tests/support/memory_stream.h"

namespace byway::l7::http1 {
namespace {

struct Fixture {
  SlicePool slices{70'000};
  HeapProvider provider{1u << 17};
  std::vector<char> scratch = std::vector<char>(head_bytes_max + 3);
  HeldHeads all_held{.buffers_max = 1000};
  RequestHead head;
  const char* base = nullptr;
  int attempts = 0;

  ParseResult read(HeadReader& reader, const Rope& rope) {
    RequestParser parser;
    return reader.read(rope, parser, head, scratch, base);
  }
  void append(Rope& rope, std::string_view bytes) { REQUIRE(rope.append(provider.copy(bytes))); }
};

const std::string request = "GET /a HTTP/1.1\r\nHost: h\r\nX-Name: value\r\n\r\n";

}  // namespace

TEST_CASE("a head in one slice is parsed where it lies") {
  Fixture f;
  Rope rope(f.slices);
  f.append(rope, request + "GET /b");
  HeadReader reader(f.slices, f.all_held);
  REQUIRE(f.read(reader, rope) == ParseResult::complete);
  CHECK(f.base == rope.front().text().data());
  CHECK(f.head.bytes == request.size());
}

TEST_CASE("a head in many slices is put together") {
  Fixture f;
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    Rope rope(f.slices);
    HeadReader reader(f.slices, f.all_held);
    f.append(rope, request.substr(0, cut));
    REQUIRE(f.read(reader, rope) == ParseResult::incomplete);
    CHECK(reader.has_begun());
    f.append(rope, request.substr(cut));
    REQUIRE(f.read(reader, rope) == ParseResult::complete);
    CHECK(f.head.path.in(f.base) == "/a");
    CHECK(f.head.bytes == request.size());
    CHECK_FALSE(reader.has_begun());
  }
}

TEST_CASE("a head that comes byte by byte is complete with its last byte") {
  Fixture f;
  Rope rope(f.slices);
  HeadReader reader(f.slices, f.all_held);
  for (std::size_t i = 0; i + 1 < request.size(); ++i) {
    f.append(rope, request.substr(i, 1));
    REQUIRE(f.read(reader, rope) == ParseResult::incomplete);
  }
  f.append(rope, request.substr(request.size() - 1));
  CHECK(f.read(reader, rope) == ParseResult::complete);
}

TEST_CASE("a bad head that comes byte by byte is refused at its end at the latest") {
  for (const std::string bad : {"GET /a HTTP/1.1\nHost: h\n\n", "GET /a HTTP/1.1\r\nHost : h\r\n\r\n"}) {
    Fixture f;
    Rope rope(f.slices);
    HeadReader reader(f.slices, f.all_held);
    ParseResult result = ParseResult::incomplete;
    for (std::size_t i = 0; i < bad.size() && result == ParseResult::incomplete; ++i) {
      f.append(rope, bad.substr(i, 1));
      result = f.read(reader, rope);
    }
    CHECK(result == ParseResult::error);
  }
}

TEST_CASE("a head beyond the bound is refused however it is cut") {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1460}, std::size_t{1} << 17}) {
    Fixture f;
    Rope rope(f.slices);
    HeadReader reader(f.slices, f.all_held);
    std::string head = "GET / HTTP/1.1\r\nHost: h\r\n";
    while (head.size() <= head_bytes_max) head += "X-Padding: " + std::string(1000, 'x') + "\r\n";
    ParseResult result = ParseResult::incomplete;
    for (std::size_t at = 0; at < head.size() && result == ParseResult::incomplete; at += piece) {
      f.append(rope, head.substr(at, piece));
      result = f.read(reader, rope);
    }
    CHECK(result == ParseResult::error);
  }
}

TEST_CASE(
    "of a long head no more than one portion stays in the stream, and content behind it is left there") {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{100}, std::size_t{1460}, std::size_t{9000}}) {
    Fixture f;
    HeapProvider buffers{2048};
    byway::test::MemoryStream stream(f.slices, f.provider, {}, {});
    HeadReader reader(f.slices, f.all_held);
    std::string head = "POST /long HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n";
    while (head.size() < head_bytes_max - 1100) head += "X-Padding: " + std::string(1000, 'x') + "\r\n";
    head += "\r\n";
    const std::string message = head + "content";
    ParseResult result = ParseResult::incomplete;
    std::size_t at = 0;
    for (; at < message.size() && result == ParseResult::incomplete; at += piece) {
      stream.queue(std::string_view(message).substr(at, piece));
      result = f.read(reader, stream.readable());
      if (result != ParseResult::incomplete) break;
      REQUIRE(reader.hold(stream, {f.slices, buffers}));
      REQUIRE(stream.unread_bytes() < hold_bytes_min);
      REQUIRE(buffers.live() <= 2 * (head_bytes_max / 2048 + 1));
      CHECK(reader.has_begun());
    }
    REQUIRE(result == ParseResult::complete);
    CHECK(f.head.bytes == head.size());
    CHECK(f.head.path.in(f.base) == "/long");
    CHECK(f.head.field_count > 50);
    // Whoever has no memory for it reads it once more.
    REQUIRE(f.read(reader, stream.readable()) == ParseResult::complete);
    CHECK(std::string_view(f.base, f.head.bytes) == head);
    stream.discard(reader.take_head(f.head.bytes));
    CHECK_FALSE(reader.has_begun());
    CHECK(buffers.live() == 0);
    if (at + piece < message.size()) stream.queue(std::string_view(message).substr(at + piece));
    CHECK(stream.unread_bytes() == 7);
  }
}

TEST_CASE("a long head that cannot be held for want of memory stays in the stream") {
  Fixture f;
  HeapProvider buffers{2048};
  byway::test::MemoryStream stream(f.slices, f.provider, {}, {});
  HeadReader reader(f.slices, f.all_held);
  stream.queue("GET /a HTTP/1.1\r\nHost: h\r\nX-Long: " + std::string(5000, 'x'));
  REQUIRE(f.read(reader, stream.readable()) == ParseResult::incomplete);
  buffers.fail_after(1);
  CHECK_FALSE(reader.hold(stream, {f.slices, buffers}));
  CHECK(stream.unread_bytes() > 5000);
  CHECK(buffers.live() == 0);
  buffers.fail_after(UINT64_MAX);
  CHECK(reader.hold(stream, {f.slices, buffers}));
  CHECK(stream.unread_bytes() == 0);
  stream.queue("\r\n\r\n");
  CHECK(f.read(reader, stream.readable()) == ParseResult::complete);
}

TEST_CASE("a head that is dropped gives back what was held of it, and another can be read") {
  Fixture f;
  HeapProvider buffers{2048};
  byway::test::MemoryStream stream(f.slices, f.provider, {}, {});
  HeadReader reader(f.slices, f.all_held);
  stream.queue("GET /a HTTP/1.1\r\nX-Long: " + std::string(5000, 'x'));
  REQUIRE(f.read(reader, stream.readable()) == ParseResult::incomplete);
  REQUIRE(reader.hold(stream, {f.slices, buffers}));
  CHECK(buffers.live() > 0);
  reader.drop();
  CHECK(buffers.live() == 0);
  CHECK_FALSE(reader.has_begun());
  stream.queue(request);
  CHECK(f.read(reader, stream.readable()) == ParseResult::complete);
  CHECK(f.head.bytes == request.size());
}

TEST_CASE("a short head is taken out of a stream that is full, and left in one that is not") {
  Fixture f;
  HeapProvider buffers{2048};
  byway::test::MemoryStream stream(f.slices, f.provider, {}, {});
  HeadReader reader(f.slices, f.all_held);
  stream.queue("GET /a HTTP/1.1\r\n");
  REQUIRE(f.read(reader, stream.readable()) == ParseResult::incomplete);
  REQUIRE(reader.hold(stream, {f.slices, buffers}));
  CHECK(stream.unread_bytes() > 0);
  stream.set_receive_full(true);
  REQUIRE(reader.hold(stream, {f.slices, buffers}));
  CHECK(stream.unread_bytes() == 0);
  stream.queue("Host: h\r\n\r\n");
  CHECK(f.read(reader, stream.readable()) == ParseResult::complete);
}

TEST_CASE("all readers together hold so many buffers and no more, and what they held is theirs again") {
  Fixture f;
  f.all_held.buffers_max = 4;
  HeapProvider buffers{2048};
  byway::test::MemoryStream stream(f.slices, f.provider, {}, {});
  byway::test::MemoryStream other_stream(f.slices, f.provider, {}, {});
  stream.queue("GET /a HTTP/1.1\r\nX-Long: " + std::string(5000, 'x'));
  other_stream.queue("GET /b HTTP/1.1\r\nX-Long: " + std::string(3000, 'x'));
  HeadReader other(f.slices, f.all_held);
  {
    HeadReader reader(f.slices, f.all_held);
    REQUIRE(f.read(reader, stream.readable()) == ParseResult::incomplete);
    REQUIRE(reader.hold(stream, {f.slices, buffers}));
    CHECK(f.all_held.buffers == 3);
    REQUIRE(f.read(other, other_stream.readable()) == ParseResult::incomplete);
    CHECK_FALSE(other.hold(other_stream, {f.slices, buffers}));
    CHECK(other_stream.unread_bytes() > 3000);
  }
  CHECK(f.all_held.buffers == 0);
  CHECK(other.hold(other_stream, {f.slices, buffers}));
  CHECK(f.all_held.buffers == 2);
  other.drop();
  CHECK(f.all_held.buffers == 0);
}

}  // namespace byway::l7::http1
