// What this program is made of, for --version and bug reports.
#pragma once

#include <string>

namespace byway::tools {

/// One line a library: name and version, as it runs (where the library can tell), else as it was built with.
[[nodiscard]] std::string version_text();

}  // namespace byway::tools
