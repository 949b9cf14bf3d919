// The store in one SQLite file: write-ahead log, `synchronous=FULL` (a commit is on disk before the answer),
// locked against a second agent. Tables:
//
//   state(last resource version)      objects(kind, namespace, name -> resource version, json)
//   revisions(number -> ...)          history(kind, namespace, name, resource version -> json or null)
//
// `history` has a row for each change of a policy object, so a revision needs no copy of everything: its
// state is the newest row of each object up to the revision's resource version.
#pragma once
#include <memory>
#include <string>

#include "control/store/store.h"

namespace byway::control {

/// Opens or creates the file (mode 0600). Errors: no access, another agent holds it, a newer schema, damage.
Stored<std::unique_ptr<Store>> open_sqlite_store(const std::string& path);

/// For `--version`.
std::string sqlite_version();

}  // namespace byway::control
