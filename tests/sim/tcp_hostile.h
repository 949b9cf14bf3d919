// A world in which some peers of a stack are hostile, and honest ones are beside them.
#pragma once

#include <cstdint>
#include <string>

namespace byway::sim {

/// Runs one seed; returns what went wrong, or nothing.
[[nodiscard]] std::string run_hostile(std::uint64_t seed, bool trace);

}  // namespace byway::sim
