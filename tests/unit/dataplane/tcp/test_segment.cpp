#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <random>
#include <vector>

#include "dataplane/tcp/segment.h"

using namespace byway;
using namespace byway::tcp;

namespace {

std::vector<std::uint8_t> header_with_options(std::vector<std::uint8_t> options) {
  while (options.size() % 4 != 0) options.push_back(0);
  std::vector<std::uint8_t> bytes(20 + options.size());
  bytes[12] = static_cast<std::uint8_t>(bytes.size() / 4 << 4);
  std::copy(options.begin(), options.end(), bytes.begin() + 20);
  return bytes;
}

}  // namespace

TEST_CASE("sequence numbers compare across the wrap") {
  const Seq before{0xffff'fff0};
  const Seq after = before + 0x20;
  CHECK(before < after);
  CHECK(after > before);
  CHECK(after - before == 0x20);
  CHECK(later(before, after) == after);
  CHECK(earlier(before, after) == before);
  CHECK(before <= before);
}

TEST_CASE("a SYN's header is read as it was written") {
  HeaderFields fields;
  fields.source_port = 40'000;
  fields.target_port = 80;
  fields.seq = Seq{0x01020304};
  fields.ack = Seq{0xfffefdfc};
  fields.window = 0xabcd;
  fields.flags = flag::syn | flag::ack;
  fields.options.mss = 1460;
  fields.options.has_window_scale = true;
  fields.options.window_scale = 7;
  fields.options.sack_permitted = true;
  fields.options.has_timestamps = true;
  fields.options.timestamps = {0x11223344, 0x55667788};
  std::array<std::uint8_t, header_bytes_max> header{};
  const auto size = write_header(fields, header);
  CHECK(size == 44);
  SegmentView view;
  REQUIRE(parse_segment(std::span(header).first(size), view) == ParseResult::ok);
  CHECK(view.source_port == 40'000);
  CHECK(view.target_port == 80);
  CHECK(view.seq == fields.seq);
  CHECK(view.ack == fields.ack);
  CHECK(view.window == 0xabcd);
  CHECK(view.flags == fields.flags);
  CHECK(view.header_bytes == 44);
  CHECK(view.payload_bytes == 0);
  CHECK(view.sequence_length() == 1);
  CHECK(view.options.mss == 1460);
  CHECK(view.options.has_window_scale);
  CHECK(view.options.window_scale == 7);
  CHECK(view.options.sack_permitted);
  CHECK(view.options.has_timestamps);
  CHECK(view.options.timestamps.value == 0x11223344);
  CHECK(view.options.timestamps.echo == 0x55667788);
}

TEST_CASE("three SACK blocks fit beside timestamps and are read back") {
  HeaderFields fields;
  fields.flags = flag::ack;
  fields.options.has_timestamps = true;
  fields.options.sack_count = 3;
  for (std::uint32_t i = 0; i < 3; ++i) fields.options.sack[i] = {Seq{i * 100}, Seq{i * 100 + 50}};
  std::array<std::uint8_t, header_bytes_max> header{};
  const auto size = write_header(fields, header);
  CHECK(size == 60);
  SegmentView view;
  REQUIRE(parse_segment(std::span(header).first(size), view) == ParseResult::ok);
  REQUIRE(view.options.sack_count == 3);
  CHECK(view.options.sack[2] == fields.options.sack[2]);
}

TEST_CASE("a header that is shorter than it says, or than 20 octets, is refused") {
  SegmentView view;
  auto bytes = header_with_options({1, 1, 1, 1});
  CHECK(parse_segment(bytes, view) == ParseResult::ok);
  CHECK(parse_segment(std::span(bytes).first(23), view) == ParseResult::truncated);
  CHECK(parse_segment(std::span(bytes).first(19), view) == ParseResult::truncated);
  CHECK(parse_segment({}, view) == ParseResult::truncated);
  bytes[12] = 4 << 4;
  CHECK(parse_segment(bytes, view) == ParseResult::bad_offset);
}

TEST_CASE("an option length that is below 2 or runs past the header is refused") {
  SegmentView view;
  CHECK(parse_segment(header_with_options({2, 0, 0, 0}), view) == ParseResult::bad_options);
  CHECK(parse_segment(header_with_options({2, 1, 0, 0}), view) == ParseResult::bad_options);
  CHECK(parse_segment(header_with_options({2, 5, 0, 0}), view) == ParseResult::bad_options);
  CHECK(parse_segment(header_with_options({1, 1, 1, 8}), view) == ParseResult::bad_options);
}

TEST_CASE("unknown options and known ones of a wrong length are skipped (RFC 9293 MUST-6)") {
  SegmentView view;
  REQUIRE(parse_segment(header_with_options({253, 4, 9, 9, 2, 3, 9, 3, 3, 5, 2, 4, 5, 0xb4}), view) ==
          ParseResult::ok);
  CHECK(view.options.mss == 0x5b4);
  CHECK(view.options.has_window_scale);
  CHECK(view.options.window_scale == 5);
}

TEST_CASE("a window scale above 14 counts as 14 (RFC 7323 2.3)") {
  SegmentView view;
  REQUIRE(parse_segment(header_with_options({3, 3, 200}), view) == ParseResult::ok);
  CHECK(view.options.window_scale == 14);
}

TEST_CASE("options behind the end mark are not read") {
  SegmentView view;
  REQUIRE(parse_segment(header_with_options({0, 2, 4, 5, 180, 0, 0, 0}), view) == ParseResult::ok);
  CHECK(view.options.mss == 0);
}

TEST_CASE("random bytes never make the parser read outside them") {
  std::mt19937 random(7);
  SegmentView view;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::uint8_t> bytes(random() % 64);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random() % 12);
    if (bytes.size() > 12) bytes[12] = static_cast<std::uint8_t>(random());
    if (parse_segment(bytes, view) == ParseResult::ok) {
      REQUIRE(view.header_bytes + view.payload_bytes == bytes.size());
    }
  }
}
