// Which text may stand in a header field. Builder and verifier both hold to it, so that no edit from a policy
// can break a message apart.
#pragma once

#include <string_view>

namespace byway::shm {

/// A field name: token (RFC 9110 5.6.2).
[[nodiscard]] inline bool is_field_name(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  for (char c : text) {
    const bool is_alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!is_alphanumeric && marks.find(c) == std::string_view::npos) return false;
  }
  return !text.empty();
}

/// A field value: visible characters, obs-text, inner spaces and tabs (RFC 9110 5.5); may be empty.
[[nodiscard]] inline bool is_field_value(std::string_view text) {
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7f) return false;
  }
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  return text.empty() || (!is_blank(text.front()) && !is_blank(text.back()));
}

[[nodiscard]] inline bool has_upper_case(std::string_view text) {
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') return true;
  }
  return false;
}

}  // namespace byway::shm
