// `byway-agent --version`: our version and those of all libraries that run.
#pragma once
#include <string>

namespace byway::tools::agent {

std::string versions();

}  // namespace byway::tools::agent
