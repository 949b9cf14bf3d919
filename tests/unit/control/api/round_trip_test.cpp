// One whole example of each kind: what goes in comes out, and only what the server sets is added.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "control/reader/write.h"
#include "control/reader/yaml.h"
#include "tests/unit/control/support/agent.h"
#include "tests/unit/control/support/manifests.h"

namespace byway::control {
namespace {

struct Example {
  const char* path;
  const char* yaml;
};

constexpr Example examples[] = {
    {classes_path, R"(
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata:
  name: byway
  labels: {team: edge, empty: ""}
  annotations: {"example.com/note": "line one\nline two", kubectl.kubernetes.io/last-applied-configuration: "{\"a\":1}\n"}
spec:
  controllerName: byway.dev/gateway
  description: "node gateways"
)"},
    {gateways_path, R"(
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: web
  namespace: default
  annotations: {byway.dev/trusted-proxies: "10.0.0.0/8, 192.168.1.1"}
spec:
  gatewayClassName: byway
  listeners:
  - name: http
    hostname: "*.example.com"
    port: 80
    protocol: HTTP
    allowedRoutes:
      namespaces: {from: All}
      kinds: [{group: gateway.networking.k8s.io, kind: HTTPRoute}]
  - name: https
    port: 443
    protocol: HTTPS
    tls:
      mode: Terminate
      certificateRefs: [{group: "", kind: Secret, name: cert, namespace: certs}]
      options: {example.com/cipher: strong}
  addresses:
  - {type: IPAddress, value: 10.80.0.1}
  infrastructure:
    labels: {a: b}
    annotations: {}
)"},
    {routes_path, R"(
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: web
  namespace: default
  ownerReferences:
  - {apiVersion: apps/v1, kind: Deployment, name: x, uid: u, controller: false, blockOwnerDeletion: true}
spec:
  parentRefs:
  - {group: gateway.networking.k8s.io, kind: Gateway, namespace: default, name: web, sectionName: http, port: 80}
  hostnames: [a.example.com, "*.b.example.com"]
  rules:
  - name: first
    matches:
    - path: {type: PathPrefix, value: /}
      headers: [{type: Exact, name: X-Version, value: "1"}, {name: X-Other, value: "true"}]
      queryParams: [{name: q, value: "0"}]
      method: GET
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier:
        set: [{name: X-Set, value: "a b"}]
        add: [{name: X-Add, value: "1"}]
        remove: [X-Remove]
    backendRefs:
    - {group: "", kind: Service, name: v1, namespace: default, port: 80, weight: 0}
    - name: v2
      port: 8080
      weight: 1000000
      filters: []
    timeouts: {request: 0s, backendRequest: 1m30s}
  - matches: []
    backendRefs: []
)"},
    {"/apis/gateway.networking.k8s.io/v1beta1/namespaces/default/referencegrants", R"(
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: grant, namespace: default}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}]
  to: [{group: "", kind: Service}, {group: "", kind: Service, name: v1}]
)"},
    {services_path, R"(
apiVersion: v1
kind: Service
metadata:
  name: v1
  namespace: default
  annotations: {byway.dev/load-balancing: LeastRequest}
spec:
  ports:
  - {name: web, protocol: TCP, appProtocol: http, port: 80, targetPort: 8080, nodePort: 30080}
  - {name: named, port: 81, targetPort: web}
  selector: {app: v1}
  clusterIP: 10.96.0.1
  clusterIPs: [10.96.0.1, "fd00::1"]
  type: LoadBalancer
  externalIPs: [1.2.3.4]
  sessionAffinity: None
  loadBalancerSourceRanges: []
  externalTrafficPolicy: Cluster
  internalTrafficPolicy: Cluster
  publishNotReadyAddresses: false
  ipFamilies: [IPv4]
  ipFamilyPolicy: SingleStack
  allocateLoadBalancerNodePorts: true
  trafficDistribution: PreferClose
)"},
    {"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", R"(
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: v1-a, namespace: default, labels: {kubernetes.io/service-name: v1}}
addressType: IPv4
endpoints:
- addresses: [10.81.0.2]
  conditions: {ready: true, serving: true, terminating: false}
  hostname: a
  targetRef: {kind: Pod, namespace: default, name: v1-x, uid: u}
  nodeName: node-1
  zone: zone-1
  hints: {forZones: [{name: zone-1}]}
- addresses: [10.81.0.3]
  conditions: {}
ports:
- {name: web, protocol: TCP, port: 8080, appProtocol: http}
)"},
};

/// The answer without what the server adds.
reader::Node without_server_fields(reader::Node node) {
  node.remove("status");
  for (std::string_view name : {"uid", "resourceVersion", "generation", "creationTimestamp"})
    node.find("metadata")->remove(name);
  return node;
}

/// Members in one order, since an object has none.
void sort_members(reader::Node& node) {
  std::ranges::sort(node.members, {}, &reader::Member::name);
  for (reader::Member& member : node.members) sort_members(member.value);
  for (reader::Node& item : node.items) sort_members(item);
}

std::string canonical(reader::Node node) {
  sort_members(node);
  return reader::to_json(node);
}

TEST_CASE("what goes in comes out, for a whole example of each kind") {
  Agent agent;
  const HttpClient client = agent.client();
  for (const Example& example : examples) {
    INFO(example.yaml);
    const std::string_view yaml = example.yaml;
    const auto written = reader::read_yaml_documents(yaml);
    REQUIRE(written);
    const HttpAnswer created = client.call("POST", example.path, yaml);
    INFO(created.body);
    REQUIRE(created.status == 201);
    const std::string name(written->front().find("metadata")->text_of("name"));
    const HttpAnswer read = client.get(std::string(example.path) + "/" + name);
    CHECK(canonical(without_server_fields(read.json())) == canonical(written->front()));
    // And once more with what came out, as JSON and as YAML.
    CHECK(client.call("PUT", std::string(example.path) + "/" + name, read.body, "application/json")
              .at("metadata.resourceVersion") == created.at("metadata.resourceVersion"));
    const HttpAnswer as_yaml =
        client.call("GET", std::string(example.path) + "/" + name, "", "", "Accept: application/yaml\r\n");
    CHECK(client.call("PUT", std::string(example.path) + "/" + name, as_yaml.body)
              .at("metadata.resourceVersion") == created.at("metadata.resourceVersion"));
  }
}

}  // namespace
}  // namespace byway::control
