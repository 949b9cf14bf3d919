#include "control/model/gateways.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <set>
#include <tuple>

#include "control/model/addresses.h"
#include "control/model/resolve.h"
#include "control/resources/validate.h"

namespace byway::control::model {
namespace {

using resources::Gateway;

bool is_ours(const resources::GatewayClass& gateway_class) {
  return gateway_class.spec().controller_name() == controller_name;
}

Verdict judge_class(const resources::GatewayClass& gateway_class) {
  if (gateway_class.spec().has_parameters_ref())
    return {false, "InvalidParameters", "spec.parametersRef: Byway has no parameters"};
  return {true, "Accepted", "Byway serves Gateways of this class"};
}

Verdict judge_protocol(const resources::Listener& listener) {
  if (listener.protocol() == "HTTP") return {true, "Accepted"};
  return {false, "UnsupportedProtocol",
          fmt::format("protocol {} is not served in this version", listener.protocol())};
}

/// allowedRoutes.kinds: what is not an HTTPRoute cannot attach; nothing but that: no route can.
void judge_kinds(ListenerState& listener) {
  const auto& kinds = listener.spec->allowed_routes().kinds();
  listener.takes_http_routes = listener.spec->protocol() == "HTTP";
  if (kinds.empty()) return;
  bool has_http_route = false;
  for (const resources::RouteGroupKind& kind : kinds) {
    const bool is_known =
        (!kind.has_group() || kind.group() == resources::gateway_group) && kind.kind() == "HTTPRoute";
    has_http_route |= is_known;
    if (!is_known)
      listener.resolved_refs = {false, "InvalidRouteKinds",
                                fmt::format("routes of kind {} are not served on {} listeners", kind.kind(),
                                            listener.spec->protocol())};
  }
  listener.takes_http_routes &= has_http_route;
}

bool is_udp(const resources::Listener& listener) {
  return listener.protocol() == "UDP";
}

/// Listeners of one Gateway on one port must agree on the protocol (equal host names are refused earlier).
void judge_conflicts(GatewayState& state) {
  for (ListenerState& listener : state.listeners) {
    const bool conflict = std::ranges::any_of(state.listeners, [&](const ListenerState& other) {
      return other.spec->port() == listener.spec->port() && is_udp(*other.spec) == is_udp(*listener.spec) &&
             other.spec->protocol() != listener.spec->protocol();
    });
    if (!conflict) continue;
    const std::string message =
        fmt::format("port {} has listeners of different protocols", listener.spec->port());
    listener.conflicted = {true, "ProtocolConflict", message};
    listener.accepted = {false, "ProtocolConflict", message};
  }
}

Verdict judge_addresses(const Gateway& gateway) {
  for (const resources::GatewayAddress& address : gateway.spec().addresses()) {
    const bool is_ip = !address.has_type() || address.type() == "IPAddress";
    if (!is_ip || !address_of(address.value()))
      return {false, "UnsupportedAddress",
              fmt::format("address \"{}\": only IP addresses by value are served in this version",
                          address.value())};
  }
  if (gateway.spec().infrastructure().has_parameters_ref())
    return {false, "InvalidParameters", "spec.infrastructure.parametersRef: Byway has no parameters"};
  return {true, "Accepted"};
}

std::vector<shm::IpAddress> addresses_of(const Gateway& gateway) {
  std::vector<shm::IpAddress> addresses;
  for (const resources::GatewayAddress& address : gateway.spec().addresses())
    if (const auto parsed = address_of(address.value())) addresses.push_back(*parsed);
  return addresses;
}

std::vector<shm::Cidr> trusted_proxies_of(const Gateway& gateway) {
  std::vector<shm::Cidr> blocks;
  auto it = gateway.metadata().annotations().find(std::string(resources::trusted_proxies_annotation));
  if (it == gateway.metadata().annotations().end()) return blocks;
  for (auto part : std::views::split(std::string_view(it->second), ',')) {
    std::string_view text(part.begin(), part.end());
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    text = text.substr(0, text.find_last_not_of(' ') + 1);
    if (const auto block = resources::parse_block(text))
      blocks.push_back({to_shm(block->address), block->prefix_bits});
  }
  return blocks;
}

/// Two Gateways may share an address and port, but not with one host name as well: the older Gateway keeps
/// it.
class Places {
 public:
  /// False: taken by another; says by which.
  bool take(const std::vector<shm::IpAddress>& addresses, const resources::Listener& listener,
            const std::string& owner, std::string& holder) {
    std::vector<shm::IpAddress> places = addresses;
    if (places.empty()) places.emplace_back();
    for (const shm::IpAddress& address : places)
      if (auto it = taken_.find({address, listener.port(), listener.hostname()}); it != taken_.end())
        return holder = it->second, false;
    for (const shm::IpAddress& address : places)
      taken_[{address, listener.port(), listener.hostname()}] = owner;
    return true;
  }

