// Resolving YAML in tests, and asking for conditions by name.
#pragma once
#include <google/protobuf/message.h>

#include <string>

#include "control/engine/content.h"
#include "control/model/programmed.h"
#include "control/model/resolve.h"
#include "control/resources/gateway.pb.h"
#include "control/resources/route.pb.h"
#include "tests/unit/control/support/node.h"
#include "tests/unit/control/support/yaml.h"

namespace byway::control {

/// A class of ours and a Gateway "web" in namespace "infra" with listener "http" on port 80 for all
/// namespaces.
inline constexpr std::string_view base_yaml = R"(
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: byway, generation: 1}
spec: {controllerName: byway.dev/gateway}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: infra, generation: 3}
spec:
  gatewayClassName: byway
  addresses: [{value: 10.80.0.1}]
  listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]
---
apiVersion: v1
kind: Service
metadata: {name: v1, namespace: shop}
spec: {ports: [{name: web, port: 80}, {name: other, port: 81}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: v1-a, namespace: shop, labels: {kubernetes.io/service-name: v1}}
addressType: IPv4
endpoints: [{addresses: [10.81.0.2]}, {addresses: [10.81.0.3], conditions: {ready: false}}]
ports: [{name: web, port: 8080}, {name: other, port: 9090}]
---
)";

/// An HTTPRoute shop/web with this spec.
inline std::string route_yaml(std::string_view spec) {
  return "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"
         "metadata: {name: web, namespace: shop, generation: 2}\nspec:\n" +
         std::string(spec) + "\n---\n";
}

inline constexpr std::string_view parent = "  parentRefs: [{name: web, namespace: infra}]\n";

class Resolved {
 public:
  /// With statuses as of a data plane that runs all of it and has the address 10.80.0.1/24.
  explicit Resolved(std::string_view yaml) : Resolved(yaml, node_of({{0x0A500001, 24}}).get(), true) {}
  /// `node`: nullptr without a data plane.
  Resolved(std::string_view yaml, const NodeAddresses* node, bool is_applied) {
    for (ParsedObject& parsed : objects_from(yaml)) {
      auto object = std::make_shared<Object>();
      object->key = parsed.key;
      object->message = std::move(parsed.message);
      objects_[parsed.key] = std::move(object);
    }
    resolution_ = resolve(objects_);
    unprogrammed_ = resolution_.statuses;
    for (auto& [key, status] : resolution_.statuses) {
      if (key.kind->name != "Gateway") continue;
      auto programmed = std::make_shared<resources::GatewayStatus>();
      programmed->CopyFrom(*status);
      model::write_programmed(static_cast<const resources::Gateway&>(*objects_.at(key)->message),
                              {node, is_applied}, *programmed);
      status = std::move(programmed);
    }
  }

  /// A Gateway's status as the resolver left it.
  const google::protobuf::Message& unprogrammed(const std::string& object_namespace,
                                                const std::string& name) const {
    return *unprogrammed_.at({&resources::kind_named("Gateway"), object_namespace, name});
  }
  const google::protobuf::Message* object(std::string_view kind, const std::string& object_namespace,
                                          const std::string& name) const {
    return objects_.at({&resources::kind_named(kind), object_namespace, name})->message.get();
  }

  const Model& model() const { return *resolution_.model; }
  const shm::PolicySpec& policy() const { return resolution_.model->policy; }

  template <class Status>
  const Status* status(std::string_view kind, const std::string& object_namespace,
                       const std::string& name) const {
    auto it = resolution_.statuses.find({&resources::kind_named(kind), object_namespace, name});
    return it == resolution_.statuses.end() ? nullptr : static_cast<const Status*>(it->second.get());
  }

  /// "True Accepted", "False NoMatchingParent", or "" if there is none.
  std::string gateway_condition(const std::string& type, const std::string& name = "web") const {
    const auto* found = status<resources::GatewayStatus>("Gateway", "infra", name);
    return found == nullptr ? "" : text(found->conditions(), type);
  }
  std::string listener_condition(const std::string& type, int listener = 0,
                                 const std::string& name = "web") const {
    const auto* found = status<resources::GatewayStatus>("Gateway", "infra", name);
    return found == nullptr ? "" : text(found->listeners(listener).conditions(), type);
  }
  std::string route_condition(const std::string& type, int parent_index = 0,
                              const std::string& name = "web") const {
    const auto* found = status<resources::HTTPRouteStatus>("HTTPRoute", "shop", name);
    return found == nullptr || found->parents_size() <= parent_index
               ? ""
               : text(found->parents(parent_index).conditions(), type);
  }
  std::string class_condition(const std::string& type, const std::string& name = "byway") const {
    const auto* found = status<resources::GatewayClassStatus>("GatewayClass", "", name);
    return found == nullptr ? "" : text(found->conditions(), type);
  }

 private:
  static std::string text(const google::protobuf::RepeatedPtrField<resources::Condition>& conditions,
                          const std::string& type) {
    for (const resources::Condition& condition : conditions)
      if (condition.type() == type) return condition.status() + " " + condition.reason();
    return "";
  }

  ObjectMap objects_;
  StatusMap unprogrammed_;
  Resolution resolution_;
};

}  // namespace byway::control
