// The table behind refusal.h.
#include "l7/http1/refusal.h"

#include <array>

namespace byway::l7::http1 {
namespace {

struct Row {
  std::uint16_t status;
  std::string_view name;
  std::string_view sentence;
};

constexpr std::array<Row, static_cast<std::size_t>(Refusal::count_)> rows = {{
    {0, "none", "not refused"},
#define BYWAY_HTTP1_REFUSAL(name, status, sentence) {status, #name, sentence},
#include "l7/http1/refusal.def"
#undef BYWAY_HTTP1_REFUSAL
}};

const Row& row(Refusal refusal) {
  return rows[static_cast<std::size_t>(refusal)];
}

}  // namespace

std::uint16_t status_of(Refusal refusal) {
  return row(refusal).status;
}
std::string_view name_of(Refusal refusal) {
  return row(refusal).name;
}
std::string_view sentence_of(Refusal refusal) {
  return row(refusal).sentence;
}

}  // namespace byway::l7::http1
