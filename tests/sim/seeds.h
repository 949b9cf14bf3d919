// What every simulation program does: options, the loop over seeds on several cores, and how a failing seed
// is told.
//
//   sim_NAME [--seed FIRST] [--seeds COUNT] [--jobs PROCESSES] [--trace]
#pragma once

#include <cstdint>
#include <string>

namespace byway::sim {

/// Runs one seed; returns what went wrong, or nothing. `trace`: prints what happens on the way.
using RunSeed = std::string (*)(std::uint64_t seed, bool trace);
/// Prints figures; returns what is wrong with them, or nothing.
using Report = std::string (*)();

/// The whole of main(): 0 if no seed failed, 1 if one did, 2 for a wrong option. With a `report`, the option
/// --report runs that instead.
int run_seeds(int argc, char** argv, RunSeed run, Report report = nullptr);

}  // namespace byway::sim
