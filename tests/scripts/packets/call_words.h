// Names and the numbers behind them, as scripts write them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace byway::scripts {

using NamedNumber = std::pair<std::string_view, std::int64_t>;

[[nodiscard]] std::optional<std::int64_t> number_of(std::string_view word);
/// "in,out": the bits of the names; nothing if one is unknown.
[[nodiscard]] std::optional<std::uint32_t> bits_of(std::string_view words,
                                                   std::span<const NamedNumber> names);
/// The other way round; "none" for 0.
[[nodiscard]] std::string names_of(std::uint32_t bits, std::span<const NamedNumber> names);
/// "7", or for -1 the error's name as well.
[[nodiscard]] std::string result_of(std::int64_t result);
[[nodiscard]] std::string error_name(int error);

}  // namespace byway::scripts
