// Query parameters of writes and reads. Unknown ones are refused: a misspelt `dryrun` must not write.
#pragma once
#include <chrono>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "control/api/message.h"

namespace byway::control::api {

/// How long `?wait=applied` waits where no timeout is given, and at most.
inline constexpr std::chrono::milliseconds wait_default{5'000};
inline constexpr std::chrono::milliseconds wait_max{60'000};

struct WriteParameters {
  bool is_dry_run = false;
  bool is_strict = false;
  bool waits = false;
  std::chrono::milliseconds timeout = wait_default;
};

/// Error: a 400 that names the parameter.
std::expected<WriteParameters, Response> write_parameters(const Request& request);

/// Labels wanted of listed objects: `a=b,c!=d,e,!f`.
struct LabelTerm {
  std::string name;
  std::string value;
  enum class Test : std::uint8_t { equals, differs, exists, absent } test = Test::equals;
};
struct ListParameters {
  std::vector<LabelTerm> labels;
};
std::expected<ListParameters, Response> list_parameters(const Request& request);

/// For paths that take only what every read takes (pretty).
std::expected<void, Response> no_parameters(const Request& request,
                                            std::initializer_list<std::string_view> also = {});

}  // namespace byway::control::api
