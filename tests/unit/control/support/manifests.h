// Manifests for tests of the API: small, whole, and valid.
#pragma once
#include <string>
#include <string_view>

namespace byway::control {

inline constexpr std::string_view class_manifest =
    "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: byway}\n"
    "spec: {controllerName: byway.dev/gateway}\n";
inline constexpr std::string_view gateway_manifest =
    "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: web}\n"
    "spec: {gatewayClassName: byway, listeners: [{name: http, port: 80, protocol: HTTP}]}\n";
inline constexpr std::string_view service_manifest =
    "apiVersion: v1\nkind: Service\nmetadata: {name: v1}\nspec: {ports: [{port: 80}]}\n";
inline constexpr std::string_view slice_manifest =
    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
    "metadata: {name: v1-a, labels: {kubernetes.io/service-name: v1}}\n"
    "addressType: IPv4\nendpoints: [{addresses: [10.81.0.2]}]\nports: [{port: 8080}]\n";
inline constexpr std::string_view route_manifest =
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: web}\n"
    "spec:\n  parentRefs: [{name: web}]\n  rules:\n  - backendRefs: [{name: v1, port: 80}]\n";

/// The five above as one stream.
inline std::string all_manifests() {
  std::string text;
  for (std::string_view one :
       {class_manifest, gateway_manifest, service_manifest, slice_manifest, route_manifest})
    text += std::string(one) + "---\n";
  return text;
}

/// The route of route_manifest with another weight.
inline std::string route_with_weight(int weight) {
  return "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: web}\nspec:\n  "
         "parentRefs: [{name: web}]\n"
         "  rules:\n  - backendRefs: [{name: v1, port: 80, weight: " +
         std::to_string(weight) + "}]\n";
}

inline constexpr const char* apply_path = "/byway/v1/apply";
inline constexpr const char* classes_path = "/apis/gateway.networking.k8s.io/v1/gatewayclasses";
inline constexpr const char* gateways_path = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways";
inline constexpr const char* routes_path = "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes";
inline constexpr const char* services_path = "/api/v1/namespaces/default/services";

}  // namespace byway::control
