#include <catch2/catch_test_macros.hpp>
#include <string>

#include "l7/message.h"

namespace byway::l7 {
namespace {

TEST_CASE("every listed field name is recognised whatever its case", "[http1]") {
  for (std::size_t i = 1; i < field_names_count; ++i) {
    const auto name = static_cast<FieldName>(i);
    const std::string lower(text_of(name));
    std::string upper = lower;
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    INFO(lower);
    CHECK(recognise_field_name(lower) == name);
    CHECK(recognise_field_name(upper) == name);
  }
}

TEST_CASE("a name that differs in any one character is not recognised as the listed one", "[http1]") {
  for (std::size_t i = 1; i < field_names_count; ++i) {
    const auto name = static_cast<FieldName>(i);
    const std::string text(text_of(name));
    CHECK(recognise_field_name(text + "s") != name);
    CHECK(recognise_field_name(text.substr(1)) != name);
    for (std::size_t at = 0; at < text.size(); ++at) {
      for (const char c : {'!', '_', '~', 'q', '9', '|'}) {
        std::string changed = text;
        if (changed[at] == c) continue;
        changed[at] = c;
        INFO(changed);
        CHECK(recognise_field_name(changed) != name);
      }
    }
  }
  CHECK(recognise_field_name("") == FieldName::other);
  CHECK(recognise_field_name("x") == FieldName::other);
}

TEST_CASE("the fields of RFC 9110 7.6.1 are hop-by-hop by name, others are not", "[http1]") {
  for (const char* name : {"connection", "keep-alive", "proxy-connection", "te", "transfer-encoding",
                           "upgrade", "trailer", "proxy-authorization"}) {
    INFO(name);
    CHECK(is_always_hop_by_hop(recognise_field_name(name)));
  }
  for (const char* name : {"host", "content-length", "via", "x-forwarded-for", "cookie", "authorization"}) {
    INFO(name);
    CHECK_FALSE(is_always_hop_by_hop(recognise_field_name(name)));
  }
  CHECK_FALSE(is_always_hop_by_hop(FieldName::other));
}

TEST_CASE("methods are recognised case-sensitively and know whether they are idempotent", "[http1]") {
  struct Row {
    const char* text;
    Method method;
    bool idempotent;
  };
  const Row rows[] = {
      {"GET", Method::get, true},         {"HEAD", Method::head, true},
      {"POST", Method::post, false},      {"PUT", Method::put, true},
      {"DELETE", Method::delete_, true},  {"CONNECT", Method::connect, false},
      {"OPTIONS", Method::options, true}, {"TRACE", Method::trace, true},
      {"PATCH", Method::patch, false},    {"get", Method::other, false},
      {"PROPFIND", Method::other, false}, {"", Method::other, false},
      {"GETS", Method::other, false},     {"POSS", Method::other, false},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    CHECK(recognise_method(row.text) == row.method);
    CHECK(is_idempotent(row.method) == row.idempotent);
  }
}

TEST_CASE("text compares without regard to ASCII case only", "[http1]") {
  CHECK(equals_ignoring_case("Content-Length", "content-lENGTH"));
  CHECK_FALSE(equals_ignoring_case("a", "ab"));
  CHECK_FALSE(equals_ignoring_case("[", "{"));  // differ by bit 5 but are no letters
  CHECK_FALSE(equals_ignoring_case("\xc0", "\xe0"));
}

}  // namespace
}  // namespace byway::l7
