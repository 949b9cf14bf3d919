#include "l7/http1/head_reader.h"

#include <catch2/catch_test_macros.hpp>
#include <random>
#include <string>
#include <vector>

namespace byway::l7::http1 {
namespace {

struct Fixture {
  SlicePool slices{70'000};
  HeapProvider provider{1u << 17};
  std::vector<char> scratch = std::vector<char>(head_bytes_max + 3);
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
  HeadReader reader;
  REQUIRE(f.read(reader, rope) == ParseResult::complete);
  CHECK(f.base == rope.front().text().data());
  CHECK(f.head.bytes == request.size());
}

TEST_CASE("a head in many slices is put together") {
  Fixture f;
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    Rope rope(f.slices);
    HeadReader reader;
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
  HeadReader reader;
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
    HeadReader reader;
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
    HeadReader reader;
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

}  // namespace byway::l7::http1
