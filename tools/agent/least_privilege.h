// Gives up what the agent does not need, once everything is open.
#pragma once
#include <expected>
#include <string>

namespace byway::tools::agent {

/// For the whole process, before its threads begin: no capabilities, no new privileges, not dumpable (its
/// memory holds tokens and, later, keys), and a seccomp filter that fails the system calls by which code that
/// was smuggled in would go on: starting programs, tracing others, mounting, namespaces, modules, BPF.
std::expected<void, std::string> drop_privileges();

}  // namespace byway::tools::agent
