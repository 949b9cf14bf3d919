// What the fuzz targets of HTTP/1 check beside memory safety: the verdict does not depend on how the bytes
// were cut, and a head that is written parses again to the same meaning.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

#include "dataplane/assert.h"
#include "l7/http1/parse.h"

// The many exact-size blocks would fill the sanitizer's quarantine up to the fuzzer's memory limit.
extern "C" const char* __asan_default_options() {
  return "quarantine_size_mb=32";
}

namespace byway::l7::http1 {

/// Parses `text`, which arrives `step` bytes at a time, in a block of exactly the size that has arrived.
template <typename Parser, typename Head>
ParseResult parse_in_steps(Parser& parser, std::string_view text, std::size_t step, Head& head) {
  ParseResult result = ParseResult::incomplete;
  for (std::size_t arrived = 0; arrived < text.size() && result == ParseResult::incomplete;) {
    arrived = std::min(arrived + step, text.size());
    const auto block = std::make_unique<char[]>(arrived);
    std::memcpy(block.get(), text.data(), arrived);
    result = parser.parse(block.get(), arrived, head);
  }
  return result;
}

inline void check_equal(Token left, Token right) {
  BYWAY_ASSERT(left.offset == right.offset);
  BYWAY_ASSERT(left.length == right.length);
}

inline void check_equal(const MessageHead& left, const MessageHead& right) {
  BYWAY_ASSERT(left.version == right.version);
  BYWAY_ASSERT(left.body == right.body);
  BYWAY_ASSERT(left.keep_alive == right.keep_alive);
  BYWAY_ASSERT(left.upgrade == right.upgrade);
  BYWAY_ASSERT(left.has_content_length == right.has_content_length);
  BYWAY_ASSERT(left.content_length == right.content_length);
  BYWAY_ASSERT(left.bytes == right.bytes);
  BYWAY_ASSERT(left.present == right.present);
  BYWAY_ASSERT(left.field_count == right.field_count);
  for (std::size_t i = 0; i < left.field_count; ++i) {
    check_equal(left.fields[i].name, right.fields[i].name);
    check_equal(left.fields[i].value, right.fields[i].value);
    BYWAY_ASSERT(left.fields[i].hop_by_hop == right.fields[i].hop_by_hop);
  }
}

/// The tokens lie inside the head, in order, and hold no line end.
inline void check_bounds(std::string_view text, const MessageHead& head) {
  BYWAY_ASSERT(head.bytes <= text.size());
  BYWAY_ASSERT(head.bytes <= head_bytes_max);
  BYWAY_ASSERT(head.field_count <= fields_max);
  BYWAY_ASSERT(text.substr(0, head.bytes).ends_with("\r\n\r\n"));
  std::uint32_t at = 0;
  for (std::size_t i = 0; i < head.field_count; ++i) {
    const Field& field = head.fields[i];
    BYWAY_ASSERT(at < field.name.offset);
    BYWAY_ASSERT(!field.name.is_empty());
    BYWAY_ASSERT(field.name.end() < field.value.offset || field.value.is_empty());
    at = field.value.end();
    BYWAY_ASSERT(at + 4 <= head.bytes);
    BYWAY_ASSERT(field.value.in(text.data()).find_first_of("\r\n") == std::string_view::npos);
  }
}

/// Whether both heads, each with its text, hold the same fields in the same order, those aside for which
/// `is_aside(field)` holds.
template <typename IsAside>
void check_same_fields(const char* left_base, const MessageHead& left, const char* right_base,
                       const MessageHead& right, IsAside is_aside) {
  std::size_t k = 0;
  for (std::size_t i = 0; i < left.field_count; ++i) {
    if (is_aside(left.fields[i])) continue;
    while (k < right.field_count && is_aside(right.fields[k])) ++k;
    BYWAY_ASSERT(k < right.field_count);
    BYWAY_ASSERT(left.fields[i].name.in(left_base) == right.fields[k].name.in(right_base));
    BYWAY_ASSERT(left.fields[i].value.in(left_base) == right.fields[k].value.in(right_base));
    ++k;
  }
  while (k < right.field_count && is_aside(right.fields[k])) ++k;
  BYWAY_ASSERT(k == right.field_count);
}

}  // namespace byway::l7::http1
