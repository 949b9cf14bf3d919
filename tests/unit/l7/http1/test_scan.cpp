#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "l7/http1/plain_line.h"
#include "l7/http1/scan.h"
#include "tests/unit/l7/http1/feed.h"

namespace byway::l7::http1 {
namespace {

constexpr std::string_view token_punctuation = "!#$%&'*+-.^_`|~";

TEST_CASE("the classes of single bytes are those of the RFCs", "[http1]") {
  for (unsigned value = 0; value < 256; ++value) {
    const char c = static_cast<char>(value);
    const bool alphanumeric =
        (value >= '0' && value <= '9') || (value >= 'a' && value <= 'z') || (value >= 'A' && value <= 'Z');
    const bool token = alphanumeric || (value != 0 && token_punctuation.find(c) != std::string_view::npos);
    const bool stop = (value < 0x20 && value != '\t') || value == 0x7f;
    const bool target =
        value > 0x20 && value < 0x7f && std::string_view("\"#<>\\").find(c) == std::string_view::npos;
    INFO("byte " << value);
    CHECK(is_token_character(c) == token);
    CHECK(is_host_character(c) == (alphanumeric || c == '-' || c == '.' || c == '_' || c == '~'));
    CHECK(classify_head(&c, 1, 0).marks == (token ? 0U : 1U));
    CHECK(classify_head(&c, 1, 0).stops == (stop ? 1U : 0U));
    CHECK(classify_target(&c, 0, 1, 1).bad == (target ? 0U : 1U));
    CHECK(classify_target(&c, 0, 1, 1).percents == (c == '%' ? 1U : 0U));
    CHECK(classify_target(&c, 0, 1, 1).questions == (c == '?' ? 1U : 0U));
  }
}

#if defined(__AVX2__)
TEST_CASE("the vectorised classes equal the plain ones for any bytes, at any length", "[http1]") {
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(1 + random() % block_bytes, '\0');
    const bool text_like = random() % 2 == 0;
    for (char& c : bytes) c = static_cast<char>(text_like ? 0x18 + random() % 0x6a : random());
    // Bytes in front that may be read, from none to more than a block, and must not count.
    const std::uint32_t before = random() % 2 == 0 ? 0 : static_cast<std::uint32_t>(random() % 80);
    const Arrived block(std::string(before, '\n') + bytes);
    const std::string_view arrived(block.data() + before, bytes.size());
    const auto count = static_cast<std::uint32_t>(bytes.size());
    const HeadMasks plain = classify_head_scalar(arrived.data(), count);
    const HeadMasks vector = classify_head_avx2(arrived.data(), count, before);
    REQUIRE(plain.stops == vector.stops);
    REQUIRE(plain.marks == vector.marks);
  }
}
#endif

TEST_CASE("targets and hosts are classified alike wherever they stand among what has arrived", "[http1]") {
  std::mt19937 random(2);
  for (int round = 0; round < 20'000; ++round) {
    std::string text(1 + random() % 100, '\0');
    const bool text_like = random() % 4 != 0;
    for (char& c : text) c = static_cast<char>(text_like ? 0x21 + random() % 0x5e : random());
    const Arrived arrived(text);
    const auto end = static_cast<std::uint32_t>(text.size());
    const auto at = static_cast<std::uint32_t>(random() % end);
    const std::uint32_t count =
        1 + static_cast<std::uint32_t>(random() % std::min(end - at, target_block_bytes));
    const TargetMasks plain = classify_target_scalar(arrived.data() + at, count);
    const TargetMasks masks = classify_target(arrived.data(), at, count, end);
    REQUIRE(plain.bad == masks.bad);
    REQUIRE(plain.percents == masks.percents);
    REQUIRE(plain.questions == masks.questions);
    const auto size = static_cast<std::uint32_t>(random() % (end - at + 1));
    std::uint32_t host = 0;
    while (host < size && is_host_character(text[at + host])) ++host;
    REQUIRE(count_host_characters(arrived.data(), at, size, end) == host);
  }
}

struct Cut {
  std::vector<std::string> lines;
  std::vector<std::uint32_t> names;
  LineResult last = LineResult::incomplete;
  bool operator==(const Cut&) const = default;
};

// The scanner's reading of `text`, fed `step` bytes at a time.
Cut scan(const std::string& text, std::uint32_t step) {
  LineScanner scanner;
  Cut cut;
  const auto size = static_cast<std::uint32_t>(text.size());
  for (std::uint32_t arrived = 0; arrived < size && cut.last == LineResult::incomplete;) {
    arrived = std::min(arrived + step, size);
    const Arrived block(text.substr(0, arrived));
    Line line;
    while ((cut.last = scanner.next(block.data(), arrived, line)) == LineResult::line) {
      cut.lines.push_back(text.substr(line.first, line.end - line.first));
      cut.names.push_back(line.name_end - line.first);
    }
  }
  return cut;
}

// The same, written as plainly as possible.
Cut scan_plainly(const std::string& text) {
  Cut cut;
  std::size_t first = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool stop = (c < 0x20 && c != '\t') || c == 0x7f;
    if (!stop) continue;
    if (c == '\r' && i + 1 == text.size()) break;
    if (c == '\n')
      cut.last = LineResult::bare_lf;
    else if (c != '\r')
      cut.last = LineResult::control_byte;
    else if (text[i + 1] != '\n')
      cut.last = LineResult::bare_cr;
    if (cut.last != LineResult::incomplete) break;
    const std::string line = text.substr(first, i - first);
    std::size_t name = 0;
    while (name < line.size() && is_token_character(line[name])) ++name;
    cut.lines.push_back(line);
    cut.names.push_back(static_cast<std::uint32_t>(name));
    first = ++i + 1;
  }
  return cut;
}

