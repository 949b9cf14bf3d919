// What the bytes of a head may be, one predicate each: the source of all tables.
// RFC 9110 5.6.2 (token), 5.5 (field content); RFC 3986 (target, host).
#pragma once

#include <string_view>

namespace byway::l7::http1::classes {

constexpr bool is_token(unsigned c) {
  if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) return true;
  return c < 0x80 && c != 0 &&
         std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
}

/// RFC 3986's characters and those that browsers send raw though it forbids them ([ ] ^ ` { | }), since no
/// reader takes them for a delimiter of the request line. Left out: `#` begins a fragment, which is never
/// sent; backslash is a slash to some readers; " < > have no business in a target.
constexpr bool is_target(unsigned c) {
  return c > 0x20 && c < 0x7f && c != '"' && c != '#' && c != '<' && c != '>' && c != '\\';
}

/// Where a line ends, or is refused: control bytes but HTAB.
constexpr bool is_stop(unsigned c) {
  return (c < 0x20 && c != '\t') || c == 0x7f;
}

/// What host names consist of here: letters, digits and `-._~` (RFC 3986 unreserved).
constexpr bool is_host(unsigned c) {
  return is_token(c) && std::string_view("!#$%&'*+^`|").find(static_cast<char>(c)) == std::string_view::npos;
}

}  // namespace byway::l7::http1::classes
