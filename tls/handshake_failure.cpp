#include "tls/handshake_failure.h"

namespace byway::tls {
namespace {

/// The words of the table's second column.
namespace told {
using enum AlertDescription;
constexpr std::nullopt_t none = std::nullopt;
}  // namespace told

struct Row {
  std::string_view name;
  std::optional<AlertDescription> alert;
  std::string_view sentence;
};

constexpr std::array<Row, static_cast<std::size_t>(HandshakeFailure::count_)> rows{{
    {"none", std::nullopt, "no failure"},
#define BYWAY_HANDSHAKE_FAILURE(name, alert, sentence) {#name, told::alert, sentence},
#include "tls/handshake_failure.def"
#undef BYWAY_HANDSHAKE_FAILURE
}};

const Row& row_of(HandshakeFailure failure) {
  return rows[static_cast<std::size_t>(failure)];
}

}  // namespace

std::string_view name_of(HandshakeFailure failure) {
  return row_of(failure).name;
}
std::string_view sentence_of(HandshakeFailure failure) {
  return row_of(failure).sentence;
}
std::optional<AlertDescription> alert_of(HandshakeFailure failure) {
  return row_of(failure).alert;
}

}  // namespace byway::tls
