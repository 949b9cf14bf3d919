#include "tools/cli/kinds.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tools/cli/client.h"

namespace byway::cli {

namespace {

constexpr std::string_view gateway_api = "/apis/gateway.networking.k8s.io/v1";
constexpr std::array kinds = {
    Kind{"GatewayClass", "gatewayclasses", "gc", gateway_api, false},
    Kind{"Gateway", "gateways", "gtw", gateway_api, true},
    Kind{"HTTPRoute", "httproutes", "hr", gateway_api, true},
    Kind{"ReferenceGrant", "referencegrants", "refgrant", "/apis/gateway.networking.k8s.io/v1beta1", true},
    Kind{"Service", "services", "svc", "/api/v1", true},
    Kind{"EndpointSlice", "endpointslices", "eps", "/apis/discovery.k8s.io/v1", true},
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

}  // namespace

std::span<const Kind> all_kinds() {
  return kinds;
}

const Kind* find_kind(std::string_view word) {
  const std::string wanted = lower(word);
  const auto at = std::ranges::find_if(kinds, [&](const Kind& kind) {
    return wanted == lower(kind.name) || wanted == kind.plural || wanted == kind.short_name;
  });
  return at == kinds.end() ? nullptr : &*at;
}

std::string path_of(const Kind& kind, std::string_view name_space, std::string_view name) {
  std::string path(kind.api);
  if (kind.namespaced && !name_space.empty()) path += "/namespaces/" + escaped(name_space);
  path += fmt::format("/{}", kind.plural);
  if (!name.empty()) path += "/" + escaped(name);
  return path;
}

std::string unknown_kind(std::string_view word) {
  std::string names;
  for (const Kind& kind : kinds)
    names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", kind.plural, kind.short_name);
  return fmt::format("there is no kind \"{}\"; known are: {}", word, names);
}

}  // namespace byway::cli
