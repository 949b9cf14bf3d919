// Random policies and requests, made of few names so that hosts, paths and conditions meet often. From one
// seed always the same.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/shm/endpoints_builder.h"
#include "control/shm/policy_builder.h"
#include "l7/routing/router.h"

namespace byway::test {

/// A request that owns its text; `view()` points into it.
struct OwnedRequest {
  std::string authority;
  std::string method;
  std::string path;
  std::string query;
  std::vector<std::pair<std::string, std::string>> headers;

  [[nodiscard]] l7::routing::RequestView view() const;
};

class RandomPolicy {
 public:
  explicit RandomPolicy(std::uint64_t seed) : random_(seed) {}

  /// Valid for build_policy(): no two listeners conflict.
  [[nodiscard]] shm::PolicySpec policy();
  /// Backends as policy() names them, some missing, some without endpoints.
  [[nodiscard]] std::vector<shm::BackendSpec> endpoints();
  [[nodiscard]] OwnedRequest request();
  /// A number below `bound`.
  [[nodiscard]] std::uint32_t below(std::uint32_t bound) {
    return std::uniform_int_distribution<std::uint32_t>(0, bound - 1)(random_);
  }

 private:
  template <class T, std::size_t n>
  const T& any_of(const T (&choices)[n]) {
    return choices[below(static_cast<std::uint32_t>(n))];
  }
  bool one_in(std::uint32_t n) { return below(n) == 0; }
  std::string path(bool is_pattern);
  void add_listeners(shm::PolicySpec& policy);
  shm::RouteSpec route(std::size_t listener_count);
  shm::RuleSpec rule();
  shm::MatchSpec match();

  std::mt19937_64 random_;
};

}  // namespace byway::test
