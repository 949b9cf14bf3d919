// The kinds that the command line knows by name, and their paths in the API.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace byway::cli {

struct Kind {
  std::string_view name;        ///< "HTTPRoute"
  std::string_view plural;      ///< "httproutes": the path segment
  std::string_view short_name;  ///< "hr", or empty
  std::string_view api;         ///< "/apis/gateway.networking.k8s.io/v1"
  bool namespaced = true;
};

[[nodiscard]] std::span<const Kind> all_kinds();

/// By kind, singular, plural or short name, in any case.
[[nodiscard]] const Kind* find_kind(std::string_view word);

/// "/apis/.../namespaces/NS/httproutes/NAME"; without a name: the collection; without a namespace: of all
/// namespaces.
[[nodiscard]] std::string path_of(const Kind& kind, std::string_view name_space, std::string_view name);

/// What to say about a word that is no kind.
[[nodiscard]] std::string unknown_kind(std::string_view word);

}  // namespace byway::cli
