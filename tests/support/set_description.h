// A set of policy and endpoints as a few lines of text, for tests that need no agent. One thing a line:
//
//   # a comment
//   listener demo/gw/http 80 [address=10.9.0.1] [hostname=*.example.com]
//   backend demo/web-v1:80 10.0.1.2:8080 10.0.1.3:8080 [balance=least_request]
//   route demo/split [listener=demo/gw/http] [host=a.example.com] [prefix=/|exact=/login] [method=GET]
//         to demo/web-v1:80=90 demo/web-v2:80=10
//
// (a route is one line; it is folded here). A route without `listener` is attached to all of them, one
// without a path has the prefix "/"; `address`, `listener` and `host` may be repeated. A backend that `to`
// names and no line describes has no endpoints.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "control/shm/endpoints_builder.h"
#include "control/shm/memfd.h"
#include "control/shm/policy_builder.h"

namespace byway::test {

struct SetDescription {
  shm::PolicySpec policy;
  std::vector<shm::BackendSpec> backends;
};

/// The error names the line and what would be right.
[[nodiscard]] std::expected<SetDescription, std::string> parse_set_description(std::string_view text);

/// The three blobs of a set, sealed, as they are handed over.
struct SealedSet {
  shm::OwnedFd policy;
  shm::OwnedFd endpoints;
  shm::OwnedFd secrets;
};
[[nodiscard]] std::expected<SealedSet, std::string> seal_set(const SetDescription& description);

/// Both at once, for a test that is sure of its text; aborts with the reason otherwise.
[[nodiscard]] SealedSet sealed_set_of(std::string_view text);

}  // namespace byway::test
