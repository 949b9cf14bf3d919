#include <catch2/catch_test_macros.hpp>
#include <initializer_list>

#include "dataplane/tcp/sack_input.h"

using namespace byway;
using namespace byway::tcp;

namespace {

/// 10,000 octets are in flight from `base` on (it wraps in between); a DSACK may speak of the 5,000 before.
constexpr Seq base{0xffff'f000};

SackInput read(std::initializer_list<std::pair<int, int>> blocks) {
  Options options;
  for (const auto& [first, end] : blocks) {
    options.sack[options.sack_count++] = {base + static_cast<std::uint32_t>(first),
                                          base + static_cast<std::uint32_t>(end)};
  }
  return read_sack(options, base, base, base + 10'000, base - 5'000);
}

void check_block(const SackInput& input, std::uint8_t index, std::uint32_t first, std::uint32_t end) {
  CAPTURE(index);
  REQUIRE(index < input.count);
  CHECK(input.blocks[index] == SackBlock{base + first, base + end});
}

}  // namespace

TEST_CASE("blocks come in the order of their octets, whatever the order in the option") {
  const SackInput input = read({{7000, 8000}, {1000, 2000}, {9000, 10'000}, {3000, 4000}});
  REQUIRE(input.count == 4);
  check_block(input, 0, 1000, 2000);
  check_block(input, 1, 3000, 4000);
  check_block(input, 2, 7000, 8000);
  check_block(input, 3, 9000, 10'000);
  CHECK(input.ignored == 0);
  CHECK_FALSE(input.has_dsack);
}

TEST_CASE("blocks about octets that were not sent, empty ones and those turned round are lies") {
  const SackInput input = read({{9000, 10'001}, {2000, 2000}, {4000, 3000}, {5000, 6000}});
  CHECK(input.ignored == 3);
  REQUIRE(input.count == 1);
  check_block(input, 0, 5000, 6000);
  CHECK_FALSE(input.has_dsack);
}

TEST_CASE("a first block below what is acknowledged is a DSACK") {
  const SackInput input = read({{-2000, -1000}, {3000, 4000}});
  CHECK(input.has_dsack);
  CHECK(input.dsack == SackBlock{base - 2000, base - 1000});
  REQUIRE(input.count == 1);
  check_block(input, 0, 3000, 4000);
  CHECK(read({{-1000, 0}}).has_dsack);
}

TEST_CASE("a first block inside the second is a DSACK, and is not counted as arrived again") {
  const SackInput input = read({{3000, 4000}, {2000, 6000}});
  CHECK(input.has_dsack);
  CHECK(input.dsack == SackBlock{base + 3000, base + 4000});
  REQUIRE(input.count == 1);
  check_block(input, 0, 2000, 6000);
  CHECK(read({{2000, 4000}, {2000, 6000}}).has_dsack);
  CHECK(read({{4000, 6000}, {2000, 6000}}).has_dsack);
}

TEST_CASE("a first block that only touches the second or holds it is no DSACK") {
  CHECK_FALSE(read({{1000, 3000}, {2000, 6000}}).has_dsack);
  CHECK_FALSE(read({{1000, 7000}, {2000, 6000}}).has_dsack);
  CHECK_FALSE(read({{1000, 2000}, {2000, 6000}}).has_dsack);
}

TEST_CASE("only the first block can be a DSACK") {
  const SackInput below = read({{3000, 4000}, {-2000, -1000}});
  CHECK_FALSE(below.has_dsack);
  CHECK(below.ignored == 1);
  CHECK(below.count == 1);
  CHECK_FALSE(read({{2000, 6000}, {3000, 4000}}).has_dsack);
}

TEST_CASE("a block across what is acknowledged is a lie") {
  const SackInput input = read({{-1000, 1000}});
  CHECK(input.ignored == 1);
  CHECK(input.count == 0);
  CHECK_FALSE(input.has_dsack);
}

TEST_CASE("a DSACK about what is long gone is a lie") {
  const SackInput input = read({{-5001, -4000}});
  CHECK(input.ignored == 1);
  CHECK_FALSE(input.has_dsack);
  CHECK(read({{-5000, -4000}}).has_dsack);
}
