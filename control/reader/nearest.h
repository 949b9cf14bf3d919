// "did you mean": the known name that an unknown one resembles most.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace byway::control::reader {

/// The candidate with the fewest edits (insert, delete, replace, swap of neighbours; case counts
/// a quarter), if those are at most a third of the longer name; else "".
std::string nearest(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace byway::control::reader
