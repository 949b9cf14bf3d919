// What is accepted, and how it is read. Refusals are in test_refused_requests.cpp.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "tests/unit/l7/http1/feed.h"

namespace byway::l7::http1 {
namespace {

RequestOutcome accepted(std::string_view text) {
  INFO(text);
  RequestOutcome outcome = parse_request(text);
  INFO(name_of(outcome.refusal));
  REQUIRE(outcome.result == ParseResult::complete);
  CHECK(outcome.head.bytes <= text.size());
  return outcome;
}

std::string with_fields(std::string_view fields, std::string_view line = "POST /x HTTP/1.1") {
  return std::string(line) + "\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

TEST_CASE("a plain request is read into method, target, host and fields", "[http1]") {
  const std::string text =
      "GET /a/b?c=d&e HTTP/1.1\r\nHost: shop.example:8080\r\nUser-Agent:  curl/8 \t\r\nX-Empty:\r\n\r\nGET "
      "/ ";
  const RequestHead& head = accepted(text).head;
  const char* base = text.data();
  CHECK(head.method == Method::get);
  CHECK(head.method_text.in(base) == "GET");
  CHECK(head.target.in(base) == "/a/b?c=d&e");
  CHECK(head.target_form == TargetForm::origin);
  CHECK(head.path.in(base) == "/a/b");
  CHECK(head.has_query);
  CHECK(head.query.in(base) == "c=d&e");
  CHECK(head.authority.in(base) == "shop.example:8080");
  CHECK(head.host.in(base) == "shop.example");
  CHECK(head.tcp_port == 8080);
  CHECK(head.version == Version::http11);
  CHECK(head.keep_alive);
  CHECK(head.body == BodyKind::none);
  CHECK(head.bytes == text.find("GET / "));
  REQUIRE(head.field_count == 3);
  CHECK(head.fields[0].id == FieldName::host);
  CHECK(head.fields[0].verbatim);
  CHECK(head.fields[1].id == FieldName::user_agent);
  CHECK(head.fields[1].value.in(base) == "curl/8");
  CHECK_FALSE(head.fields[1].verbatim);
  CHECK(head.fields[2].id == FieldName::other);
  CHECK(head.fields[2].name.in(base) == "X-Empty");
  CHECK(head.fields[2].value.is_empty());
  REQUIRE(head.find(FieldName::user_agent) == &head.fields[1]);
  CHECK(head.find(FieldName::cookie) == nullptr);
}

TEST_CASE("target forms are told apart and split into scheme, authority, path and query", "[http1]") {
  struct Row {
    const char* line;
    TargetForm form;
    Scheme scheme;
    const char* authority;
    const char* path;
    const char* query;  // null: no `?`
  };
  const Row rows[] = {
      {"GET / HTTP/1.1", TargetForm::origin, Scheme::unspecified, "a", "/", nullptr},
      {"GET /? HTTP/1.1", TargetForm::origin, Scheme::unspecified, "a", "/", ""},
      {"GET /?? HTTP/1.1", TargetForm::origin, Scheme::unspecified, "a", "/", "?"},
      {"GET //x HTTP/1.1", TargetForm::origin, Scheme::unspecified, "a", "//x", nullptr},
      {"GET /%41%2f?%00 HTTP/1.1", TargetForm::origin, Scheme::unspecified, "a", "/%41%2f", "%00"},
      {"GET /a|b[0]{c}^`?q=[]|{} HTTP/1.1", TargetForm::origin, Scheme::unspecified, "a", "/a|b[0]{c}^`",
       "q=[]|{}"},
      {"GET /http://b/?http://c HTTP/1.1", TargetForm::origin, Scheme::unspecified, "a", "/http://b/",
       "http://c"},
      {"OPTIONS * HTTP/1.1", TargetForm::asterisk, Scheme::unspecified, "a", "", nullptr},
      {"OPTIONS /x HTTP/1.1", TargetForm::origin, Scheme::unspecified, "a", "/x", nullptr},
      {"GET http://b/c?d HTTP/1.1", TargetForm::absolute, Scheme::http, "b", "/c", "d"},
      {"GET hTTps://b:1 HTTP/1.1", TargetForm::absolute, Scheme::https, "b:1", "", nullptr},
      {"GET http://b?d HTTP/1.1", TargetForm::absolute, Scheme::http, "b", "", "d"},
      {"GET http://b?d/e HTTP/1.1", TargetForm::absolute, Scheme::http, "b", "", "d/e"},
      {"GET http://[::1]:65535/ HTTP/1.1", TargetForm::absolute, Scheme::http, "[::1]:65535", "/", nullptr},
  };
  for (const Row& row : rows) {
    const std::string text = with_fields("", row.line);
    const RequestHead& head = accepted(text).head;
    INFO(row.line);
    CHECK(head.target_form == row.form);
    CHECK(head.scheme == row.scheme);
    CHECK(head.authority.in(text.data()) == row.authority);
    CHECK(head.path.in(text.data()) == row.path);
    CHECK(head.has_query == (row.query != nullptr));
    CHECK(head.query.in(text.data()) == (row.query == nullptr ? "" : row.query));
  }
}

TEST_CASE("the first question mark begins the query, however far the next one is", "[http1]") {
  for (std::size_t length = 1; length < 150; ++length) {
    const std::string query = std::string(length, 'q') + "?%00?";
    const std::string text = with_fields("", "GET /a?" + query + " HTTP/1.1");
    const RequestHead& head = accepted(text).head;
    CHECK(head.path.in(text.data()) == "/a");
    CHECK(head.query.in(text.data()) == query);
  }
}

TEST_CASE("only lines with one space before the value and none after it are verbatim", "[http1]") {
  const std::string text = with_fields(
      "y: v\r\ny: v w\r\nn:v\r\nn:  v\r\nn:\tv\r\nn: \tv\r\nn: v \r\nn: v\t\r\nn:\r\nn: \r\nn:   \r\n");
  const RequestHead& head = accepted(text).head;
  for (std::size_t i = 1; i < head.field_count; ++i) {
    INFO(i);
    CHECK(head.fields[i].verbatim == (head.fields[i].name.in(text.data()) == "y"));
  }
}

TEST_CASE("the first of several fields is found, and that there are several", "[http1]") {
  const std::string text = with_fields("Cookie: a\r\nX: 1\r\nVia: x\r\ncookie: b\r\nX: 2\r\n");
  const RequestHead& head = accepted(text).head;
  REQUIRE(head.find(FieldName::cookie) != nullptr);
  CHECK(head.find(FieldName::cookie)->value.in(text.data()) == "a");
  CHECK(head.has_several(FieldName::cookie));
  CHECK(head.find(FieldName::via) == &head.fields[3]);
  CHECK_FALSE(head.has_several(FieldName::via));
  CHECK_FALSE(head.has_several(FieldName::date));
  CHECK(head.find(FieldName::date) == nullptr);
}

TEST_CASE("a target of more than one block is checked and split like a short one", "[http1]") {
  for (std::size_t length = 50; length < 200; ++length) {
    const std::string path = "/" + std::string(length, 'p');
    const std::string text = with_fields("", "GET " + path + "?%20" + std::string(length, 'q') + " HTTP/1.1");
    const RequestHead& head = accepted(text).head;
    CHECK(head.path.in(text.data()) == path);
    CHECK(head.query.length == length + 3);
  }
}

TEST_CASE("hosts are names, IPv4 and IPv6 addresses with an optional port", "[http1]") {
  struct Row {
    const char* value;
    const char* host;
    unsigned tcp_port;
  };
  const Row rows[] = {
      {"example.com", "example.com", 0},
      {"EXAMPLE.com.:1", "EXAMPLE.com.", 1},
      {"a_b-c~d", "a_b-c~d", 0},
      {"10.0.0.1:80", "10.0.0.1", 80},
      {"[::]", "[::]", 0},
      {"[::1]:8080", "[::1]", 8080},
      {"[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8]", 0},
      {"[1::8]", "[1::8]", 0},
      {"[::ffff:10.0.0.1]", "[::ffff:10.0.0.1]", 0},
      {"a:00080", "a", 80},
      {"[1:2:3:4:5:6:1.2.3.4]:9", "[1:2:3:4:5:6:1.2.3.4]", 9},
      {"[fe80::]", "[fe80::]", 0},
      {"[1:2:3:4:5:6:7::]", "[1:2:3:4:5:6:7::]", 0},
  };
  for (const Row& row : rows) {
    const std::string text = "GET / HTTP/1.1\r\nHost: " + std::string(row.value) + "\r\n\r\n";
    const RequestHead& head = accepted(text).head;
    CHECK(head.host.in(text.data()) == row.host);
    CHECK(head.tcp_port == row.tcp_port);
    CHECK(head.authority.in(text.data()) == row.value);
  }
}

TEST_CASE("an absolute target replaces Host", "[http1]") {
  const std::string text = "GET http://b:81/ HTTP/1.1\r\nHost: a:80\r\n\r\n";
  const RequestHead& head = accepted(text).head;
  CHECK(head.host.in(text.data()) == "b");
  CHECK(head.tcp_port == 81);
  const std::string without_port = "GET http://b/ HTTP/1.1\r\nHost: a:80\r\n\r\n";
  CHECK(accepted(without_port).head.tcp_port == 0);
}

TEST_CASE("framing follows Content-Length and Transfer-Encoding", "[http1]") {
  struct Row {
    const char* fields;
    BodyKind body;
    std::uint64_t length;
    bool has_length;
  };
  const Row rows[] = {
      {"", BodyKind::none, 0, false},
      {"Content-Length: 0\r\n", BodyKind::none, 0, true},
      {"Content-Length: 5\r\n", BodyKind::length, 5, true},
      {"content-LENGTH:  007 \r\n", BodyKind::length, 7, true},
      {"Content-Length: 9223372036854775807\r\n", BodyKind::length, 9223372036854775807U, true},
      {"Transfer-Encoding: chunked\r\n", BodyKind::chunked, 0, false},
      {"transfer-encoding:CHUNKED\r\n", BodyKind::chunked, 0, false},
  };
  for (const Row& row : rows) {
    const RequestHead& head = accepted(with_fields(row.fields)).head;
    INFO(row.fields);
    CHECK(head.body == row.body);
    CHECK(head.content_length == row.length);
    CHECK(head.has_content_length == row.has_length);
  }
}

TEST_CASE("persistence follows version and Connection", "[http1]") {
  struct Row {
    const char* line;
    const char* fields;
    bool keep_alive;
  };
  const Row rows[] = {
      {"GET / HTTP/1.1", "", true},
      {"GET / HTTP/1.1", "Connection: keep-alive\r\n", true},
      {"GET / HTTP/1.1", "Connection: CLOSE\r\n", false},
      {"GET / HTTP/1.1", "Connection: keep-alive, close\r\n", false},
      {"GET / HTTP/1.1", "Connection: x\r\nConnection: ,, close\t,\r\n", false},
      {"GET / HTTP/1.1", "Connection:\r\n", true},
      {"GET / HTTP/1.1", "Proxy-Connection: close\r\n", true},
      {"GET / HTTP/1.0", "", false},
      {"GET / HTTP/1.0", "Connection: Keep-Alive\r\n", true},
      {"GET / HTTP/1.0", "Connection: keep-alive, close\r\n", false},
  };
  for (const Row& row : rows) {
    INFO(row.line << " " << row.fields);
    CHECK(accepted(with_fields(row.fields, row.line)).head.keep_alive == row.keep_alive);
  }
}

TEST_CASE("fields are hop-by-hop by name or because Connection lists them, before or after it", "[http1]") {
  const std::string text = with_fields(
      "X-Before: 1\r\nTE: trailers\r\nConnection: te, X-BEFORE ,x-after\r\nX-After: 2\r\nKeep-Alive: 5\r\n"
      "Proxy-Authorization: b\r\nX-Kept: 3\r\nx-before: 4\r\n");
  const RequestHead& head = accepted(text).head;
  for (std::size_t i = 0; i < head.field_count; ++i) {
    const std::string_view name = head.fields[i].name.in(text.data());
    INFO(name);
    CHECK(head.fields[i].hop_by_hop == (name != "Host" && name != "X-Kept"));
  }
}

TEST_CASE("Upgrade counts when Connection lists it and the version is 1.1", "[http1]") {
  CHECK(accepted(with_fields("Upgrade: websocket\r\nConnection: upgrade\r\n")).head.upgrade);
  CHECK_FALSE(accepted(with_fields("Upgrade: websocket\r\n")).head.upgrade);
  CHECK_FALSE(accepted(with_fields("Connection: upgrade\r\n")).head.upgrade);
  CHECK_FALSE(
      accepted(with_fields("Upgrade: websocket\r\nConnection: upgrade\r\n", "GET / HTTP/1.0")).head.upgrade);
}

TEST_CASE("Expect: 100-continue is seen in HTTP/1.1 and ignored in 1.0", "[http1]") {
  CHECK(accepted(with_fields("Expect: 100-Continue\r\n")).head.expect_continue);
  CHECK_FALSE(accepted(with_fields("")).head.expect_continue);
  CHECK_FALSE(accepted(with_fields("Expect: 100-continue\r\n", "POST / HTTP/1.0")).head.expect_continue);
  CHECK_FALSE(accepted(with_fields("Expect: later\r\n", "POST / HTTP/1.0")).head.expect_continue);
}

TEST_CASE("HTTP/1.0 may leave out Host", "[http1]") {
  const std::string text = "GET / HTTP/1.0\r\n\r\n";
  const RequestHead& head = accepted(text).head;
  CHECK(head.host.is_empty());
  CHECK(head.version == Version::http10);
}

TEST_CASE("one empty line before the request line is skipped and counted to the head", "[http1]") {
  const std::string text = "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const RequestHead& head = accepted(text).head;
  CHECK(head.bytes == text.size());
  CHECK(head.method_text.in(text.data()) == "GET");
}

TEST_CASE("values may hold any visible byte, HTAB and obs-text", "[http1]") {
  std::string value = "a\tb c";
  for (unsigned c = 0x21; c < 0x100; ++c) {
    if (c != 0x7f) value += static_cast<char>(c);
  }
  const std::string text = with_fields("!#$%&'*+-.^_`|~: " + value + "\r\n");
  const RequestHead& head = accepted(text).head;
  CHECK(head.fields[1].value.in(text.data()) == value);
  CHECK(head.fields[1].name.in(text.data()) == "!#$%&'*+-.^_`|~");
}

TEST_CASE("extension methods pass as their text", "[http1]") {
  const std::string text = with_fields("", "VERSION-CONTROL /x HTTP/1.1");
  const RequestHead& head = accepted(text).head;
  CHECK(head.method == Method::other);
  CHECK(head.method_text.in(text.data()) == "VERSION-CONTROL");
}

TEST_CASE("a request line, a field table and a head at their limits are accepted", "[http1]") {
  const std::string path = "/" + std::string(start_line_bytes_max - 14, 'p');
  CHECK(accepted(with_fields("", "GET " + path + " HTTP/1.1")).head.path.length == path.size());
  std::string fields;
  for (std::size_t i = 1; i < fields_max; ++i) fields += "n: v\r\n";
  CHECK(accepted(with_fields(fields)).head.field_count == fields_max);
  const std::size_t rest = with_fields("x: \r\n").size();
  const std::string text = with_fields("x: " + std::string(head_bytes_max - rest, 'v') + "\r\n");
  CHECK(accepted(text).head.bytes == head_bytes_max);
}

TEST_CASE("a head object used before says nothing of its former message", "[http1]") {
  const std::string first =
      "OPTIONS http://u:7/p?q HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\nExpect: 100-continue\r\n"
      "Connection: close, upgrade\r\nUpgrade: x\r\nCookie: a\r\nCookie: b\r\n\r\n";
  RequestHead used;
  RequestParser first_parser;
  REQUIRE(first_parser.parse(first.data(), first.size(), used) == ParseResult::complete);
  for (const std::string second : {"GET / HTTP/1.0\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n"}) {
    RequestHead fresh;
    RequestParser parser;
    RequestParser again;
    REQUIRE(parser.parse(second.data(), second.size(), fresh) == ParseResult::complete);
    REQUIRE(again.parse(second.data(), second.size(), used) == ParseResult::complete);
    CHECK(describe(second, used) == describe(second, fresh));
  }
}

}  // namespace
}  // namespace byway::l7::http1
