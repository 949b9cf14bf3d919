#include "l7/routing/match.h"

namespace byway::l7::routing {

namespace {

/// "a.com" of "a.com:80", "[::1]" of "[::1]:80".
std::string_view without_port(std::string_view authority) {
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos) return authority;
  if (bracket != std::string_view::npos && colon < bracket) return authority;
  return authority.substr(0, colon);
}

}  // namespace

void HostName::assign(std::string_view authority) {
  std::string_view host = without_port(authority);
  if (host.ends_with('.')) host.remove_suffix(1);
  size_ = 0;
  if (host.size() > shm::hostname_bytes_max) return;
  const auto size = static_cast<std::uint32_t>(host.size());
  // Without branches and without a store to size_ in between, so that it becomes vector code.
  for (std::uint32_t i = 0; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(host[i]);
    const bool is_upper = static_cast<unsigned char>(byte - 'A') < 26;
    bytes_[i] = static_cast<char>(byte | (is_upper ? 0x20 : 0));
  }
  size_ = size;
}

shm::Method method_of(std::string_view method) {
  using shm::Method;
  // By length first: one comparison decides for nearly every request.
  switch (method.size()) {
    case 3:
      if (method == "GET") return Method::get;
      if (method == "PUT") return Method::put;
      return Method::other;
    case 4:
      if (method == "POST") return Method::post;
      if (method == "HEAD") return Method::head;
      return Method::other;
    case 5:
      if (method == "PATCH") return Method::patch;
      if (method == "TRACE") return Method::trace;
      return Method::other;
    case 6:
      return method == "DELETE" ? Method::del : Method::other;
    case 7:
      if (method == "OPTIONS") return Method::options;
      if (method == "CONNECT") return Method::connect;
      return Method::other;
    default:
      return Method::other;
  }
}

bool matches_header(const HeaderLookup& headers, std::string_view name, std::string_view value) {
  std::string_view field;
  if (headers.find == nullptr || !headers.find(headers.head, name, 0, field)) return false;
  for (std::uint32_t occurrence = 1; occurrence < repeated_fields_max; ++occurrence) {
    if (!value.starts_with(field)) return false;
    value.remove_prefix(field.size());
    if (!headers.find(headers.head, name, occurrence, field)) return value.empty();
    if (!value.starts_with(", ")) return false;
    value.remove_prefix(2);
  }
  return false;
}

bool matches_query(std::string_view query, std::string_view name, std::string_view value) {
  while (!query.empty()) {
    const std::string_view parameter = query.substr(0, query.find('&'));
    const std::size_t equals = parameter.find('=');
    if (parameter.substr(0, equals) == name && !parameter.empty()) {
      return (equals == std::string_view::npos ? std::string_view{} : parameter.substr(equals + 1)) == value;
    }
    query.remove_prefix(parameter.size());
    if (!query.empty()) query.remove_prefix(1);  // the '&'
  }
  return false;
}

}  // namespace byway::l7::routing
