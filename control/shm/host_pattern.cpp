#include "control/shm/host_pattern.h"

namespace byway::shm {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/// RFC 1123 2.1: letters, digits, inner hyphens; RFC 1035 2.3.4: 63 bytes at most.
bool is_label(std::string_view label) {
  constexpr std::size_t label_bytes_max = 63;
  if (label.empty() || label.size() > label_bytes_max) return false;
  for (char c : label) {
    if (!is_letter_or_digit(c) && c != '-') return false;
  }
  return label.front() != '-' && label.back() != '-';
}

}  // namespace

bool HostPattern::covers(std::string_view host) const {
  switch (kind) {
    case HostKind::exact:
      return host == pattern;
    case HostKind::wildcard:
      return host.size() > pattern.size() && host.ends_with(pattern);
    case HostKind::any:
      return true;
  }
  return false;
}

std::expected<HostPattern, std::string> parse_host_pattern(std::string_view text) {
  if (text.empty()) return HostPattern{HostKind::any, {}};
  HostPattern result{HostKind::exact, {}};
  std::string_view name = text;
  if (name.starts_with("*.")) {
    result.kind = HostKind::wildcard;
    name.remove_prefix(1);  // the dot stays: ".a.com"
  }
  for (char c : name) result.pattern.push_back(lower(c));
  if (text.size() > hostname_bytes_max) {
    return std::unexpected("hostname \"" + std::string(text) + "\" is longer than " +
                           std::to_string(hostname_bytes_max) + " bytes");
  }
  std::string_view rest = result.pattern;
  if (result.kind == HostKind::wildcard) rest.remove_prefix(1);
  while (true) {
    const std::size_t dot = rest.find('.');
    if (!is_label(rest.substr(0, dot))) {
      return std::unexpected("hostname \"" + std::string(text) +
                             "\" is not made of RFC 1123 labels, with \"*.\" at most in front");
    }
    if (dot == std::string_view::npos) return result;
    rest.remove_prefix(dot + 1);
  }
}

bool intersects(const HostPattern& listener, const HostPattern& route) {
  if (listener.kind == HostKind::any || route.kind == HostKind::any) return true;
  if (route.kind == HostKind::exact) return listener.covers(route.pattern);
  if (listener.kind == HostKind::exact) return route.covers(listener.pattern);
  // Two wildcards share hosts if one suffix ends with the other; both begin with a dot, so labels stay whole.
  return listener.pattern.ends_with(route.pattern) || route.pattern.ends_with(listener.pattern);
}

}  // namespace byway::shm
