#include "control/model/backends.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "control/model/addresses.h"
#include "control/resources/validate.h"

namespace byway::control::model {
namespace {

bool is_tcp(bool has_protocol, const std::string& protocol) {
  return !has_protocol || protocol == "TCP";
}

const resources::ServicePort* find_port(const resources::Service& service, int number) {
  const resources::ServicePort* found = nullptr;
  for (const resources::ServicePort& port : service.spec().ports())
    if (port.port() == number && (found == nullptr || is_tcp(port.has_protocol(), port.protocol())))
      found = &port;
  return found;
}

/// Endpoints of a port in two sets: those that are ready, and those that still serve while they terminate,
/// which are used only where nothing is ready (KEP-1669).
struct Candidates {
  std::vector<shm::EndpointSpec> ready;
  std::vector<shm::EndpointSpec> terminating;
  std::set<std::pair<shm::IpAddress, std::uint16_t>> seen;  ///< an endpoint may be in two slices for a while

  void take(const resources::Endpoint& endpoint, std::uint16_t tcp_port) {
    const auto address = address_of(endpoint.addresses(0));
    if (!address) return;
    const resources::EndpointConditions& conditions = endpoint.conditions();
    const bool is_ready = !conditions.has_ready() || conditions.ready();
    const bool is_serving = conditions.has_serving() ? conditions.serving() : is_ready;
    if (!is_ready && !(is_serving && conditions.terminating())) return;
    if (!seen.insert({*address, tcp_port}).second) return;
    shm::EndpointSpec spec;
    spec.address = *address;
    spec.tcp_port = tcp_port;
    (is_ready ? ready : terminating).push_back(spec);
  }
};

}  // namespace

ResolvedBackend Backends::resolve(const resources::HTTPBackendRef& ref, const std::string& route_namespace) {
  const std::string target = ref.has_namespace_() ? ref.namespace_() : route_namespace;
  ResolvedBackend resolved{fmt::format("{}/{}:{}", target, ref.name(), ref.port())};
  auto fail = [&](std::string_view reason, std::string message) {
    resolved.verdict = {false, std::string(reason), std::move(message)};
    return resolved;
  };
  if (!ref.group().empty() || (ref.has_kind() && ref.kind() != "Service"))
    return fail("InvalidKind", fmt::format("backends of kind {}{}{} are not served", ref.group(),
                                           ref.group().empty() ? "" : "/", ref.kind()));
  if (target != route_namespace && !catalog_.is_granted(route_namespace, target, ref.name()))
    return fail(
        "RefNotPermitted",
        fmt::format("no ReferenceGrant in namespace {} lets HTTPRoutes of namespace {} refer to Service {}",
                    target, route_namespace, ref.name()));
  const resources::Service* service = catalog_.service(target, ref.name());
  if (service == nullptr)
    return fail("BackendNotFound", fmt::format("Service {}/{} does not exist", target, ref.name()));
  if (service->spec().type() == "ExternalName")
    return fail("BackendNotFound",
                fmt::format("Service {}/{} is an ExternalName, and names are not resolved in this version",
                            target, ref.name()));
  const resources::ServicePort* port = find_port(*service, ref.port());
  if (port == nullptr)
    return fail("BackendNotFound",
                fmt::format("Service {}/{} has no port {}", target, ref.name(), ref.port()));
  if (!is_tcp(port->has_protocol(), port->protocol()))
    return fail("UnsupportedProtocol", fmt::format("port {} of Service {}/{} is {}", ref.port(), target,
                                                   ref.name(), port->protocol()));
  if (!port->app_protocol().empty() && port->app_protocol() != "http")
    return fail("UnsupportedProtocol",
                fmt::format("appProtocol {} of Service {}/{} is not served in this version",
                            port->app_protocol(), target, ref.name()));
  places_.try_emplace(resolved.name, Place{target, service, port});
  return resolved;
}

std::vector<shm::BackendSpec> Backends::specs() const {
  std::vector<shm::BackendSpec> specs;
  for (const auto& [name, place] : places_) {
    Candidates candidates;
    for (const resources::EndpointSlice* slice :
         catalog_.slices(place.object_namespace, place.service->metadata().name()))
      for (const resources::EndpointPort& port : slice->ports()) {
        if (port.name() != place.port->name() || !is_tcp(port.has_protocol(), port.protocol()) ||
            !port.has_port())
          continue;
        for (const resources::Endpoint& endpoint : slice->endpoints())
          candidates.take(endpoint, static_cast<std::uint16_t>(port.port()));
      }
    shm::BackendSpec spec;
    spec.name = name;
    spec.endpoints =
        candidates.ready.empty() ? std::move(candidates.terminating) : std::move(candidates.ready);
    const auto& annotations = place.service->metadata().annotations();
    if (auto it = annotations.find(std::string(resources::load_balancing_annotation));
        it != annotations.end() && it->second == "LeastRequest")
      spec.balance = shm::BalancePolicy::least_request;
    specs.push_back(std::move(spec));
  }
  return specs;
}

}  // namespace byway::control::model
