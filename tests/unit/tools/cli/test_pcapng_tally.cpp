#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <string>

#include "tools/cli/pcapng_tally.h"

using byway::cli::PcapngTally;

namespace {

template <typename Number>
std::string raw(Number value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string block(std::uint32_t type, const std::string& body) {
  const auto length = static_cast<std::uint32_t>(body.size() + 12);
  return raw(type) + raw(length) + body + raw(length);
}

std::string counter(std::uint16_t code, std::uint64_t value) {
  return raw(code) + raw(std::uint16_t{8}) + raw(value);
}

std::string statistics(std::uint64_t seen, std::uint64_t dropped, std::uint64_t matched) {
  return block(5, std::string(12, '\0') + counter(4, seen) + counter(5, dropped) + counter(6, matched) +
                      std::string(4, '\0'));
}

/// Head, interface, three packets (one of which holds what looks like a block), statistics of two interfaces.
std::string example() {
  return block(0x0A0D0D0A, std::string(24, 'h')) + block(1, std::string(8, 'i')) +
         block(6, std::string(40, 'p')) + block(6, std::string(60, 'p')) + block(6, block(6, "none")) +
         statistics(10, 1, 5) + statistics(20, 2, 7);
}

}  // namespace

TEST_CASE("packets are counted and statistics added up, in whatever pieces the file comes") {
  const std::string file = example();
  for (std::size_t piece = 1; piece <= file.size(); piece += piece < 20 ? 1 : 37) {
    CAPTURE(piece);
    PcapngTally tally;
    for (std::size_t at = 0; at < file.size(); at += piece)
      tally.add(std::string_view(file).substr(at, piece));
    CHECK(tally.packets() == 3);
    CHECK(tally.is_complete());
    CHECK((tally.seen() == 30 && tally.dropped() == 3 && tally.matched() == 12));
  }
}

TEST_CASE("a file without statistics is not complete") {
  PcapngTally tally;
  tally.add(block(6, "data"));
  CHECK(tally.packets() == 1);
  CHECK_FALSE(tally.is_complete());
}

TEST_CASE("what is no pcapng is counted as nothing and harms nobody") {
  PcapngTally tally;
  tally.add(std::string(100, '\0') + block(6, "data"));
  tally.add(block(6, "data"));
  CHECK(tally.packets() == 0);
  // Statistics whose options lead beyond the block.
  PcapngTally other;
  other.add(block(5, std::string(12, '\0') + raw(std::uint16_t{4}) + raw(std::uint16_t{9999})));
  other.add(block(5, "x   "));
  CHECK(other.seen() == 0);
}
