// Everything that is refused, by reason; feed.h checks that the verdict is the same for every cut.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "tests/unit/l7/http1/feed.h"

namespace byway::l7::http1 {
namespace {

void check_refused(std::string_view text, Refusal refusal, unsigned status) {
  INFO(text);
  const RequestOutcome outcome = parse_request(text);
  CHECK(outcome.result == ParseResult::error);
  CHECK(name_of(outcome.refusal) == name_of(refusal));
  CHECK(status_of(outcome.refusal) == status);
}

void check_line_refused(std::string_view line, Refusal refusal, unsigned status = 400) {
  check_refused(std::string(line) + "\r\nHost: a\r\n\r\n", refusal, status);
}

void check_fields_refused(std::string_view fields, Refusal refusal, unsigned status = 400) {
  check_refused("POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n", refusal, status);
}

TEST_CASE("a method that is no upper-case token is refused", "[http1]") {
  for (const char* line :
       {"get / HTTP/1.1", "GeT / HTTP/1.1", "x / HTTP/1.1", " GET / HTTP/1.1", "GE(T / HTTP/1.1",
        "GET\t/ HTTP/1.1", "G:ET / HTTP/1.1", "\x80GET / HTTP/1.1", "\"GET\" / HTTP/1.1"}) {
    check_line_refused(line, Refusal::bad_method);
  }
  check_line_refused("VERYLONGMETHODTHATNOONEHAS / HTTP/1.1", Refusal::method_too_long, 501);
}

TEST_CASE("CONNECT is refused as not implemented", "[http1]") {
  check_line_refused("CONNECT a:443 HTTP/1.1", Refusal::connect_not_implemented, 501);
  check_line_refused("CONNECT / HTTP/1.1", Refusal::connect_not_implemented, 501);
}

TEST_CASE("a request line of another shape is refused", "[http1]") {
  check_line_refused("GET", Refusal::bad_request_line);
  check_line_refused("GET ", Refusal::bad_request_line);
  check_line_refused("GET  HTTP/1.1", Refusal::bad_request_line);
  check_line_refused("GET /", Refusal::http09);
  check_line_refused("GET /\tHTTP/1.1", Refusal::http09);
  check_line_refused("GET / HTTP/1.1 ", Refusal::bad_version);
  check_line_refused("GET  / HTTP/1.1", Refusal::bad_target);
  check_line_refused("GET /  HTTP/1.1", Refusal::bad_target);
  check_line_refused("GET /a b HTTP/1.1", Refusal::bad_target);
}

TEST_CASE("a malformed version is refused with 400, another one with 505", "[http1]") {
  for (const char* version :
       {"HTTP/1", "HTTP/1.", "HTTP/1.10", "HTTP/01.1", "http/1.1", "HTTP /1.1", "HTTP/1.1x", "HTTP/1,1",
        "HTTPS/1.1", "HTTP/x.1", "HTTP/1.1\t", "ICE/1.0", "HTTP/-1.1"}) {
    INFO(version);
    const RequestOutcome outcome = parse_request("GET / " + std::string(version) + "\r\nHost: a\r\n\r\n");
    CHECK(outcome.result == ParseResult::error);
    CHECK(status_of(outcome.refusal) == 400);
  }
  for (const char* version : {"HTTP/0.9", "HTTP/2.0", "HTTP/3.0", "HTTP/1.2", "HTTP/9.9"}) {
    check_line_refused("GET / " + std::string(version), Refusal::unsupported_version, 505);
  }
  check_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refusal::unsupported_version, 505);
}

TEST_CASE("a target of no known form or with a forbidden byte is refused", "[http1]") {
  for (const char* target :
       {"x",       "x/y",  "*",     "?a",    "a:80", "//",   "ftp://a/", "http:/a", "http:a", "http",
        "HTTP://", "/a#b", "/a\\b", "/a\"b", "/a<b", "/a>b", "/a\x80",   "/a\xff",  "/?#",    "mailto:a@b"}) {
    if (std::string_view(target) == "//") continue;
    check_line_refused("GET " + std::string(target) + " HTTP/1.1", Refusal::bad_target);
  }
  check_line_refused("OPTIONS ** HTTP/1.1", Refusal::bad_target);
  check_line_refused("OPTIONS *?a HTTP/1.1", Refusal::bad_target);
  for (std::size_t length = 55; length < 75; ++length) {
    check_line_refused("GET /" + std::string(length, 'a') + "# HTTP/1.1", Refusal::bad_target);
  }
}

TEST_CASE("malformed percent-encoding, and %00 in a path, are refused", "[http1]") {
  for (const char* target : {"/%", "/%4", "/%4g", "/%g4", "/%%41", "/?%", "/?%1", "/a%zz?b", "/%00",
                             "/a%00b?c", "http://a/%0", "http://a/%00"}) {
    check_line_refused("GET " + std::string(target) + " HTTP/1.1", Refusal::bad_percent);
  }
  for (std::size_t length = 55; length < 75; ++length) {
    check_line_refused("GET /" + std::string(length, 'a') + "%1 HTTP/1.1", Refusal::bad_percent);
  }
}

TEST_CASE("a malformed authority is refused in the target and in Host", "[http1]") {
  for (const char* authority : {"user@a",
                                "user:pw@a",
                                "@a",
                                "a@",
                                "a:",
                                "a:0",
                                "a:65536",
                                "a:000080",
                                "a:8x",
                                "a:-1",
                                "a:+1",
                                "a:80:81",
                                ":80",
                                "a,b",
                                "a;b",
                                "a%41",
                                "[::1",
                                "::1",
                                "[]",
                                "[::1]x",
                                "[::1]80",
                                "[1]",
                                "[1:2:3:4:5:6:7]",
                                "[::1::]",
                                "[12345::]",
                                "[1:2:3:4:5:6:7:8:9]",
                                "[1:2:3:4:5:6:7:8::]",
                                "[:1]",
                                "[1:]",
                                "[1:2:3:4:5:6:7:]",
                                "[::1%25eth0]",
                                "[v1.a]",
                                "[::g]",
                                "[::1.2.3]",
                                "[::1.2.3.256]",
                                "[::1.2.3.4.5]",
                                "[::01.2.3.4]",
                                "[1:2:3:4:5:6:7:1.2.3.4]",
                                "[:::]",
                                "[1.2.3.4]",
                                "[1:2:3:4:5:6::1.2.3.4]",
                                "[1:2:3:4:5:6:7:8:]",
                                "[::1:]",
                                "[1::2::3]",
                                "a!b",
                                "a'b",
                                "[[::1]]"}) {
    INFO(authority);
    const std::string text(authority);
    check_refused("GET http://" + text + "/ HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::bad_authority, 400);
    check_refused("GET / HTTP/1.1\r\nHost: " + text + "\r\n\r\n", Refusal::bad_host, 400);
    check_refused("GET http://a/ HTTP/1.1\r\nHost: " + text + "\r\n\r\n", Refusal::bad_host, 400);
    check_refused("GET / HTTP/1.0\r\nHost: " + text + "\r\n\r\n", Refusal::bad_host, 400);
  }
  for (const char* host : {"", "a b", "a/b", "a?", "a#", "http://a", "a\tb", "\"a\"", "a\\b", "\xc3\xa4"}) {
    check_refused("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n", Refusal::bad_host, 400);
  }
  const std::string longest(host_bytes_max, 'h');
  CHECK(parse_request("GET / HTTP/1.1\r\nHost: " + longest + "\r\n\r\n").result == ParseResult::complete);
  check_refused("GET / HTTP/1.1\r\nHost: " + longest + "h\r\n\r\n", Refusal::bad_host, 400);
  check_line_refused("GET http:/// HTTP/1.1", Refusal::bad_authority);
  check_line_refused("GET http://?a HTTP/1.1", Refusal::bad_authority);
}

TEST_CASE("HTTP/1.1 needs exactly one Host, HTTP/1.0 at most one", "[http1]") {
  check_refused("GET / HTTP/1.1\r\n\r\n", Refusal::missing_host, 400);
  check_refused("GET http://a/ HTTP/1.1\r\n\r\n", Refusal::missing_host, 400);
  check_fields_refused("host: a\r\n", Refusal::duplicate_host);
  check_fields_refused("X: y\r\nHOST: b\r\n", Refusal::duplicate_host);
  check_refused("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", Refusal::duplicate_host, 400);
}

TEST_CASE("line ends other than CRLF and control bytes are refused", "[http1]") {
  check_refused("GET / HTTP/1.1\nHost: a\r\n\r\n", Refusal::bare_lf, 400);
  check_refused("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::bare_lf, 400);
  check_refused("GET / HTTP/1.1\r\nHost: a\n\r\n", Refusal::bare_lf, 400);
  check_refused("GET / HTTP/1.1\r\nHost: a\r\n\n", Refusal::bare_lf, 400);
  check_refused("GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", Refusal::bare_cr, 400);
  check_refused("GET / HTTP/1.1\rHost: a\r\n\r\n", Refusal::bare_cr, 400);
  check_refused("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", Refusal::bare_cr, 400);
  check_refused("GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::bare_cr, 400);
  check_fields_refused("X: a\r\r\n", Refusal::bare_cr);
  for (unsigned c = 0; c < 0x80; ++c) {
    if (c == '\t' || c == '\r' || c == '\n' || (c >= 0x20 && c != 0x7f)) continue;
    const std::string byte(1, static_cast<char>(c));
    INFO("byte " << c);
    check_refused("GET /" + byte + " HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::control_byte, 400);
    check_fields_refused("X" + byte + ": a\r\n", Refusal::control_byte);
    check_fields_refused("X: a" + byte + "b\r\n", Refusal::control_byte);
    check_fields_refused("Content-Length: " + byte + "5\r\n", Refusal::control_byte);
    check_fields_refused("Transfer-Encoding:" + byte + "chunked\r\n", Refusal::control_byte);
  }
}

TEST_CASE("a second empty line before the request line is refused", "[http1]") {
  check_refused("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::too_many_empty_lines, 400);
}

TEST_CASE("white space where a field begins or ends its name is refused", "[http1]") {
  check_refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n", Refusal::leading_whitespace, 400);
  check_refused("GET / HTTP/1.1\r\n\tX: a\r\nHost: a\r\n\r\n", Refusal::leading_whitespace, 400);
  check_refused("GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n", Refusal::leading_whitespace, 400);
  check_fields_refused("X: a\r\n b\r\n", Refusal::obs_fold);
  check_fields_refused("X: a\r\n\tb: c\r\n", Refusal::obs_fold);
  check_fields_refused("X: a\r\n \r\n", Refusal::obs_fold);
  check_fields_refused("Transfer-Encoding:\r\n chunked\r\n", Refusal::obs_fold);
  check_fields_refused("X : a\r\n", Refusal::space_before_colon);
  check_fields_refused("Transfer-Encoding\t: chunked\r\n", Refusal::space_before_colon);
  check_fields_refused("Content-Length \t : 5\r\n", Refusal::space_before_colon);
}

TEST_CASE("field names other than tokens, and lines without colon, are refused", "[http1]") {
  for (const char* line : {": a", "X Y: a", "X(: a", "X/Y: a", "X@: a", "X[: a", "\x80: a", "X\xff: a",
                           "\"X\": a", "X,Y: a", "X;: a", "X=: a", "{X}: a", "X\\: a", "X?: a", "<X>: a"}) {
    check_fields_refused(std::string(line) + "\r\n", Refusal::bad_field_name);
  }
  check_fields_refused("X\r\n", Refusal::missing_colon);
  check_fields_refused("X y\r\n", Refusal::missing_colon);
  check_fields_refused("GET / HTTP/1.1\r\n", Refusal::missing_colon);
  check_fields_refused("X@\r\n", Refusal::missing_colon);
}

TEST_CASE("a name that reads like a known one with underscores is refused", "[http1]") {
  check_fields_refused("Content_Length: 5\r\n", Refusal::underscore_alias);
  check_fields_refused("TRANSFER_ENCODING: chunked\r\n", Refusal::underscore_alias);
  check_fields_refused("X-Forwarded_For: 1.2.3.4\r\n", Refusal::underscore_alias);
  CHECK(parse_request("GET / HTTP/1.1\r\nHost: a\r\nmy_field: b\r\n\r\n").result == ParseResult::complete);
}

TEST_CASE("a Content-Length that is not one plain number is refused", "[http1]") {
  for (const char* value :
       {"", "+5", "-5", "5 5", "5,5", "5, 6", "0x5", "5.0", "1e3", "5;", "\"5\"", "five", "5_0",
        "9223372036854775808", "18446744073709551616", "99999999999999999999999", "\xb2"}) {
    check_fields_refused("Content-Length: " + std::string(value) + "\r\n", Refusal::bad_content_length);
  }
  check_fields_refused("Content-Length: 5\r\nContent-Length: 5\r\n", Refusal::duplicate_content_length);
  check_fields_refused("Content-Length: 5\r\nX: y\r\ncontent-length: 6\r\n",
                       Refusal::duplicate_content_length);
  check_fields_refused("Content-Length: 0\r\nContent-Length: 0\r\n", Refusal::duplicate_content_length);
}

TEST_CASE("a Transfer-Encoding other than chunked once is refused", "[http1]") {
  for (const char* value :
       {"", ",", "chunked,", ", chunked", "chunked, chunked", "chunked, gzip", "chunked;q=1", "\"chunked\"",
        "chunked gzip", "gzip;q=1, chunked", "chunked,,chunked", "chunk ed",
        "\xff"
        "chunked",
        "chunked, identity"}) {
    check_fields_refused("Transfer-Encoding: " + std::string(value) + "\r\n", Refusal::bad_transfer_encoding);
  }
  for (const char* value :
       {"gzip", "gzip, chunked", "identity", "xchunked", "chunkedx", "gzip, deflate", "identity,chunked"}) {
    check_fields_refused("Transfer-Encoding: " + std::string(value) + "\r\n",
                         Refusal::unknown_transfer_coding, 501);
  }
  check_fields_refused("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                       Refusal::bad_transfer_encoding);
  check_fields_refused("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n",
                       Refusal::bad_transfer_encoding);
  check_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Refusal::transfer_encoding_in_http10,
                400);
}

TEST_CASE("HTAB beside the value of a framing field is refused, elsewhere it is white space", "[http1]") {
  for (const char* space : {"\t", " \t", "\t "}) {
    const std::string tab(space);
    check_fields_refused("Content-Length:" + tab + "5\r\n", Refusal::bad_content_length);
    check_fields_refused("Content-Length: 5" + tab + "\r\n", Refusal::bad_content_length);
    check_fields_refused("Transfer-Encoding:" + tab + "chunked\r\n", Refusal::bad_transfer_encoding);
    check_fields_refused("Transfer-Encoding: chunked" + tab + "\r\n", Refusal::bad_transfer_encoding);
  }
  CHECK(parse_request("GET / HTTP/1.1\r\nHost:\ta\t\r\n\r\n").result == ParseResult::complete);
}

TEST_CASE("Content-Length beside Transfer-Encoding is refused in either order", "[http1]") {
  check_fields_refused("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                       Refusal::length_and_transfer_encoding);
  check_fields_refused("Transfer-Encoding: chunked\r\nX: y\r\nContent-Length: 5\r\n",
                       Refusal::length_and_transfer_encoding);
  check_fields_refused("transfer-encoding: x\r\ncontent-length: y\r\n",
                       Refusal::length_and_transfer_encoding);
}

TEST_CASE("a Connection field that is no list of tokens or lists framing fields is refused", "[http1]") {
  for (const char* value : {"close keep-alive", "\"close\"", "close;x", "a=b", "host", "Content-Length",
                            "close, transfer-encoding", "@"}) {
    check_fields_refused("Connection: " + std::string(value) + "\r\n", Refusal::bad_connection);
  }
  const std::string most = "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p";
  CHECK(parse_request("GET / HTTP/1.1\r\nHost: a\r\nConnection: " + most + "\r\n\r\n").result ==
        ParseResult::complete);
  check_fields_refused("Connection: " + most + ",q\r\n", Refusal::too_many_connection_options, 431);
  check_fields_refused("Connection: " + most + "\r\nConnection:\r\n", Refusal::too_many_connection_options,
                       431);
}

TEST_CASE("an unknown expectation is refused with 417", "[http1]") {
  check_fields_refused("Expect: 200-ok\r\n", Refusal::unknown_expectation, 417);
  check_fields_refused("Expect: 100-continue, x\r\n", Refusal::unknown_expectation, 417);
  check_fields_refused("Expect:\r\n", Refusal::unknown_expectation, 417);
}

TEST_CASE("a request line is refused one byte past its limit, before its end has come", "[http1]") {
  const std::string path = "/" + std::string(start_line_bytes_max - 13, 'p');
  check_line_refused("GET " + path + " HTTP/1.1", Refusal::start_line_too_long, 414);
  check_refused(std::string(start_line_bytes_max + 2, 'G'), Refusal::start_line_too_long, 414);
  check_refused("GET /" + std::string(start_line_bytes_max, 'p') + '\0', Refusal::start_line_too_long, 414);
  check_refused("\r\nGET /" + std::string(100'000, 'p'), Refusal::start_line_too_long, 414);
  CHECK(parse_request(std::string(start_line_bytes_max + 1, 'G')).result == ParseResult::incomplete);
}

TEST_CASE("one field or one byte too many is refused, before the head's end has come", "[http1]") {
  std::string fields;
  for (std::size_t i = 0; i < fields_max; ++i) fields += "n: v\r\n";
  check_refused("GET / HTTP/1.1\r\nHost: a\r\n" + fields, Refusal::too_many_fields, 431);
  const std::size_t rest = std::string_view("GET / HTTP/1.1\r\nHost: a\r\nx: \r\n\r\n").size();
  const std::string value(head_bytes_max - rest + 1, 'v');
  check_fields_refused("x: " + value + "\r\n", Refusal::head_too_large, 431);
  check_refused("GET / HTTP/1.1\r\nHost: a\r\nx: " + value + value, Refusal::head_too_large, 431);
}

TEST_CASE("every beginning of a head is incomplete, not refused", "[http1]") {
  const std::string text =
      "\r\nPOST /a?b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX:  y \r\n\r\n";
  for (std::size_t size = 0; size < text.size(); ++size) {
    const Arrived arrived(std::string_view(text).substr(0, size));
    RequestParser parser;
    RequestHead head;
    CHECK(parser.parse(arrived.data(), arrived.size(), head) == ParseResult::incomplete);
  }
}

}  // namespace
}  // namespace byway::l7::http1
