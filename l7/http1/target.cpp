// Request targets: one vectorised pass over the bytes, then the split by form.
#include "l7/http1/target.h"

#include <algorithm>
#include <bit>
#include <string_view>

#include "l7/http1/scan.h"

namespace byway::l7::http1 {
namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

Token slice(std::uint32_t first, std::uint32_t end) {
  return {first, end - first};
}

constexpr std::uint32_t no_question = UINT32_MAX;

// RFC 3986 2.1: `%` and two hexadecimal digits. %00 in the path is refused too: readers in C end there.
bool is_good_escape(std::string_view target, std::uint32_t at, bool in_path) {
  if (target.size() - at < 3 || !is_hex_digit(target[at + 1]) || !is_hex_digit(target[at + 2])) return false;
  return !in_path || target[at + 1] != '0' || target[at + 2] != '0';
}

// Checks all bytes and escapes; finds the first `?`.
Refusal check_bytes(const char* base, std::uint32_t arrived, Token token, std::uint32_t& question) {
  const std::string_view target = token.in(base);
  question = no_question;
  const auto size = static_cast<std::uint32_t>(target.size());
  for (std::uint32_t first = 0; first < size; first += target_block_bytes) {
    TargetMasks masks =
        classify_target(base, token.offset + first, std::min(target_block_bytes, size - first), arrived);
    if (masks.bad != 0) return Refusal::bad_target;
    if (masks.questions != 0 && question == no_question) {
      question = first + static_cast<std::uint32_t>(std::countr_zero(masks.questions));
    }
    for (; masks.percents != 0; masks.percents &= masks.percents - 1) {
      const std::uint32_t at = first + static_cast<std::uint32_t>(std::countr_zero(masks.percents));
      if (!is_good_escape(target, at, at < question)) return Refusal::bad_percent;
    }
  }
  return Refusal::none;
}

// RFC 3986 3.2.2 IPv6address: eight groups, or fewer with one `::`; the last two may be an IPv4 address.
bool is_ipv4(std::string_view text) {
  for (int part = 0; part < 4; ++part) {
    unsigned value = 0;
    std::size_t digits = 0;
    while (digits < text.size() && digits < 3 && is_digit(text[digits])) {
      value = value * 10 + static_cast<unsigned>(text[digits++] - '0');
    }
    if (digits == 0 || value > 255 || (digits > 1 && text[0] == '0')) return false;
    text.remove_prefix(digits);
    if (part == 3) break;
    if (text.empty() || text[0] != '.') return false;
    text.remove_prefix(1);
  }
  return text.empty();
}

bool is_ipv6(std::string_view text) {
  int groups = 0;
  bool compressed = false;
  if (text.starts_with("::")) {
    compressed = true;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    std::size_t digits = 0;
    while (digits < text.size() && is_hex_digit(text[digits])) ++digits;
    if (digits < text.size() && text[digits] == '.') {
      return is_ipv4(text) && (compressed ? groups + 2 <= 7 : groups + 2 == 8);
    }
    if (digits == 0 || digits > 4 || ++groups > 8) return false;
    text.remove_prefix(digits);
    if (text.empty()) break;
    if (text.starts_with("::")) {
      if (compressed) return false;
      compressed = true;
      text.remove_prefix(2);
      continue;
    }
    if (text[0] != ':' || text.size() == 1) return false;
    text.remove_prefix(1);
  }
  return compressed ? groups <= 7 : groups == 8;
}

bool read_port(std::string_view digits, std::uint16_t& port) {
  if (digits.empty() || digits.size() > 5 || !std::ranges::all_of(digits, is_digit)) return false;
  std::uint32_t value = 0;
  for (const char c : digits) value = value * 10 + static_cast<std::uint32_t>(c - '0');
  if (value == 0 || value > 65535) return false;
  port = static_cast<std::uint16_t>(value);
  return true;
}

// `scheme://authority[/path][?query]`: RFC 9112 3.2.2, for the two schemes that HTTP has.
Refusal read_absolute(const char* base, std::uint32_t arrived, std::uint32_t question, RequestHead& head) {
  const std::string_view text = head.target.in(base);
  std::uint32_t prefix = 0;
  if (text.size() > 7 && equals_ignoring_case(text.substr(0, 7), "http://")) {
    head.scheme = Scheme::http;
    prefix = 7;
  } else if (text.size() > 8 && equals_ignoring_case(text.substr(0, 8), "https://")) {
    head.scheme = Scheme::https;
    prefix = 8;
  } else {
    return Refusal::bad_target;
  }
  head.target_form = TargetForm::absolute;
  const auto path_end = static_cast<std::uint32_t>(std::min<std::size_t>(question, text.size()));
  const auto slash = static_cast<std::uint32_t>(std::min<std::size_t>(text.find('/', prefix), path_end));
  const std::uint32_t first = head.target.offset;
  if (!read_authority(base, arrived, slice(first + prefix, first + slash), head))
    return Refusal::bad_authority;
  head.path = slice(first + slash, first + path_end);
  return Refusal::none;
}

}  // namespace

bool read_authority(const char* base, std::uint32_t arrived, Token token, RequestHead& head) {
  const std::string_view text = token.in(base);
  std::size_t host_end = 0;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || !is_ipv6(text.substr(1, close - 1))) return false;
    host_end = close + 1;
  } else {
    host_end = count_host_characters(base, token.offset, token.length, arrived);
    if (host_end == 0 || host_end > host_bytes_max) return false;
  }
  head.tcp_port = 0;
  if (host_end < text.size()) {
    if (text[host_end] != ':' || !read_port(text.substr(host_end + 1), head.tcp_port)) return false;
  }
  head.authority = token;
  head.host = {token.offset, static_cast<std::uint32_t>(host_end)};
  return true;
}

Refusal read_target(const char* base, std::uint32_t arrived, RequestHead& head) {
  head.scheme = Scheme::unspecified;
  head.authority = head.host = head.path = head.query = {};
  head.tcp_port = 0;
  const std::string_view text = head.target.in(base);
  std::uint32_t question = no_question;
  const Refusal bytes = check_bytes(base, arrived, head.target, question);
  if (bytes != Refusal::none) return bytes;
  head.has_query = question != no_question;
  const std::uint32_t end = head.target.end();
  if (head.has_query) head.query = slice(head.target.offset + question + 1, end);
  if (text.starts_with('/')) {
    head.target_form = TargetForm::origin;
    head.path = slice(head.target.offset, head.has_query ? head.target.offset + question : end);
    return Refusal::none;
  }
  if (text == "*") {
    head.target_form = TargetForm::asterisk;
    return head.method == Method::options ? Refusal::none : Refusal::bad_target;
  }
  return read_absolute(base, arrived, question, head);
}

}  // namespace byway::l7::http1
