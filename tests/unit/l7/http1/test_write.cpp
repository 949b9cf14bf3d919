#include <array>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "l7/http1/write.h"
#include "tests/unit/l7/http1/feed.h"

namespace byway::l7::http1 {
namespace {

using Kind = FieldEdit::Kind;

// Writes into a block of exactly the needed size, and checks that no smaller one is enough or touched.
template <typename Write>
std::string written(Write write) {
  std::vector<char> large(100'000);
  const WriteResult result = write(std::span<char>(large));
  REQUIRE(result.fits);
  const std::string text(large.data(), result.bytes);
  std::vector<char> exact(result.bytes);
  CHECK(write(std::span<char>(exact)).fits);
  CHECK(std::string(exact.begin(), exact.end()) == text);
  for (const std::size_t missing :
       {std::size_t{1}, std::size_t{2}, std::size_t{7}, result.bytes / 2, result.bytes}) {
    std::vector<char> small(result.bytes - std::min(missing, result.bytes));
    const WriteResult short_result = write(std::span<char>(small));
    CHECK_FALSE(short_result.fits);
    CHECK(short_result.bytes == 0);
  }
  return text;
}

std::string forwarded(const std::string& text, const RequestEdits& edits = {}) {
  const RequestOutcome outcome = parse_request(text);
  INFO(text);
  REQUIRE(outcome.result == ParseResult::complete);
  return written([&](std::span<char> out) { return write_request(out, text.data(), outcome.head, edits); });
}

std::string forwarded_response(const std::string& text, const ResponseEdits& edits = {},
                               ResponseContext context = {}) {
  const ResponseOutcome outcome = parse_response(text, context);
  INFO(text);
  REQUIRE(outcome.result == ParseResult::complete);
  return written([&](std::span<char> out) { return write_response(out, text.data(), outcome.head, edits); });
}

TEST_CASE("a plain request passes with Via and the addresses of the client", "[http1]") {
  CHECK(forwarded("GET /a?b HTTP/1.1\r\nHost: h\r\nA: 1\r\nB:2 \r\nC: 3\r\n\r\n",
                  {.client_address = "10.0.0.1", .client_scheme = "http"}) ==
        "GET /a?b HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nC: 3\r\nX-Forwarded-For: 10.0.0.1\r\n"
        "X-Forwarded-Proto: http\r\nVia: 1.1 byway\r\n\r\n");
}

TEST_CASE("hop-by-hop fields and those that Connection lists stay behind", "[http1]") {
  CHECK(forwarded(
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: x-a, keep-alive\r\nX-A: 1\r\nX-B: 2\r\nTE: trailers\r\n"
            "Keep-Alive: 1\r\nProxy-Connection: x\r\nTrailer: z\r\nUpgrade: w\r\nX-C: 3\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: h\r\nX-B: 2\r\nX-C: 3\r\nVia: 1.1 byway\r\n\r\n");
}

TEST_CASE("the target goes on in origin form with the authority as Host", "[http1]") {
  struct Row {
    const char* line;
    const char* first_lines;
  };
  const Row rows[] = {
      {"GET http://b:81/c?d HTTP/1.1", "GET /c?d HTTP/1.1\r\nHost: b:81\r\n"},
      {"GET http://b HTTP/1.1", "GET / HTTP/1.1\r\nHost: b\r\n"},
      {"GET http://b?d HTTP/1.1", "GET /?d HTTP/1.1\r\nHost: b\r\n"},
      {"GET /? HTTP/1.1", "GET /? HTTP/1.1\r\nHost: h\r\n"},
      {"OPTIONS * HTTP/1.1", "OPTIONS * HTTP/1.1\r\nHost: h\r\n"},
      {"OPTIONS http://b HTTP/1.1", "OPTIONS * HTTP/1.1\r\nHost: b\r\n"},
      {"OPTIONS http://b/ HTTP/1.1", "OPTIONS / HTTP/1.1\r\nHost: b\r\n"},
      {"PROPFIND / HTTP/1.0", "PROPFIND / HTTP/1.1\r\nHost: h\r\n"},
  };
  for (const Row& row : rows) {
    const std::string text = forwarded(std::string(row.line) + "\r\nX: 1\r\nHost: h\r\n\r\n");
    INFO(row.line);
    CHECK(text.substr(0, std::string_view(row.first_lines).size()) == row.first_lines);
    CHECK(text.find("Host", 40) == std::string::npos);
  }
}

TEST_CASE("a rewritten target and authority replace what came", "[http1]") {
  CHECK(forwarded("GET /a HTTP/1.1\r\nHost: h\r\n\r\n", {.target = "/new?x", .authority = "svc:80"}) ==
        "GET /new?x HTTP/1.1\r\nHost: svc:80\r\nVia: 1.1 byway\r\n\r\n");
}

TEST_CASE("X-Forwarded fields of a stranger are dropped, those of a trusted peer extended", "[http1]") {
  const std::string text =
      "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 2.2.2.2,3.3.3.3\r\n"
      "X-Forwarded-For:\r\nX-Forwarded-Proto: https\r\n\r\n";
  RequestEdits edits{.client_address = "9.9.9.9", .client_scheme = "http"};
  CHECK(forwarded(text, edits) ==
        "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: http\r\nVia: 1.1 "
        "byway\r\n\r\n");
  edits.client_is_trusted = true;
  CHECK(forwarded(text, edits) ==
        "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2,3.3.3.3, 9.9.9.9\r\n"
        "X-Forwarded-Proto: https, http\r\nVia: 1.1 byway\r\n\r\n");
  CHECK(forwarded(text) == "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.1 byway\r\n\r\n");
  // Listed in Connection, it was meant for this hop only.
  CHECK(forwarded(
            "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.1.1.1\r\nConnection: x-forwarded-for\r\n\r\n",
            edits) ==
        "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: http\r\nVia: 1.1 "
        "byway\r\n\r\n");
}

TEST_CASE("Via names the version received and follows older ones", "[http1]") {
  CHECK(forwarded("GET / HTTP/1.0\r\nHost: h\r\nVia: 1.1 old\r\n\r\n") ==
        "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.1 old\r\nVia: 1.0 byway\r\n\r\n");
}

TEST_CASE("one framing field is written, in canonical form and place", "[http1]") {
  CHECK(forwarded("POST / HTTP/1.1\r\nHost: h\r\ncontent-length:  007\r\n\r\n") ==
        "POST / HTTP/1.1\r\nHost: h\r\nVia: 1.1 byway\r\nContent-Length: 7\r\n\r\n");
  CHECK(forwarded("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n") ==
        "POST / HTTP/1.1\r\nHost: h\r\nVia: 1.1 byway\r\nContent-Length: 0\r\n\r\n");
  CHECK(forwarded("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: CHUNKED\r\n\r\n") ==
        "POST / HTTP/1.1\r\nHost: h\r\nVia: 1.1 byway\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(
      forwarded("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
                {.framing = BodyFraming{.kind = BodyKind::length, .declares_length = true, .length = 12}}) ==
      "POST / HTTP/1.1\r\nHost: h\r\nVia: 1.1 byway\r\nContent-Length: 12\r\n\r\n");
}

TEST_CASE("Connection says what the caller wants", "[http1]") {
  const std::string text = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  CHECK(forwarded(text) == "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.1 byway\r\n\r\n");
  CHECK(forwarded(text, {.persistence = Persistence::close}) ==
        "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.1 byway\r\nConnection: close\r\n\r\n");
}

TEST_CASE("Expect passes if the caller keeps it and HTTP/1.1 sent it", "[http1]") {
  const std::string fields = "\r\nHost: h\r\nExpect: 100-continue\r\n\r\n";
  CHECK(forwarded("PUT / HTTP/1.1" + fields).find("Expect: 100-continue\r\n") != std::string::npos);
  CHECK(forwarded("PUT / HTTP/1.1" + fields, {.keep_expect = false}).find("Expect") == std::string::npos);
  CHECK(forwarded("PUT / HTTP/1.0" + fields).find("Expect") == std::string::npos);
}

TEST_CASE("edits set, add and remove fields without regard to case, in their order", "[http1]") {
  const std::string text = "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\na: 3\r\nC: 4\r\n\r\n";
  struct Row {
    std::vector<FieldEdit> edits;
    const char* fields;
  };
  const Row rows[] = {
      {{{Kind::set, "a", "9"}}, "B: 2\r\nC: 4\r\na: 9\r\n"},
      {{{Kind::set, "New", "9"}}, "A: 1\r\nB: 2\r\na: 3\r\nC: 4\r\nNew: 9\r\n"},
      {{{Kind::add, "b", "9"}}, "A: 1\r\nB: 2\r\na: 3\r\nC: 4\r\nb: 9\r\n"},
      {{{Kind::remove, "A", ""}, {Kind::remove, "none", ""}}, "B: 2\r\nC: 4\r\n"},
      {{{Kind::set, "A", "5"}, {Kind::add, "a", "6"}}, "B: 2\r\nC: 4\r\nA: 5\r\na: 6\r\n"},
      {{{Kind::add, "A", "5"}, {Kind::set, "a", "6"}}, "B: 2\r\nC: 4\r\na: 6\r\n"},
      {{{Kind::set, "A", "5"}, {Kind::remove, "a", ""}}, "B: 2\r\nC: 4\r\n"},
      {{{Kind::remove, "A", ""}, {Kind::add, "a", "6"}}, "B: 2\r\nC: 4\r\na: 6\r\n"},
      {{{Kind::set, "Content-Length", "5"},
        {Kind::add, "transfer-encoding", "chunked"},
        {Kind::set, "HOST", "x"},
        {Kind::remove, "Host", ""},
        {Kind::add, "Connection", "close"}},
       "A: 1\r\nB: 2\r\na: 3\r\nC: 4\r\n"},
  };
  for (const Row& row : rows) {
    CHECK(forwarded(text, {.fields = row.edits}) ==
          "GET / HTTP/1.1\r\nHost: h\r\n" + std::string(row.fields) + "Via: 1.1 byway\r\n\r\n");
  }
}

TEST_CASE("an edit of X-Forwarded-For takes the place of the gateway's", "[http1]") {
  const std::vector<FieldEdit> edits = {{Kind::set, "x-forwarded-for", "hidden"},
                                        {Kind::remove, "X-Forwarded-Proto", ""}};
  CHECK(forwarded("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n",
                  {.fields = edits, .client_address = "9.9.9.9", .client_scheme = "http"}) ==
        "GET / HTTP/1.1\r\nHost: h\r\nx-forwarded-for: hidden\r\nVia: 1.1 byway\r\n\r\n");
}

TEST_CASE("a response passes with Via, and with Date if it had none", "[http1]") {
  CHECK(
      forwarded_response("HTTP/1.0 200 Fine\r\nServer: s\r\nConnection: x, keep-alive\r\nX: 1\r\n"
                         "Content-Length: 3\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
                         {.date = "today"}) ==
      "HTTP/1.1 200 Fine\r\nServer: s\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nDate: today\r\nVia: 1.0 byway\r\n"
      "Content-Length: 3\r\n\r\n");
  CHECK(forwarded_response("HTTP/1.1 204 \r\nDate: then\r\nContent-Length: 0\r\n\r\n", {.date = "today"}) ==
        "HTTP/1.1 204 \r\nDate: then\r\nVia: 1.1 byway\r\n\r\n");
}

TEST_CASE("a response's framing suits the client's version", "[http1]") {
  struct Row {
    const char* fields;
    Version client;
    const char* expected;
  };
  const Row rows[] = {
      {"Transfer-Encoding: chunked\r\n", Version::http11, "Transfer-Encoding: chunked\r\n"},
      {"Transfer-Encoding: chunked\r\n", Version::http10, "Connection: close\r\n"},
      {"", Version::http11, "Transfer-Encoding: chunked\r\n"},
      {"", Version::http10, "Connection: close\r\n"},
      {"Content-Length: 5\r\n", Version::http10, "Content-Length: 5\r\n"},
      {"Content-Length: 0\r\n", Version::http11, "Content-Length: 0\r\n"},
  };
  for (const Row& row : rows) {
    INFO(row.fields);
    CHECK(forwarded_response("HTTP/1.1 200 OK\r\n" + std::string(row.fields) + "\r\n",
                             {.client = row.client}) ==
          "HTTP/1.1 200 OK\r\nVia: 1.1 byway\r\n" + std::string(row.expected) + "\r\n");
  }
  const std::string head_response = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  CHECK(forwarded_response(head_response, {.persistence = Persistence::keep_alive},
                           {.request_method = Method::head}) ==
        "HTTP/1.1 200 OK\r\nVia: 1.1 byway\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n");
  CHECK(forwarded_response("HTTP/1.1 100 Continue\r\n\r\n") ==
        "HTTP/1.1 100 Continue\r\nVia: 1.1 byway\r\n\r\n");
}

TEST_CASE("response fields are edited like those of requests", "[http1]") {
  const std::vector<FieldEdit> edits = {{Kind::remove, "server", ""}, {Kind::add, "X", "1"}};
  CHECK(forwarded_response("HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: 0\r\n\r\n", {.fields = edits}) ==
        "HTTP/1.1 200 OK\r\nX: 1\r\nVia: 1.1 byway\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("what is written parses again to the same framing, target and fields", "[http1]") {
  const std::string text =
      "POST http://b:81/c?d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:  Chunked\r\nX:  y \r\nConnection: "
      "z\r\nZ: 1\r\n\r\n";
  const std::string once = forwarded(text, {.client_address = "1.1.1.1", .client_scheme = "http"});
  const RequestOutcome again = parse_request(once);
  REQUIRE(again.result == ParseResult::complete);
  CHECK(again.head.body == BodyKind::chunked);
  CHECK(again.head.target.in(once.data()) == "/c?d");
  CHECK(again.head.authority.in(once.data()) == "b:81");
  CHECK(again.head.keep_alive);
}

TEST_CASE("local responses have a short text, its length, and close when asked", "[http1]") {
  CHECK(written([](std::span<char> out) { return write_local_response(out, {.status = 404}); }) ==
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 14\r\n\r\n404 Not Found\n");
  CHECK(
      written([](std::span<char> out) {
        return write_local_response(
            out, {.status = 503, .text = "no endpoint", .date = "today", .persistence = Persistence::close});
      }) ==
      "HTTP/1.1 503 Service Unavailable\r\nDate: today\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n"
      "Connection: close\r\n\r\nno endpoint\n");
  CHECK(written([](std::span<char> out) {
          return write_local_response(out, {.status = 400, .is_head = true});
        }) == "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 16\r\n\r\n");
}

TEST_CASE("every local response fits its bound and parses", "[http1]") {
  for (const unsigned status :
       {400U, 403U, 404U, 408U, 413U, 414U, 417U, 429U, 431U, 500U, 501U, 502U, 503U, 504U, 505U}) {
    std::array<char, local_response_bytes_max> out;
    const std::string text(128, 't');
    const WriteResult result = write_local_response(out, {.status = static_cast<std::uint16_t>(status),
                                                          .text = text,
                                                          .date = "Tue, 15 Nov 1994 08:12:31 GMT",
                                                          .persistence = Persistence::keep_alive});
    REQUIRE(result.fits);
    const ResponseOutcome outcome = parse_response({out.data(), result.bytes});
    REQUIRE(outcome.result == ParseResult::complete);
    CHECK(outcome.head.status == status);
    CHECK_FALSE(outcome.head.reason.is_empty());
    CHECK(outcome.head.content_length == result.bytes - outcome.head.bytes);
  }
}

TEST_CASE("every refusal's status has a reason phrase", "[http1]") {
  for (unsigned i = 1; i < static_cast<unsigned>(Refusal::count_); ++i) {
    const auto refusal = static_cast<Refusal>(i);
    INFO(name_of(refusal));
    CHECK_FALSE(reason_of(status_of(refusal)).empty());
    CHECK_FALSE(sentence_of(refusal).empty());
  }
}

TEST_CASE("chunk heads are hexadecimal and bounded", "[http1]") {
  for (const std::uint64_t size : {std::uint64_t{1}, std::uint64_t{0xabc}, UINT64_MAX}) {
    std::array<char, chunk_head_bytes_max> out;
    const WriteResult result = write_chunk_head(out, size);
    REQUIRE(result.fits);
    CHECK(std::stoull(std::string(out.data(), result.bytes), nullptr, 16) == size);
    CHECK(std::string_view(out.data(), result.bytes).ends_with("\r\n"));
  }
}

}  // namespace
}  // namespace byway::l7::http1