 private:
  std::map<std::tuple<shm::IpAddress, int, std::string>, std::string> taken_;
};

void serve_listeners(GatewayState& state, Places& places, shm::PolicySpec& policy) {
  const std::vector<shm::IpAddress> addresses = addresses_of(*state.gateway);
  for (ListenerState& listener : state.listeners) {
    if (!listener.accepted.is_true || !listener.takes_http_routes) continue;
    std::string holder;
    const std::string name = fmt::format("{}/{}", state.key->full_name(), listener.spec->name());
    if (!places.take(addresses, *listener.spec, state.key->full_name(), holder)) {
      const std::string message =
          fmt::format("Gateway {} has this address, port and hostname already", holder);
      listener.conflicted = {true, "HostnameConflict", message};
      listener.accepted = {false, "PortUnavailable", message};
      continue;
    }
    shm::ListenerSpec spec;
    spec.name = name;
    spec.tcp_port = static_cast<std::uint16_t>(listener.spec->port());
    spec.addresses = addresses;
    spec.hostname = listener.spec->hostname();
    spec.trusted_proxies = trusted_proxies_of(*state.gateway);
    listener.policy_index = policy.listeners.size();
    policy.listeners.push_back(std::move(spec));
  }
}

GatewayState judge_gateway(const ObjectKey& key, const Gateway& gateway,
                           const resources::GatewayClass* gateway_class) {
  GatewayState state;
  state.key = &key;
  state.gateway = &gateway;
  for (const resources::Listener& spec : gateway.spec().listeners()) {
    ListenerState listener;
    listener.spec = &spec;
    listener.accepted = judge_protocol(spec);
    judge_kinds(listener);
    state.listeners.push_back(std::move(listener));
  }
  if (gateway_class == nullptr)
    state.pending_reason =
        fmt::format("there is no GatewayClass \"{}\"", gateway.spec().gateway_class_name());
  else if (!judge_class(*gateway_class).is_true)
    state.pending_reason =
        fmt::format("GatewayClass \"{}\" is not accepted", gateway.spec().gateway_class_name());
  state.is_pending = !state.pending_reason.empty();
  if (state.is_pending) return state;
  judge_conflicts(state);
  state.accepted = judge_addresses(gateway);
  return state;
}

/// Accepted while at least one listener is; the reason tells if not all are.
void judge_listeners(GatewayState& state) {
  if (!state.accepted.is_true) return;
  const auto bad = std::ranges::count_if(
      state.listeners, [](const ListenerState& listener) { return !listener.accepted.is_true; });
  if (bad == 0) return;
  state.accepted = {static_cast<std::size_t>(bad) < state.listeners.size(), "ListenersNotValid",
                    fmt::format("{} of {} listeners are not accepted", bad, state.listeners.size())};
}

void write_listener(const ListenerState& listener, const GatewayState& state,
                    resources::ListenerStatus& status) {
  const std::int64_t generation = state.gateway->metadata().generation();
  status.set_name(listener.spec->name());
  if (listener.takes_http_routes) {
    auto& kind = *status.add_supported_kinds();
    kind.set_group(std::string(resources::gateway_group));
    kind.set_kind("HTTPRoute");
  }
  status.set_attached_routes(listener.attached_routes);
  auto& conditions = *status.mutable_conditions();
  add_condition(conditions, "Accepted", listener.accepted, generation);
  add_condition(conditions, "Conflicted", listener.conflicted, generation);
  add_condition(conditions, "ResolvedRefs", listener.resolved_refs, generation);
  const bool is_served = listener.policy_index != SIZE_MAX;
  add_condition(
      conditions, "Programmed",
      is_served ? Verdict{true, "Programmed"} : Verdict{false, "Invalid", "the listener is not served"},
      generation);
}

std::shared_ptr<resources::GatewayStatus> write_gateway(const GatewayState& state) {
  auto status = std::make_shared<resources::GatewayStatus>();
  const std::int64_t generation = state.gateway->metadata().generation();
  auto& conditions = *status->mutable_conditions();
  if (state.is_pending) {
    for (std::string_view type : {"Accepted", "Programmed"})
      add_condition(conditions, type, {false, "Pending", state.pending_reason}, generation)
          .set_status("Unknown");
    return status;
  }
  add_condition(conditions, "Accepted", state.accepted, generation);
  const bool serves = std::ranges::any_of(
      state.listeners, [](const ListenerState& listener) { return listener.policy_index != SIZE_MAX; });
  add_condition(conditions, "Programmed",
                serves ? Verdict{true, "Programmed"} : Verdict{false, "Invalid", "no listener is served"},
                generation);
  for (const ListenerState& listener : state.listeners)
    write_listener(listener, state, *status->add_listeners());
  return status;
}

/// Names of the Gateway API's features (pkg/features), in order.
constexpr std::string_view supported_features[] = {"Gateway",
                                                   "GatewayHTTPListenerIsolation",
                                                   "GatewayPort8080",
                                                   "GatewayStaticAddresses",
                                                   "HTTPRoute",
                                                   "HTTPRouteBackendRequestHeaderModification",
                                                   "HTTPRouteBackendTimeout",
                                                   "HTTPRouteMethodMatching",
                                                   "HTTPRouteNamedRouteRule",
                                                   "HTTPRouteParentRefPort",
                                                   "HTTPRouteQueryParamMatching",
                                                   "HTTPRouteRequestTimeout",
                                                   "ReferenceGrant"};

}  // namespace

GatewayStates resolve_gateways(const Catalog& catalog, shm::PolicySpec& policy) {
  GatewayStates states;
  std::vector<GatewayState*> by_age;
  for (const auto& [key, gateway] : catalog.gateways()) {
    const resources::GatewayClass* gateway_class =
        catalog.gateway_class(gateway->spec().gateway_class_name());
    if (gateway_class != nullptr && !is_ours(*gateway_class)) continue;
    GatewayState& state = states[*key] = judge_gateway(*key, *gateway, gateway_class);
    if (!state.is_pending && state.accepted.is_true) by_age.push_back(&state);
  }
  std::ranges::sort(by_age, [](const GatewayState* a, const GatewayState* b) {
    const std::string& a_created = a->gateway->metadata().creation_timestamp();
    const std::string& b_created = b->gateway->metadata().creation_timestamp();
    return std::tie(a_created, *a->key) < std::tie(b_created, *b->key);
  });
  Places places;
  for (GatewayState* state : by_age) serve_listeners(*state, places, policy);
  for (auto& [key, state] : states) judge_listeners(state);
  return states;
}

void write_gateway_statuses(const Catalog& catalog, const GatewayStates& gateways, StatusMap& statuses) {
  for (const auto& [key, gateway_class] : catalog.gateway_classes()) {
    if (!is_ours(*gateway_class)) continue;
    auto status = std::make_shared<resources::GatewayClassStatus>();
    add_condition(*status->mutable_conditions(), "Accepted", judge_class(*gateway_class),
                  gateway_class->metadata().generation());
    for (std::string_view name : supported_features)
      status->add_supported_features()->set_name(std::string(name));
    statuses[*key] = std::move(status);
  }
  for (const auto& [key, state] : gateways) statuses[key] = write_gateway(state);
}

}  // namespace byway::control::model
