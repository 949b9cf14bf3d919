// Users and groups as node.yaml names them: by number or by name.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace byway::tools {

/// Empty: there is no such user on this machine.
[[nodiscard]] std::optional<uid_t> find_user(const std::string& name);
[[nodiscard]] std::optional<gid_t> find_group(const std::string& name);

}  // namespace byway::tools
