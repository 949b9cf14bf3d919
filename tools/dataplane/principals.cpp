#include "tools/dataplane/principals.h"

#include <grp.h>
#include <pwd.h>

#include <charconv>

namespace byway::tools {

namespace {

std::optional<unsigned> number_of(const std::string& text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<uid_t> find_user(const std::string& name) {
  if (const auto number = number_of(name)) return number;
  const passwd* entry = ::getpwnam(name.c_str());
  return entry == nullptr ? std::nullopt : std::optional(entry->pw_uid);
}

std::optional<gid_t> find_group(const std::string& name) {
  if (const auto number = number_of(name)) return number;
  const group* entry = ::getgrnam(name.c_str());
  return entry == nullptr ? std::nullopt : std::optional(entry->gr_gid);
}

}  // namespace byway::tools
