#include "control/resources/text_rules.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace byway::control::resources {
namespace {

constexpr std::size_t label_chars_max = 63;
constexpr std::size_t subdomain_chars_max = 253;
constexpr std::size_t port_name_chars_max = 15;

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_alnum(char c) {
  return is_lower(c) || is_upper(c) || is_digit(c);
}

bool is_name_part(std::string_view text) {
  auto allowed = [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; };
  return !text.empty() && text.size() <= label_chars_max && is_alnum(text.front()) && is_alnum(text.back()) &&
         std::ranges::all_of(text, allowed);
}

}  // namespace

bool is_dns_label(std::string_view text) {
  auto allowed = [](char c) { return is_lower(c) || is_digit(c) || c == '-'; };
  return !text.empty() && text.size() <= label_chars_max && std::ranges::all_of(text, allowed) &&
         text.front() != '-' && text.back() != '-';
}

bool is_dns1035_label(std::string_view text) {
  return is_dns_label(text) && is_lower(text.front());
}

bool is_dns_subdomain(std::string_view text) {
  if (text.size() > subdomain_chars_max) return false;
  for (;;) {
    const std::size_t dot = text.find('.');
    if (!is_dns_label(text.substr(0, dot))) return false;
    if (dot == text.npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_hostname(std::string_view text, bool allow_wildcard) {
  if (text.size() > subdomain_chars_max) return false;
  if (allow_wildcard && text.starts_with("*.")) text.remove_prefix(2);
  return is_dns_subdomain(text) && !parse_ipv4(text);
}

bool is_qualified_name(std::string_view text) {
  if (const std::size_t slash = text.find('/'); slash != text.npos) {
    if (!is_dns_subdomain(text.substr(0, slash))) return false;
    text.remove_prefix(slash + 1);
  }
  return is_name_part(text);
}

bool is_label_value(std::string_view text) {
  return text.empty() || is_name_part(text);
}

bool is_port_name(std::string_view text) {
  return is_dns_label(text) && text.size() <= port_name_chars_max && std::ranges::any_of(text, is_lower) &&
         text.find("--") == text.npos;
}

bool is_token(std::string_view text) {
  auto allowed = [](char c) {
    return is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  return !text.empty() && std::ranges::all_of(text, allowed);
}

bool is_field_value(std::string_view text) {
  auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  if (!text.empty() && (is_blank(text.front()) || is_blank(text.back()))) return false;
  return std::ranges::all_of(
      text, [&](char c) { return is_blank(c) || (static_cast<unsigned char>(c) > 0x20 && c != 0x7F); });
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr int parts_max = 4;
  constexpr std::ptrdiff_t digits_max = 5;
  std::int64_t total = 0;
  int parts = 0;
  while (!text.empty()) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || !is_digit(text.front()) || end - text.data() > digits_max ||
        ++parts > parts_max)
      return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    std::int64_t unit = 0;
    if (text.starts_with("ms"))
      unit = 1, text.remove_prefix(2);
    else if (text.starts_with('s'))
      unit = 1'000, text.remove_prefix(1);
    else if (text.starts_with('m'))
      unit = 60'000, text.remove_prefix(1);
    else if (text.starts_with('h'))
      unit = 3'600'000, text.remove_prefix(1);
    else
      return std::nullopt;
    total += number * unit;
  }
  if (parts == 0) return std::nullopt;
  return std::chrono::milliseconds(total);
}

std::optional<std::uint32_t> parse_ipv4(std::string_view text) {
  std::uint32_t address = 0;
  for (int part = 0; part < 4; ++part) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const auto digits = static_cast<std::size_t>(end - text.data());
    if (error != std::errc() || number > 255 || digits > 3 || (digits > 1 && text.front() == '0'))
      return std::nullopt;
    text.remove_prefix(digits);
    address = address << 8 | number;
    if (part == 3) break;
    if (!text.starts_with('.')) return std::nullopt;
    text.remove_prefix(1);
  }
  if (!text.empty()) return std::nullopt;
  return address;
}

std::string_view path_objection(std::string_view path) {
  if (!path.starts_with('/')) return "must begin with /";
  std::string lower(path);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; });
  if (lower.find("//") != lower.npos) return "must not hold //";
  if (lower.find("/./") != lower.npos) return "must not hold /./";
  if (lower.find("/../") != lower.npos) return "must not hold /../";
  if (lower.find("%2f") != lower.npos) return "must not hold %2f";
  if (lower.find('#') != lower.npos) return "must not hold #";
  if (lower.ends_with("/..")) return "must not end in /..";
  if (lower.ends_with("/.")) return "must not end in /.";
  auto is_hex = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); };
  for (std::size_t i = 0; i < lower.size(); ++i) {
    const char c = lower[i];
    if (c == '%') {
      if (i + 2 >= lower.size() || !is_hex(lower[i + 1]) || !is_hex(lower[i + 2]))
        return "holds % without two hexadecimal digits";
    } else if (!is_alnum(c) && std::string_view("-/._~!$&'()*+,;=:@").find(c) == std::string_view::npos) {
      return "holds a character that a path cannot hold (RFC 3986)";
    }
  }
  return {};
}

}  // namespace byway::control::resources
