#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <random>
#include <string>

#include "l7/http1/body.h"
#include "tests/unit/l7/http1/feed.h"

namespace byway::l7::http1 {
namespace {

struct BodyOutcome {
  BodyResult result = BodyResult::more;
  Refusal refusal = Refusal::none;
  std::string content;
  std::size_t consumed = 0;
  bool operator==(const BodyOutcome&) const = default;
};

// Reads `wire`, arriving `step(position)` bytes at a time.
template <typename Step>
BodyOutcome read_body(BodyReader reader, std::string_view wire, Step step) {
  BodyOutcome outcome;
  if (reader.is_complete()) outcome.result = BodyResult::complete;
  while (outcome.result == BodyResult::more && outcome.consumed < wire.size()) {
    const Arrived arrived(wire.substr(outcome.consumed, step(outcome.consumed)));
    std::size_t at = 0;
    while (at < arrived.size() && outcome.result == BodyResult::more) {
      const BodyStep taken = reader.next(arrived.data() + at, arrived.size() - at);
      REQUIRE(taken.framing + taken.payload <= arrived.size() - at);
      REQUIRE((taken.framing + taken.payload > 0 || taken.result != BodyResult::more));
      outcome.content.append(arrived.data() + at + taken.framing, taken.payload);
      at += taken.framing + taken.payload;
      outcome.result = taken.result;
    }
    outcome.consumed += at;
  }
  outcome.refusal = reader.refusal();
  CHECK(reader.payload_bytes() == outcome.content.size());
  return outcome;
}

BodyOutcome read_in_all_ways(const BodyReader& reader, std::string_view wire) {
  INFO(wire.substr(0, 200));
  const BodyOutcome whole = read_body(reader, wire, [&](std::size_t) { return wire.size(); });
  CHECK(read_body(reader, wire, [](std::size_t) { return std::size_t{1}; }) == whole);
  CHECK(read_body(reader, wire, [](std::size_t at) { return at * 5 % 17 + 1; }) == whole);
  return whole;
}

BodyOutcome read_chunked(std::string_view wire) {
  return read_in_all_ways(BodyReader(BodyKind::chunked), wire);
}

void check_chunked(std::string_view wire, std::string_view content) {
  INFO(wire);
  const BodyOutcome outcome = read_chunked(std::string(wire) + "NEXT");
  CHECK(outcome.result == BodyResult::complete);
  CHECK(outcome.content == content);
  CHECK(outcome.consumed == wire.size());
}

void check_refused(std::string_view wire, Refusal refusal) {
  INFO(wire.substr(0, 200));
  const BodyOutcome outcome = read_chunked(wire);
  CHECK(outcome.result == BodyResult::error);
  CHECK(name_of(outcome.refusal) == name_of(refusal));
}

TEST_CASE("a body of known length ends after that many bytes", "[http1]") {
  const BodyOutcome outcome = read_in_all_ways(BodyReader(BodyKind::length, 5), "helloGET /");
  CHECK(outcome.result == BodyResult::complete);
  CHECK(outcome.content == "hello");
  CHECK(outcome.consumed == 5);
}

TEST_CASE("no body, and one of length 0, are complete before any byte", "[http1]") {
  for (const BodyReader& reader : {BodyReader(BodyKind::none), BodyReader(BodyKind::length, 0)}) {
    CHECK(reader.is_complete());
    CHECK(read_in_all_ways(reader, "GET").consumed == 0);
    BodyReader copy = reader;
    CHECK(copy.next("GET", 3).result == BodyResult::complete);
  }
}

TEST_CASE("a body that ends with the connection is complete when it closes", "[http1]") {
  BodyReader reader(BodyKind::until_close);
  const BodyStep step = reader.next("abc", 3);
  CHECK(step.result == BodyResult::more);
  CHECK(step.payload == 3);
  CHECK(reader.on_close() == BodyResult::complete);
  CHECK(reader.is_complete());
}

TEST_CASE("a connection that closes before the end truncates the body", "[http1]") {
  BodyReader with_length(BodyKind::length, 5);
  CHECK(with_length.next("abc", 3).result == BodyResult::more);
  CHECK(with_length.remaining() == 2);
  CHECK(with_length.on_close() == BodyResult::error);
  CHECK(with_length.refusal() == Refusal::truncated);
  const std::string wire = "2\r\nab\r\n0\r\n\r\n";
  for (std::size_t size = 0; size < wire.size(); ++size) {
    BodyReader chunked(BodyKind::chunked);
    for (std::size_t i = 0; i < size; ++i) static_cast<void>(chunked.next(wire.data() + i, 1));
    CHECK(chunked.on_close() == BodyResult::error);
  }
}

TEST_CASE("lengths beyond 32 bits are counted", "[http1]") {
  BodyReader reader(BodyKind::length, std::uint64_t{5} << 32);
  CHECK(reader.next("abcd", 4).payload == 4);
  CHECK(reader.remaining() == (std::uint64_t{5} << 32) - 4);
  BodyReader chunked(BodyKind::chunked);
  const std::string_view size = "100000000\r\nab";
  const BodyStep step = chunked.next(size.data(), size.size());
  CHECK(step.framing == 11);
  CHECK(step.payload == 2);
  CHECK(chunked.remaining() == (std::uint64_t{1} << 32) - 2);
}

TEST_CASE("a reader made for a head reads what the head announces", "[http1]") {
  const std::string text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
  const RequestOutcome outcome = parse_request(text);
  BodyReader reader(outcome.head);
  CHECK(reader.next(text.data() + outcome.head.bytes, 3).result == BodyResult::complete);
}

TEST_CASE("chunks are joined, extensions and trailers dropped", "[http1]") {
  check_chunked("0\r\n\r\n", "");
  check_chunked("5\r\nhello\r\n0\r\n\r\n", "hello");
  check_chunked("000\r\n\r\n", "");
  check_chunked("00000a\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n", "0123456789x");
  check_chunked("A\r\n0123456789\r\n0\r\n\r\n", "0123456789");
  check_chunked("2\r\n\r\n\r\n0\r\n\r\n", "\r\n");
  check_chunked("1;a\r\nx\r\n0;b=c\r\n\r\n", "x");
}

TEST_CASE("extensions are names with optional token or quoted values", "[http1]") {
  for (const char* extension : {";a", ";a=b", ";a=\"\"", ";a=\"b c\\\"\t;=\"", ";a;b=c;d=\"e\"",
                                ";!#$%&'*+-.^_`|~=1", ";a=\"\xe4\""}) {
    check_chunked("1" + std::string(extension) + "\r\nx\r\n0" + extension + "\r\n\r\n", "x");
  }
  for (const char* extension :
       {";",      ";;",    ";=",        ";a=",       ";a==b",     ";a=b=c",    "; a",         ";a ",
        ";a =b",  ";a= b", ";\"a\"",    ";a=b\"c\"", ";a=\"b\"c", ";a=\"b\"=", ";a=\"\x01\"", ";a=\"\\\x7f\"",
        ";a\x80", ";a\n",  ";a=\"\n\"", ";a/b",      ";a,b"}) {
    check_refused("1" + std::string(extension) + "\r\nx\r\n", Refusal::bad_chunk_extension);
  }
}

TEST_CASE("a chunk size that is not plain hexadecimal is refused", "[http1]") {
  for (const char* size : {"", " 5", "5 ", "+5", "-5", "0x5", "5h", "g", "5\t", "5,", "\"5\"", "5\n", "\n",
                           "5\r5", "\x80", "5=a", "5:", "\t5", "5.0"}) {
    check_refused(std::string(size) + "\r\nhello\r\n0\r\n\r\n", Refusal::bad_chunk_size);
  }
}

TEST_CASE("a refused byte is not counted as framing", "[http1]") {
  BodyReader reader(BodyKind::chunked);
  const BodyStep step = reader.next("5x", 2);
  CHECK(step.result == BodyResult::error);
  CHECK(step.framing == 1);
  CHECK(step.payload == 0);
  CHECK(reader.next("5", 1).result == BodyResult::error);
}

TEST_CASE("a chunk size that is too large or too long is refused", "[http1]") {
  check_refused("1000000000000001\r\n", Refusal::chunk_size_overflow);
  check_refused("FFFFFFFFFFFFFFFF\r\n", Refusal::chunk_size_overflow);
  check_refused("10000000000000005\r\nhello", Refusal::chunk_size_overflow);
  check_refused("00000000000000000\r\n\r\n", Refusal::chunk_size_overflow);
  check_chunked("0000000000000000\r\n\r\n", "");
  BodyReader reader(BodyKind::chunked);
  CHECK(reader.next("1000000000000000\r\n", 18).result == BodyResult::more);
  CHECK(reader.remaining() == chunk_size_max);
}

TEST_CASE("chunk data must be followed by CRLF", "[http1]") {
  for (const char* end : {"x\r\n", "\n0\r\n\r\n", "\rx", "0\r\n\r\n", "\r\r\n", " \r\n"}) {
    check_refused("5\r\nhello" + std::string(end), Refusal::bad_chunk_end);
  }
}

TEST_CASE("extensions are bounded in one chunk and over the body", "[http1]") {
  // The `;` belongs to the size, the name and its CR count.
  const auto chunk = [](std::size_t name) { return "1;" + std::string(name, 'e') + "\r\nx\r\n"; };
  CHECK(read_chunked(chunk(chunk_extension_bytes_max - 1)).result == BodyResult::more);
  check_refused(chunk(chunk_extension_bytes_max), Refusal::chunk_extensions_too_long);
  std::string many;
  for (std::size_t i = 0; i <= chunk_extension_excess_max / 100; ++i) many += chunk(100);
  check_refused(many + many, Refusal::chunk_extensions_too_long);
  std::string balanced;
  for (std::size_t i = 0; i < 1000; ++i)
    balanced += "80;" + std::string(100, 'e') + "\r\n" + std::string(128, 'x') + "\r\n";
  CHECK(read_chunked(balanced).result == BodyResult::more);
}

TEST_CASE("trailers are read as strictly as fields and dropped", "[http1]") {
  check_chunked("0\r\nX-Sum: 1\r\nother:\t\x80 \r\n\r\n", "");
  check_chunked("0\r\nx:\r\n\r\n", "");
  check_chunked("0\r\n" + std::string(100, 'n') + ": v\r\n\r\n", "");
  check_chunked("0\r\nproxy-authentication-infos: v\r\n\r\n", "");
  for (const char* trailer : {"x", ": v", " x: v", "x : v", "x: v\n", "x: v\r", "x: \x01", "x: \x7f",
                              "x: v\r\n w", "\n", "x\x80: v", "x y: v", "\tx: v"}) {
    check_refused("0\r\n" + std::string(trailer) + "\r\nz: \r\n\r\n", Refusal::bad_trailer);
  }
  check_refused("0\r\n\r\r", Refusal::bad_trailer);
}

TEST_CASE("a trailer that frames, routes or authenticates is refused", "[http1]") {
  for (const char* name : {"Content-Length", "transfer-encoding", "HOST", "Connection", "Trailer", "TE",
                           "Upgrade", "Expect", "Authorization", "content_length", "Content-Type"}) {
    check_refused("0\r\n" + std::string(name) + ": 5\r\n\r\n", Refusal::bad_trailer);
    check_refused("0\r\nx: 1\r\n" + std::string(name) + ": 5\r\n\r\n", Refusal::bad_trailer);
  }
}

TEST_CASE("the trailer section is bounded", "[http1]") {
  const auto trailer = [](std::size_t size) { return "0\r\n" + std::string(size, 'x') + ":\r\n\r\n"; };
  // The colon, and the two line ends but for the last LF, count too.
  check_chunked(trailer(trailer_bytes_max - 4), "");
  check_refused(trailer(trailer_bytes_max - 3), Refusal::trailers_too_large);
}

TEST_CASE("any cut of random chunked bodies gives the content back", "[http1]") {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    std::string wire;
    std::string content;
    for (std::size_t chunks = random() % 6; chunks > 0; --chunks) {
      const std::size_t size = 1 + random() % 40;
      std::array<char, 20> head{};
      std::snprintf(head.data(), head.size(), random() % 2 == 0 ? "%zx" : "%04zX", size);
      wire += head.data();
      if (random() % 3 == 0) wire += ";n=\"v\"";
      wire += "\r\n";
      for (std::size_t i = 0; i < size; ++i) {
        content += static_cast<char>(random());
        wire += content.back();
      }
      wire += "\r\n";
    }
    check_chunked(wire + (random() % 2 == 0 ? "0\r\n\r\n" : "0\r\na: b\r\n\r\n"), content);
  }
}

}  // namespace
}  // namespace byway::l7::http1
