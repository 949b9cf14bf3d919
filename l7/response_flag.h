// How an exchange ended, in Envoy's letters.
#pragma once

#include <cstdint>
#include <string_view>

namespace byway::l7 {

/// `none`, or one name of response_flags.def. Matches the counters `flag_<name>`.
enum class ResponseFlag : std::uint8_t {
#define BYWAY_RESPONSE_FLAG(name, status, sentence) name,
#include "l7/response_flags.def"
#undef BYWAY_RESPONSE_FLAG
  count_
};

/// The status of our own answer to a request that ended so; 0: it gets none.
[[nodiscard]] std::uint16_t status_of(ResponseFlag flag);
/// The letters ("-" for none), and what they mean.
[[nodiscard]] std::string_view letters_of(ResponseFlag flag);
[[nodiscard]] std::string_view sentence_of(ResponseFlag flag);

}  // namespace byway::l7
