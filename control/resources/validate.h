// The schema's rules that types alone do not say: required fields, forms of names, ranges, lists without
// duplicates. All of them concern one object by itself; what concerns others ends in status conditions
// (control/model), since objects may arrive in any order.
#pragma once
#include <vector>

#include "control/resources/finding.h"
#include "control/resources/kinds.h"

namespace byway::control::resources {

/// All that is wrong with an object about to be written, refused fields (fields.def) included.
struct Validation {
  std::vector<Finding> errors;
  std::vector<Finding> warnings;
};

Validation validate(const Kind& kind, const google::protobuf::Message& message);

/// What a replacement may not change: errors for `changed` in place of `stored`.
std::vector<Finding> validate_change(const Kind& kind, const google::protobuf::Message& stored,
                                     const google::protobuf::Message& changed);

/// Whom a listener believes about X-Forwarded-For: IPv4 blocks joined by commas, on the Gateway.
inline constexpr std::string_view trusted_proxies_annotation = "byway.dev/trusted-proxies";
/// How a Service's endpoints are chosen: "RoundRobin" (where absent) or "LeastRequest", on the Service.
inline constexpr std::string_view load_balancing_annotation = "byway.dev/load-balancing";
/// At most; each is compared with the peer of every request.
inline constexpr std::size_t trusted_proxies_max = 64;

}  // namespace byway::control::resources