TEST_CASE("lines are cut alike by the scanner in steps of any size and by a plain loop", "[http1]") {
  std::mt19937 random(7);
  const std::string_view alphabet = "aB-: \t\x80;";
  for (int round = 0; round < 3'000; ++round) {
    std::string text;
    const std::size_t lines = random() % 8;
    for (std::size_t i = 0; i < lines; ++i) {
      const std::size_t length = random() % (random() % 4 == 0 ? 200 : 20);
      for (std::size_t k = 0; k < length; ++k) text += alphabet[random() % alphabet.size()];
      switch (random() % 16) {
        case 0:
          text += '\n';
          break;
        case 1:
          text += '\r';
          break;
        case 2:
          text += '\0';
          break;
        default:
          text += "\r\n";
          break;
      }
    }
    const Cut expected = scan_plainly(text);
    for (const std::uint32_t step : {1U, 2U, 63U, 64U, 65U, 4096U}) {
      INFO("round " << round << " step " << step);
      REQUIRE(scan(text, step) == expected);
    }
  }
}

TEST_CASE("a line that is found at once is the scanner's, and one that is not is not complete or not plain",
          "[http1]") {
  std::mt19937 random(11);
  const std::string_view alphabet = "aB-: \t\x80;\r\n\r\n";
  std::uint32_t found = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string text(1 + random() % 120, 'n');
    for (std::size_t i = random() % 20; i > 0; --i)
      text[random() % text.size()] = alphabet[random() % alphabet.size()];
    for (std::size_t i = random() % 4; i > 0; --i) text.replace(random() % text.size(), 1, "\r\n");
    const Arrived arrived(text);
    const auto end = static_cast<std::uint32_t>(text.size());
    const auto first = static_cast<std::uint32_t>(random() % end);
    Line expected{};
    LineScanner scanner(first);
    const LineResult result = scanner.next(arrived.data(), end, expected);
    Line line{};
    if (find_plain_line(arrived.data(), first, end, line)) {
      ++found;
      REQUIRE(result == LineResult::line);
      REQUIRE(line.first == expected.first);
      REQUIRE(line.end == expected.end);
      REQUIRE(line.name_end == expected.name_end);
    } else {
      REQUIRE((result != LineResult::line || end < 32 || expected.name_end - first >= 32));
    }
  }
#if defined(__AVX2__)
  CHECK(found > 5'000);
#endif
}

TEST_CASE("every name is recognised in any case where 32 bytes can be read, and no other", "[http1]") {
  std::mt19937 random(13);
  for (std::size_t i = 0; i < field_names_count; ++i) {
    const auto id = static_cast<FieldName>(i);
    std::string text(text_of(id));
    const std::size_t size = text.size();
    text.resize(readable_name_bytes, ':');
    for (int round = 0; round < 200; ++round) {
      const Arrived arrived(text);
      const std::string_view name(arrived.data(), size);
      REQUIRE(recognise_readable_field_name(name) == recognise_field_name(name));
      if (round == 0) REQUIRE(recognise_readable_field_name(name) == id);
      if (size == 0) break;
      const std::size_t at = random() % size;
      text[at] = random() % 2 == 0 ? static_cast<char>(text[at] ^ 0x20) : "aZ-_09^"[random() % 7];
    }
  }
  const std::string longest(readable_name_bytes + 8, 'x');
  CHECK(recognise_readable_field_name(longest) == FieldName::other);
}

TEST_CASE("a CR and an LF on two sides of a block's edge make one line end", "[http1]") {
  for (std::size_t length = 60; length < 68; ++length) {
    const std::string text = std::string(length, 'a') + "\r\n:b\r\n";
    const Cut cut = scan(text, static_cast<std::uint32_t>(text.size()));
    REQUIRE(cut.lines.size() == 2);
    CHECK(cut.lines[0].size() == length);
    CHECK(cut.lines[1] == ":b");
    CHECK(cut.names[1] == 0);
  }
}

}  // namespace
}  // namespace byway::l7::http1
