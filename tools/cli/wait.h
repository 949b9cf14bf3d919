// The receipt of a write: which workers run it, and after how long.
#pragma once

#include "tools/cli/verbs.h"

namespace byway::cli {

/// Prints the receipt in `body`; Exit::not_applied when not every worker runs the change.
void report_receipt(const Json& body, Context& context);

}  // namespace byway::cli
