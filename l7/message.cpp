// Recognition of field names and methods: one multiplicative hash over length and three letters, found at
// compile time so that no two names meet, then one comparison.
#include "l7/message.h"

#include <algorithm>
#include <array>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace byway::l7 {
namespace {

constexpr std::array<std::string_view, field_names_count> known_names = {{
    "",
#define BYWAY_FIELD(identifier, text, kind) text,
#include "l7/field_names.def"
#undef BYWAY_FIELD
}};

// 512 slots: about every sixth multiplier keeps fifty names apart.
constexpr unsigned slot_bits = 9;
using SlotTable = std::array<std::uint8_t, 1U << slot_bits>;

// Bit 5 makes letters lower case and leaves `-` and digits as they are.
constexpr std::uint8_t folded(char c) {
  return static_cast<std::uint8_t>(static_cast<unsigned char>(c) | 0x20U);
}

constexpr std::uint32_t slot_of(std::string_view name, std::uint32_t multiplier) {
  const std::uint32_t key =
      static_cast<std::uint32_t>(name.size()) | std::uint32_t{folded(name.front())} << 8 |
      std::uint32_t{folded(name[name.size() - std::min<std::size_t>(name.size(), 4)])} << 16 |
      std::uint32_t{folded(name.back())} << 24;
  return (key * multiplier) >> (32 - slot_bits);
}

constexpr bool fill(SlotTable& table, std::uint32_t multiplier) {
  table = {};
  for (std::size_t i = 1; i < known_names.size(); ++i) {
    std::uint8_t& slot = table[slot_of(known_names[i], multiplier)];
    if (slot != 0) return false;
    slot = static_cast<std::uint8_t>(i);
  }
  return true;
}

consteval std::uint32_t find_multiplier() {
  SlotTable table{};
  std::uint32_t multiplier = 0x9e3779b1;
  for (int tries = 0; tries < 200; ++tries) {
    if (fill(table, multiplier)) return multiplier;
    multiplier = multiplier * 1664525U + 1013904223U;
    multiplier |= 1U;
  }
  return 0;
}

constexpr std::uint32_t multiplier = find_multiplier();
static_assert(multiplier != 0, "no multiplier keeps the names apart: more slots are needed");

consteval SlotTable make_slots() {
  SlotTable table{};
  fill(table, multiplier);
  return table;
}

constexpr SlotTable slots = make_slots();

std::uint64_t load_folded(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word | 0x2020202020202020U;
}

constexpr unsigned char lower_of(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 'A' && byte <= 'Z' ? static_cast<unsigned char>(byte + ('a' - 'A')) : byte;
}

}  // namespace

FieldName recognise_field_name(std::string_view name) {
  if (name.empty()) return FieldName::other;
  const std::uint8_t index = slots[slot_of(name, multiplier)];
  if (index == 0 || !equals_lower(name, known_names[index])) return FieldName::other;
  return static_cast<FieldName>(index);
}

#if defined(__AVX2__)

namespace {

// The names as vectors, with zeros behind them.
using NameRow = std::array<char, readable_name_bytes>;
consteval std::array<NameRow, field_names_count> make_name_rows() {
  std::array<NameRow, field_names_count> rows{};
  for (std::size_t i = 0; i < known_names.size(); ++i) {
    std::ranges::copy(known_names[i], rows[i].begin());
  }
  return rows;
}
alignas(32) constexpr std::array<NameRow, field_names_count> name_rows = make_name_rows();

}  // namespace

FieldName recognise_readable_field_name(std::string_view name) {
  if (name.empty()) return FieldName::other;
  const std::uint8_t index = slots[slot_of(name, multiplier)];
  if (index == 0 || name.size() != known_names[index].size()) return FieldName::other;
  const __m256i text = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(name.data()));
  const __m256i lower = _mm256_load_si256(reinterpret_cast<const __m256i*>(name_rows[index].data()));
  // As equals_lower() does it.
  const __m256i equal = _mm256_cmpeq_epi8(_mm256_or_si256(text, _mm256_set1_epi8(0x20)), lower);
  const auto differing = ~static_cast<std::uint32_t>(_mm256_movemask_epi8(equal));
  return (differing << (readable_name_bytes - name.size())) == 0 ? static_cast<FieldName>(index)
                                                                 : FieldName::other;
}

#else

FieldName recognise_readable_field_name(std::string_view name) {
  return recognise_field_name(name);
}

#endif

std::string_view text_of(FieldName name) {
  return known_names[static_cast<std::size_t>(name)];
}

// Equal with bit 5 set means equal but for case: the other preimages of those characters are control bytes.
// (`_` and `^`, which token names may hold, become 0x7f and `~`.)
bool equals_lower(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  const std::size_t size = text.size();
  if (size < sizeof(std::uint64_t)) {
    for (std::size_t i = 0; i < size; ++i) {
      if (folded(text[i]) != static_cast<unsigned char>(lower[i])) return false;
    }
    return true;
  }
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    if (load_folded(text.data() + i) != load_folded(lower.data() + i)) return false;
  }
  return load_folded(text.data() + size - 8) == load_folded(lower.data() + size - 8);
}

bool equals_ignoring_case(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (lower_of(left[i]) != lower_of(right[i])) return false;
  }
  return true;
}

Method recognise_method(std::string_view method) {
  switch (method.size()) {
    case 3:
      if (method == "GET") return Method::get;
      if (method == "PUT") return Method::put;
      break;
    case 4:
      if (method == "POST") return Method::post;
      if (method == "HEAD") return Method::head;
      break;
    case 5:
      if (method == "PATCH") return Method::patch;
      if (method == "TRACE") return Method::trace;
      break;
    case 6:
      if (method == "DELETE") return Method::delete_;
      break;
    case 7:
      if (method == "OPTIONS") return Method::options;
      if (method == "CONNECT") return Method::connect;
      break;
    default:
      break;
  }
  return Method::other;
}

bool is_idempotent(Method method) {
  switch (method) {
    case Method::get:
    case Method::head:
    case Method::put:
    case Method::delete_:
    case Method::options:
    case Method::trace:
      return true;
    case Method::other:
    case Method::post:
    case Method::connect:
    case Method::patch:
      break;
  }
  return false;
}

}  // namespace byway::l7
