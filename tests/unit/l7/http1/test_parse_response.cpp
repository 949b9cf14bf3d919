#include <catch2/catch_test_macros.hpp>
#include <string>

#include "tests/unit/l7/http1/feed.h"

namespace byway::l7::http1 {
namespace {

void check_refused(std::string_view text, Refusal refusal, ResponseContext context = {}) {
  INFO(text);
  const ResponseOutcome outcome = parse_response(text, context);
  CHECK(outcome.result == ParseResult::error);
  CHECK(name_of(outcome.refusal) == name_of(refusal));
}

TEST_CASE("a plain response is read into status, reason and fields", "[http1]") {
  const std::string text = "HTTP/1.1 200 All fine\r\nContent-Length: 5\r\nDate: now\r\n\r\nhello";
  const ResponseOutcome outcome = parse_response(text);
  REQUIRE(outcome.result == ParseResult::complete);
  CHECK(outcome.head.status == 200);
  CHECK(outcome.head.reason.in(text.data()) == "All fine");
  CHECK(outcome.head.body == BodyKind::length);
  CHECK(outcome.head.content_length == 5);
  CHECK(outcome.head.keep_alive);
  CHECK_FALSE(outcome.head.is_interim());
  CHECK(outcome.head.bytes == text.size() - 5);
  REQUIRE(outcome.head.find(FieldName::date) != nullptr);
}

TEST_CASE("the body of a response follows request method, status and framing fields", "[http1]") {
  struct Row {
    Method method;
    const char* status;
    const char* fields;
    BodyKind body;
    bool keep_alive;
  };
  const Row rows[] = {
      {Method::get, "200 OK", "Content-Length: 5\r\n", BodyKind::length, true},
      {Method::get, "200 OK", "Content-Length: 0\r\n", BodyKind::none, true},
      {Method::get, "200 OK", "Transfer-Encoding: chunked\r\n", BodyKind::chunked, true},
      {Method::get, "200 OK", "", BodyKind::until_close, false},
      {Method::get, "500 X", "Connection: keep-alive\r\n", BodyKind::until_close, false},
      {Method::get, "200 OK", "Connection: close\r\nContent-Length: 1\r\n", BodyKind::length, false},
      {Method::get, "205 Reset", "Content-Length: 0\r\n", BodyKind::none, true},
      {Method::head, "200 OK", "Content-Length: 5\r\n", BodyKind::none, true},
      {Method::head, "200 OK", "Transfer-Encoding: chunked\r\n", BodyKind::none, true},
      {Method::head, "200 OK", "", BodyKind::none, true},
      {Method::get, "304 Not", "Content-Length: 5\r\n", BodyKind::none, true},
      {Method::get, "304 Not", "Transfer-Encoding: chunked\r\n", BodyKind::none, true},
      {Method::get, "304 Not", "", BodyKind::none, true},
      {Method::get, "204 No", "", BodyKind::none, true},
      {Method::get, "204 No", "Content-Length: 0\r\n", BodyKind::none, true},
      {Method::get, "100 Continue", "", BodyKind::none, true},
      {Method::get, "103 Hints", "Link: x\r\n", BodyKind::none, true},
  };
  for (const Row& row : rows) {
    INFO(row.status << " " << row.fields);
    const std::string text = "HTTP/1.1 " + std::string(row.status) + "\r\n" + row.fields + "\r\n";
    const ResponseOutcome outcome = parse_response(text, {.request_method = row.method});
    REQUIRE(outcome.result == ParseResult::complete);
    CHECK(outcome.head.body == row.body);
    CHECK(outcome.head.keep_alive == row.keep_alive);
  }
}

TEST_CASE("HTTP/1.0 responses close unless they say otherwise", "[http1]") {
  CHECK_FALSE(parse_response("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n").head.keep_alive);
  CHECK(parse_response("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n")
            .head.keep_alive);
}

TEST_CASE("the declared length of a HEAD or 304 response is kept", "[http1]") {
  const ResponseOutcome outcome =
      parse_response("HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n", {.request_method = Method::head});
  CHECK(outcome.head.has_content_length);
  CHECK(outcome.head.content_length == 77);
}

TEST_CASE("interim responses are told apart from final ones", "[http1]") {
  CHECK(parse_response("HTTP/1.1 100 Continue\r\n\r\n").head.is_interim());
  CHECK(parse_response("HTTP/1.1 103 Early Hints\r\n\r\n").head.is_interim());
  CHECK_FALSE(parse_response("HTTP/1.1 204 No Content\r\n\r\n").head.is_interim());
}

TEST_CASE("101 is refused unless the request asked to upgrade", "[http1]") {
  const std::string_view text =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n";
  check_refused(text, Refusal::unexpected_upgrade);
  const ResponseOutcome outcome = parse_response(text, {.upgrade_requested = true});
  REQUIRE(outcome.result == ParseResult::complete);
  CHECK(outcome.head.upgrade);
}

TEST_CASE("the reason may be empty, hold obs-text, and lack its space", "[http1]") {
  for (const char* line : {"HTTP/1.1 200 ", "HTTP/1.1 200", "HTTP/1.1 200 \xe4\tx", "HTTP/1.0 999 x"}) {
    INFO(line);
    CHECK(parse_response(std::string(line) + "\r\nContent-Length: 0\r\n\r\n").result ==
          ParseResult::complete);
  }
  const std::string text = "HTTP/1.1 200\r\n\r\n";
  CHECK(parse_response(text).head.reason.is_empty());
}

TEST_CASE("malformed status lines are refused", "[http1]") {
  for (const char* line :
       {"HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 20x OK", "HTTP/1.1  200 OK", "HTTP/1.1 2000 OK",
        "HTTP/1.1 099 x", "HTTP/1.1 200OK", "HTTP/1.1 200\tOK", "HTTP/1.1 +20 x"}) {
    check_refused(std::string(line) + "\r\n\r\n", Refusal::bad_status_line);
  }
  for (const char* line :
       {"", " HTTP/1.1 200 OK", "200 OK", "http/1.1 200 OK", "HTTP/1.1\t200 OK", "ICY 200 OK"}) {
    check_refused(std::string(line) + "\r\n\r\n", Refusal::bad_version);
  }
  check_refused("HTTP/2.0 200 OK\r\n\r\n", Refusal::unsupported_version);
  using std::string_literals::operator""s;
  check_refused("HTTP/1.1 200 O\0K\r\n\r\n"s, Refusal::control_byte);
  check_refused("HTTP/1.1 200 OK\n\r\n", Refusal::bare_lf);
  check_refused("HTTP/1.1 200 " + std::string(start_line_bytes_max, 'x') + "\r\n\r\n",
                Refusal::start_line_too_long);
}

TEST_CASE("ambiguous framing of a response is refused", "[http1]") {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  check_refused(ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                Refusal::length_and_transfer_encoding);
  check_refused(ok + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", Refusal::duplicate_content_length);
  check_refused(ok + "Content-Length: 5, 5\r\n\r\n", Refusal::bad_content_length);
  check_refused(ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", Refusal::unknown_transfer_coding);
  check_refused(ok + "Transfer-Encoding: chunked, gzip\r\n\r\n", Refusal::bad_transfer_encoding);
  check_refused("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                Refusal::transfer_encoding_in_http10);
  check_refused(ok + "Content-Length : 5\r\n\r\n", Refusal::space_before_colon);
  check_refused(ok + "X: a\r\n b\r\n\r\n", Refusal::obs_fold);
  check_refused(ok + " X: a\r\n\r\n", Refusal::leading_whitespace);
}

TEST_CASE("a 1xx or 204 response that announces content is refused", "[http1]") {
  for (const char* status : {"100 Continue", "103 Hints", "204 No Content"}) {
    const std::string line = "HTTP/1.1 " + std::string(status) + "\r\n";
    check_refused(line + "Content-Length: 5\r\n\r\n", Refusal::body_forbidden);
    check_refused(line + "Transfer-Encoding: chunked\r\n\r\n", Refusal::body_forbidden);
  }
}

TEST_CASE("limits of heads hold for responses too", "[http1]") {
  std::string text = "HTTP/1.1 200 OK\r\n";
  for (std::size_t i = 0; i <= fields_max; ++i) text += "n: v\r\n";
  check_refused(text, Refusal::too_many_fields);
  check_refused("HTTP/1.1 200 OK\r\nx: " + std::string(head_bytes_max, 'v'), Refusal::head_too_large);
}

}  // namespace
}  // namespace byway::l7::http1
