// The named reasons for which an HTTP/1 message is refused, each with the status that answers it.
#pragma once

#include <cstdint>
#include <string_view>

namespace byway::l7::http1 {

/// `none`, or one name of refusal.def. Matches the counters `http1_refused_<name>`.
enum class Refusal : std::uint8_t {
  none,
#define BYWAY_HTTP1_REFUSAL(name, status, sentence) name,
#include "l7/http1/refusal.def"
#undef BYWAY_HTTP1_REFUSAL
  count_
};

/// The status that answers a request refused for this reason (0 for none). Responses: 502, always.
[[nodiscard]] std::uint16_t status_of(Refusal refusal);
/// The reason's name as in refusal.def, and one sentence for people.
[[nodiscard]] std::string_view name_of(Refusal refusal);
[[nodiscard]] std::string_view sentence_of(Refusal refusal);

}  // namespace byway::l7::http1
