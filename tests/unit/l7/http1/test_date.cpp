#include <catch2/catch_test_macros.hpp>
#include <ctime>
#include <random>
#include <string>

#include "l7/http1/date.h"

using byway::l7::http1::DateText;

TEST_CASE("the Date of RFC 9110's example") {
  DateText text;
  CHECK(text.at(784'111'777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(text.at(951'782'399) == "Mon, 28 Feb 2000 23:59:59 GMT");
  CHECK(text.at(951'782'400) == "Tue, 29 Feb 2000 00:00:00 GMT");
}

TEST_CASE("without a time of day there is no Date") {
  DateText text;
  CHECK(text.at(0).empty());
  CHECK_FALSE(text.at(1).empty());
  CHECK(text.at(0).empty());
}

TEST_CASE("a Date is what strftime makes of any second of this century") {
  std::mt19937_64 random(1);
  DateText text;
  for (int i = 0; i < 5000; ++i) {
    const auto seconds = static_cast<std::time_t>(random() % 4'100'000'000 + 1);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char expected[64];
    const std::size_t size = std::strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    REQUIRE(text.at(seconds) == std::string_view(expected, size));
  }
}
