#include "l7/response_flag.h"

#include <array>

namespace byway::l7 {
namespace {

struct Row {
  std::string_view letters;
  std::uint16_t status;
  std::string_view sentence;
};

constexpr std::array rows = {
#define BYWAY_RESPONSE_FLAG(name, status, sentence) Row{#name, status, sentence},
#include "l7/response_flags.def"
#undef BYWAY_RESPONSE_FLAG
};
static_assert(rows.size() == static_cast<std::size_t>(ResponseFlag::count_));

}  // namespace

std::uint16_t status_of(ResponseFlag flag) {
  return rows[static_cast<std::size_t>(flag)].status;
}

std::string_view letters_of(ResponseFlag flag) {
  return flag == ResponseFlag::none ? "-" : rows[static_cast<std::size_t>(flag)].letters;
}

std::string_view sentence_of(ResponseFlag flag) {
  return rows[static_cast<std::size_t>(flag)].sentence;
}

}  // namespace byway::l7
