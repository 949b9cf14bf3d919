#include "control/resources/addresses.h"

#include <catch2/catch_test_macros.hpp>

namespace byway::control::resources {
namespace {

TEST_CASE("addresses of both versions are read, each in its own form only") {
  CHECK(parse_address("10.0.0.1") == AddressBytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1});
  CHECK(parse_address("2001:DB8::1") ==
        AddressBytes{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  CHECK(parse_address("2001:db8::1") == parse_address("2001:0db8:0:0:0:0:0:1"));
  CHECK(is_ipv4(*parse_address("10.0.0.1")));
  CHECK_FALSE(is_ipv4(*parse_address("::10.0.0.1")));
  for (const char* bad : {"", "10.0.0", "::ffff:10.0.0.1", "fe80::1%eth0", "[::1]", "1::2::3", ":", "host"}) {
    INFO(bad);
    CHECK_FALSE(parse_address(bad));
  }
}

TEST_CASE("an address of a host is not of the speaker itself, of one link, of many or of nobody") {
  for (const char* good : {"10.0.0.1", "2001:db8::1", "fd00::1", "64:ff9b::1"}) {
    INFO(good);
    CHECK(is_of_a_host(*parse_address(good)));
  }
  for (const char* bad :
       {"0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.1", "::", "::1", "fe80::1", "febf::1", "ff02::1"}) {
    INFO(bad);
    CHECK_FALSE(is_of_a_host(*parse_address(bad)));
  }
}

TEST_CASE("address blocks have no bits beyond their prefix") {
  CHECK(parse_block("10.0.0.0/8") == AddressBlock{*parse_address("10.0.0.0"), 104});
  CHECK(parse_block("10.1.2.3") == AddressBlock{*parse_address("10.1.2.3"), 128});
  CHECK(parse_block("0.0.0.0/0") == AddressBlock{*parse_address("0.0.0.0"), 96});
  CHECK(parse_block("2001:db8::/32") == AddressBlock{*parse_address("2001:db8::"), 32});
  CHECK(parse_block("2001:db8::1") == AddressBlock{*parse_address("2001:db8::1"), 128});
  CHECK(parse_block("::/0") == AddressBlock{});
  for (const char* bad : {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/+8",
                          "10.0.0.0/8/8", "/8", "2001:db8::1/32", "2001:db8::/129", "2001:db8::/032"}) {
    INFO(bad);
    CHECK_FALSE(parse_block(bad));
  }
}

}  // namespace
}  // namespace byway::control::resources
