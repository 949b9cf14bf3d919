#include <catch2/catch_test_macros.hpp>

#include "tests/unit/dataplane/net/bench_ipv6.h"

using namespace byway::net;

TEST_CASE("IPv6 addresses are written in the one form of RFC 5952") {
  const auto canonical = [](std::string_view text) { return text_of(ip(text)); };
  CHECK(canonical("2001:0db8:0000:0000:0000:0000:0000:0001") == "2001:db8::1");
  CHECK(canonical("2001:DB8::aAbB") == "2001:db8::aabb");              // 4.3
  CHECK(canonical("2001:db8:0:1:1:1:1:1") == "2001:db8:0:1:1:1:1:1");  // 4.2.2
  CHECK(canonical("2001:0:0:1:0:0:0:1") == "2001:0:0:1::1");           // 4.2.3: the longest run
  CHECK(canonical("2001:db8:0:0:1:0:0:1") == "2001:db8::1:0:0:1");     // the first of two
  CHECK(canonical("0:0:0:0:0:0:0:0") == "::");
  CHECK(canonical("0:0:0:0:0:0:0:1") == "::1");
  CHECK(canonical("1:0:0:0:0:0:0:0") == "1::");
  CHECK(canonical("0:0:3:4:5:6:7:8") == "::3:4:5:6:7:8");
  CHECK(canonical("64:ff9b::192.0.2.33") == "64:ff9b::c000:221");
  const std::string longest = "2001:db8:1111:2222:3333:4444:5555:6666";
  CHECK(canonical(longest) == longest);
}

TEST_CASE("IPv6 addresses are read in all forms of RFC 4291 2.2 and in no other") {
  CHECK(parse_ipv6("::") == IpAddress{});
  CHECK(parse_ipv6("1:2:3:4:5:6:7::").has_value());
  CHECK(parse_ipv6("::2:3:4:5:6:7:8").has_value());
  CHECK(parse_ipv6("::1.2.3.4").has_value());
  CHECK(parse_ipv6("1:2:3:4:5:6:1.2.3.4").has_value());
  for (const std::string_view bad : {"",
                                     ":",
                                     ":::",
                                     "1",
                                     "1:2:3:4:5:6:7",
                                     "1:2:3:4:5:6:7:8:9",
                                     "1::2::3",
                                     "1:2:3:4:5:6:7:8::",
                                     "::1:2:3:4:5:6:7:8",
                                     "12345::",
                                     "g::",
                                     ":1::",
                                     "1:",
                                     "1::2:",
                                     "::1.2.3",
                                     "::1.2.3.256",
                                     "1.2.3.4::",
                                     "1:2:3:4:5:6:7:1.2.3.4",
                                     "::%eth0",
                                     "[::1]",
                                     "::1/64",
                                     " ::1",
                                     "::1 "}) {
    INFO(bad);
    CHECK_FALSE(parse_ipv6(bad).has_value());
  }
}

TEST_CASE("a mapped IPv4 address is no IPv6 address") {
  CHECK_FALSE(parse_ipv6("::ffff:10.0.0.1").has_value());
  CHECK_FALSE(parse_ipv6("::ffff:a00:1").has_value());
  CHECK_FALSE(parse_prefix("::ffff:0:0/96").has_value());
  CHECK(text_of(ip("10.0.0.1")) == "10.0.0.1");
}

TEST_CASE("prefixes of both versions are read with the lengths that theirs may have") {
  CHECK(prefix("2001:db8::1/64") == Prefix{ip("2001:db8::1"), 64});
  CHECK(prefix("::/0").bits == 0);
  CHECK(prefix("2001:db8::1/128").bits == 128);
  CHECK(prefix("10.0.0.1/24").bits == 120);
  for (const std::string_view bad : {"2001:db8::1/129", "2001:db8::1/064", "2001:db8::1/", "10.0.0.1/33",
                                     "10.0.0.1/024", "10.0.0.1/100", "2001:db8::1"}) {
    INFO(bad);
    CHECK_FALSE(parse_prefix(bad).has_value());
  }
}
