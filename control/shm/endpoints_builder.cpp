#include "control/shm/endpoints_builder.h"

#include <algorithm>
#include <tuple>

#include "control/shm/dump.h"
#include "control/shm/policy_layout.h"

namespace byway::shm {

namespace {

/// "ns/name:port@10.0.0.1:8080", for messages.
std::string endpoint_name(const BackendSpec& backend, const EndpointSpec& endpoint) {
  return backend.name + "@" + to_text(endpoint.address) + ":" + std::to_string(endpoint.tcp_port);
}

std::expected<void, BuildError> append_endpoints(const BackendSpec& backend, std::vector<Endpoint>& out) {
  std::vector<EndpointSpec> sorted = backend.endpoints;
  const auto place = [](const EndpointSpec& spec) { return std::tie(spec.address, spec.tcp_port); };
  std::ranges::sort(sorted, {}, place);
  if (const auto twice = std::ranges::adjacent_find(sorted, {}, place); twice != sorted.end()) {
    return std::unexpected(BuildError{"endpoint " + endpoint_name(backend, *twice) + " is listed twice"});
  }
  for (const EndpointSpec& spec : sorted) {
    const bool is_valid =
        !spec.address.is_none() && spec.tcp_port != 0 && spec.weight >= 1 && spec.weight <= weight_max;
    if (!is_valid) {
      return std::unexpected(BuildError{"endpoint " + endpoint_name(backend, spec) +
                                        " has an address, port or weight out of bounds"});
    }
    out.push_back({.id = endpoint_id(backend.name, spec.address, spec.tcp_port),
                   .address = spec.address,
                   .weight = spec.weight,
                   .tcp_port = spec.tcp_port,
                   .flags = 0});
  }
  return {};
}

}  // namespace

std::expected<BlobBytes, BuildError> build_endpoints(const std::vector<BackendSpec>& backends) {
  std::vector<const BackendSpec*> sorted;
  for (const BackendSpec& backend : backends) sorted.push_back(&backend);
  const auto id_of = [](const BackendSpec* spec) { return stable_id(spec->name); };
  std::ranges::sort(sorted, {}, id_of);
  if (const auto twice = std::ranges::adjacent_find(sorted, {}, id_of); twice != sorted.end()) {
    return std::unexpected(
        BuildError{"backends " + (*twice)->name + " and " + (*std::next(twice))->name + " share one id"});
  }
  if (sorted.size() > backends_max) {
    return std::unexpected(BuildError{"more than " + std::to_string(backends_max) + " backends"});
  }

  BlobWriter writer{BlobKind::endpoints, sizeof(EndpointsRoot)};
  std::vector<Backend> records;
  std::vector<Endpoint> endpoints;
  for (const BackendSpec* spec : sorted) {
    if (spec->name.empty() || spec->name.size() > name_bytes_max) {
      return std::unexpected(BuildError{"backend name \"" + spec->name + "\" is empty or too long"});
    }
    const auto first = static_cast<std::uint32_t>(endpoints.size());
    if (auto done = append_endpoints(*spec, endpoints); !done) return std::unexpected(done.error());
    records.push_back({.id = id_of(spec),
                       .name = writer.text(spec->name),
                       .balance = spec->balance,
                       .reserved = 0,
                       .endpoints = {first, static_cast<std::uint32_t>(endpoints.size())}});
  }
  if (endpoints.size() > endpoints_max) {
    return std::unexpected(BuildError{"more than " + std::to_string(endpoints_max) + " endpoints"});
  }
  EndpointsRoot root{};
  root.strings = writer.place_strings();
  root.backends = writer.place(records);
  root.endpoints = writer.place(endpoints);
  return writer.finish(root);
}

std::expected<BlobBytes, BuildError> build_secrets() {
  BlobWriter writer{BlobKind::secrets, sizeof(SecretsRoot)};
  SecretsRoot root{};
  root.strings = writer.place_strings();
  root.secrets = writer.place(std::vector<Secret>{});
  return writer.finish(root);
}

}  // namespace byway::shm
