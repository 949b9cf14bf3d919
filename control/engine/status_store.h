// Statuses in the store: kept so that conditions have the time of their last change after a restart, too.
// All else in them is made anew.
#pragma once
#include <vector>

#include "control/engine/object.h"
#include "control/store/store.h"

namespace byway::control {

/// What to store so that it holds `after`, when it holds `before`. Statuses that are one object are the same.
std::vector<StatusChange> status_changes(const StatusMap& before, const StatusMap& after);

/// What was stored, as far as this version understands it: another one loses no more than times.
StatusMap read_statuses(const std::vector<StatusChange>& stored);

}  // namespace byway::control
