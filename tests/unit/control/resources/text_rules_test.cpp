#include "control/resources/text_rules.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace byway::control::resources {
namespace {

using std::chrono::milliseconds;

TEST_CASE("durations have the form of GEP-2257") {
  CHECK(parse_duration("10s") == milliseconds(10'000));
  CHECK(parse_duration("0s") == milliseconds(0));
  CHECK(parse_duration("1h30m10s20ms") == milliseconds(5'410'020));
  CHECK(parse_duration("99999h") == milliseconds(359'996'400'000));
  for (const char* bad :
       {"", "s", "10", "1.5s", "-1s", "+1s", "100000s", "1s1s1s1s1s", "1S", "1 s", "1d", "1us"}) {
    INFO(bad);
    CHECK_FALSE(parse_duration(bad));
  }
}

TEST_CASE("IPv4 addresses are four decimal numbers and nothing else") {
  CHECK(parse_ipv4("10.0.0.1") == 0x0A000001);
  CHECK(parse_ipv4("255.255.255.255") == 0xFFFFFFFF);
  for (const char* bad : {"", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.4 ", "1..2.3",
                          "0x1.2.3.4", "1.2.3.-4", "1.2.3.+4", "::1"}) {
    INFO(bad);
    CHECK_FALSE(parse_ipv4(bad));
  }
}

TEST_CASE("host names are lower case, may begin with *., and are no addresses") {
  for (const char* good : {"a", "a.com", "*.a.com", "x-1.example", "1.2.3.com"})
    CHECK(is_hostname(good, true));
  for (const char* bad : {"", "*", "*.", "*a.com", "a.*.com", "A.com", "a..com", ".a", "a.", "-a.com",
                          "a-.com", "1.2.3.4", "a.com:80", "a_b.com"}) {
    INFO(bad);
    CHECK_FALSE(is_hostname(bad, true));
  }
  CHECK_FALSE(is_hostname("*.a.com", false));
  CHECK(is_hostname(std::string(63, 'a') + ".com", false));
  CHECK_FALSE(is_hostname(std::string(64, 'a') + ".com", false));
}

TEST_CASE("paths of matches hold nothing that could be read in two ways") {
  for (const char* good : {"/", "/a", "/a/b/", "/a.b/~c", "/%41", "/a..b", "/.a", "/...", "/a:b@c"}) {
    INFO(good);
    CHECK(path_objection(good).empty());
  }
  for (const char* bad : {"", "a", "//", "/a//b", "/./", "/a/./b", "/../", "/a/..", "/a/.", "/%2f", "/a%2Fb",
                          "/a#b", "/a?b", "/a b", "/%4", "/%zz", "/\"", "/\x7f", "/\xc3\xa9"}) {
    INFO(bad);
    CHECK_FALSE(path_objection(bad).empty());
  }
}

TEST_CASE("header names are tokens, their values hold no control characters") {
  CHECK(is_token("X-Request-Id"));
  for (const char* bad : {"", "a b", "a:b", "a\tb", "a\"", "\xc3\xa9", "a,b"}) CHECK_FALSE(is_token(bad));
  CHECK(is_field_value("a b\tc \xc3\xa9"));
  CHECK(is_field_value(""));
  for (const char* bad : {" a", "a ", "a\nb", "a\rb", "\x7f", "a\x01"}) CHECK_FALSE(is_field_value(bad));
  CHECK_FALSE(is_field_value(std::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace byway::control::resources
