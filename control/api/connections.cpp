// GET /byway/v1/connections: the data plane's answer, with the query handed on.
#include <fmt/format.h>

#include <algorithm>

#include "control/api/api.h"
#include "control/api/status_object.h"

namespace byway::control::api {

namespace {

/// The longest value that makes sense: an IPv6 address.
constexpr std::size_t value_bytes_max = 64;

struct Parameter {
  const char* query;
  const char* word;  ///< as the data plane calls it
};
constexpr Parameter parameters[] = {{"limit", "limit"},
                                    {"worker", "worker"},
                                    {"state", "state"},
                                    {"address", "address"},
                                    {"tcpPort", "tcp-port"}};

}  // namespace

Response Api::connections(const Request& request) {
  if (auto good = no_parameters(request, {"limit", "worker", "state", "address", "tcpPort"}); !good)
    return good.error();
  std::string arguments;
  for (const Parameter& parameter : parameters) {
    const auto given = request.query.find(parameter.query);
    if (given == request.query.end()) continue;
    const std::string& value = given->second;
    // A blank would begin another argument. What a value must be the data plane says.
    if (value.empty() || value.size() > value_bytes_max ||
        std::ranges::any_of(value, [](char c) { return c <= ' ' || c > '~'; }))
      return respond_error(
          400, "BadRequest",
          fmt::format("query parameter {}: is empty, too long or has blanks", parameter.query));
    arguments += fmt::format("{}{}={}", arguments.empty() ? "" : " ", parameter.word, value);
  }
  if (data_plane_ == nullptr) return respond_error(503, "ServiceUnavailable", "no data plane is connected");
  auto answer =
      data_plane_->command("connections", arguments, std::chrono::steady_clock::now() + command_timeout);
  if (!answer) {
    const int code = answer.error().code;
    return respond_error(code, code == 400 ? "BadRequest" : "ServiceUnavailable", answer.error().message);
  }
  return {200, "application/json", std::move(*answer)};
}

}  // namespace byway::control::api
