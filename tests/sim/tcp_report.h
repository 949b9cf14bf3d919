// Figures of the stack in virtual time, the same on every machine: goodput over a path that loses, and how
// flows share one. And their bounds.
#pragma once

#include <string>

namespace byway::sim {

/// Prints two tables; returns which figure is out of its bounds, or nothing.
[[nodiscard]] std::string report_figures();

}  // namespace byway::sim
