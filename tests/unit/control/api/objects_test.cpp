// Single objects over HTTP, as a Kubernetes client sees them.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "control/reader/write.h"
#include "tests/unit/control/support/agent.h"
#include "tests/unit/control/support/manifests.h"

namespace byway::control {
namespace {

const std::string route_path = std::string(routes_path) + "/web";
const std::string service_path = std::string(services_path) + "/v1";

TEST_CASE("an object is created, read, replaced, patched and deleted") {
  Agent agent;
  const HttpClient client = agent.client();
  HttpAnswer answer = client.call("POST", services_path, service_manifest);
  CHECK(answer.status == 201);
  CHECK(answer.at("metadata.resourceVersion") == "1");
  CHECK(answer.at("metadata.generation") == "1");
  CHECK(answer.at("metadata.namespace") == "default");
  CHECK(answer.at("metadata.creationTimestamp").starts_with("2026-01-01T00:"));
  const std::string uid = answer.at("metadata.uid");
  CHECK(uid.size() == 36);

  answer = client.get(service_path);
  CHECK(answer.status == 200);
  CHECK(answer.at("spec.ports[0].port") == "80");

  answer = client.call("PUT", service_path,
                       "apiVersion: v1\nkind: Service\nmetadata: {name: v1}\nspec: {ports: [{port: 81}]}\n");
  CHECK(answer.status == 200);
  CHECK(answer.at("spec.ports[0].port") == "81");
  CHECK(answer.at("metadata.resourceVersion") == "2");
  CHECK(answer.at("metadata.generation") == "2");
  CHECK(answer.at("metadata.uid") == uid);

  answer = client.call("PATCH", service_path, R"({"metadata":{"labels":{"a":"b"}}})",
                       "application/merge-patch+json");
  CHECK(answer.status == 200);
  CHECK(answer.at("metadata.labels.a") == "b");
  CHECK(answer.at("spec.ports[0].port") == "81");
  // Labels are no part of the spec.
  CHECK(answer.at("metadata.generation") == "2");
  CHECK(answer.at("metadata.resourceVersion") == "3");

  answer = client.call("DELETE", service_path);
  CHECK(answer.status == 200);
  CHECK(answer.at("kind") == "Status");
  CHECK(answer.at("status") == "Success");
  CHECK(client.get(service_path).status == 404);
  CHECK(client.call("DELETE", service_path).status == 404);
}

TEST_CASE("what exists cannot be created, what does not cannot be replaced or patched") {
  Agent agent;
  const HttpClient client = agent.client();
  CHECK(client.call("PUT", service_path, service_manifest).status == 404);
  CHECK(client.call("PATCH", service_path, "{}", "application/merge-patch+json").status == 404);
  REQUIRE(client.call("POST", services_path, service_manifest).status == 201);
  const HttpAnswer answer = client.call("POST", services_path, service_manifest);
  CHECK(answer.status == 409);
  CHECK(answer.at("reason") == "AlreadyExists");
  CHECK(answer.at("message") == "Service \"default/v1\" already exists");
}

TEST_CASE("a write with a stale resourceVersion or another uid is a conflict and changes nothing") {
  Agent agent;
  const HttpClient client = agent.client();
  REQUIRE(client.call("POST", services_path, service_manifest).status == 201);
  const auto put = [&](std::string_view metadata) {
    return client.call("PUT", service_path,
                       "apiVersion: v1\nkind: Service\nmetadata: {name: v1, " + std::string(metadata) +
                           "}\nspec: {ports: [{port: 82}]}\n");
  };
  CHECK(put("resourceVersion: '7'").status == 409);
  CHECK(put("resourceVersion: '7'").at("reason") == "Conflict");
  CHECK(put("uid: 00000000-0000-0000-0000-000000000000").status == 409);
  CHECK(client
            .call("PATCH", service_path, R"({"metadata":{"resourceVersion":"7"}})",
                  "application/merge-patch+json")
            .status == 409);
  CHECK(client
            .call("DELETE", service_path,
                  R"({"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"resourceVersion":"7"}})",
                  "application/json")
            .status == 409);
  CHECK(client.get(service_path).at("spec.ports[0].port") == "80");
  CHECK(put("resourceVersion: '1'").status == 200);
}

TEST_CASE("an object that is written unchanged keeps its resourceVersion") {
  Agent agent;
  const HttpClient client = agent.client();
  REQUIRE(client.call("POST", services_path, service_manifest).status == 201);
  const std::string read = client.get(service_path).body;
  const HttpAnswer answer = client.call("PUT", service_path, read, "application/json");
  CHECK(answer.status == 200);
  CHECK(answer.at("metadata.resourceVersion") == "1");
  CHECK(agent.publisher.sets.size() == 1);
}

TEST_CASE("path and body must agree") {
  Agent agent;
  const HttpClient client = agent.client();
  CHECK(client.call("POST", routes_path, service_manifest).at("message") ==
        "the body: kind: the path is one of httproutes, the body holds a Service (line 2, column 7)");
  CHECK(client.call("PUT", std::string(services_path) + "/other", service_manifest).at("message") ==
        "the body: metadata.name: is v1, but the path says other (line 3, column 18)");
  CHECK(client
            .call("POST", "/api/v1/namespaces/shop/services",
                  "apiVersion: v1\nkind: Service\nmetadata: {name: v1, namespace: x}\nspec: {ports: [{port: "
                  "80}]}\n")
            .status == 400);
  CHECK(client.call("POST", "/api/v1/namespaces/shop/services", service_manifest).at("metadata.namespace") ==
        "shop");
}

TEST_CASE("errors name field, line and reason in the details") {
  Agent agent;
  const HttpClient client = agent.client();
  HttpAnswer answer = client.call("POST", routes_path,
                                  "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: "
                                  "{name: web}\nspec:\n  rulez: []\n");
  CHECK(answer.status == 400);
  CHECK(answer.at("reason") == "BadRequest");
  CHECK(answer.at("details.causes[0].field") == "spec.rulez");
  CHECK(answer.at("details.causes[0].line") == "5");
  CHECK(answer.at("details.causes[0].message") == "unknown field, did you mean \"rules\"?");

  answer = client.call("POST", gateways_path,
                       "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: "
                       "web}\nspec:\n  gatewayClassName: byway\n  listeners:\n"
                       "  - {name: a, port: 80, protocol: HTTP}\n  - {name: b, port: 80, protocol: HTTP}\n");
  CHECK(answer.status == 422);
  CHECK(answer.at("reason") == "Invalid");
  CHECK(answer.at("details.name") == "web");
  CHECK(answer.at("details.group") == "gateway.networking.k8s.io");
  CHECK(answer.at("details.kind") == "gateways");
  CHECK(answer.at("details.causes[0].reason") == "FieldValueDuplicate");
  CHECK(answer.at("details.causes[0].field") == "spec.listeners[1]");
  CHECK(answer.at("details.causes[0].line") == "8");
  CHECK(client.get(gateways_path).at("metadata.resourceVersion") == "0");
}

TEST_CASE("a patch is refused with the place in the patch") {
  Agent agent;
  const HttpClient client = agent.client();
  REQUIRE(client.call("POST", routes_path, route_manifest).status == 201);
  const HttpAnswer answer =
      client.call("PATCH", route_path, "{\n \"spec\": {\"hostnames\": [\"a.com\", \"A.com\"]}}",
                  "application/merge-patch+json");
  CHECK(answer.status == 422);
  CHECK(answer.at("details.causes[0].field") == "spec.hostnames[1]");
  CHECK(answer.at("details.causes[0].line") == "2");
  CHECK(client.call("PATCH", route_path, "[]", "application/merge-patch+json").status == 400);
  for (const char* type : {"application/json-patch+json", "application/strategic-merge-patch+json",
                           "application/apply-patch+yaml", "application/json"}) {
    INFO(type);
    CHECK(client.call("PATCH", route_path, "{}", type).status == 415);
  }
}

TEST_CASE("a dry run checks everything and changes nothing") {
  Agent agent;
  const HttpClient client = agent.client();
  const HttpAnswer answer = client.call("POST", std::string(services_path) + "?dryRun=All", service_manifest);
  CHECK(answer.status == 201);
  CHECK(answer.at("metadata.uid").size() == 36);
  CHECK(client.get(service_path).status == 404);
  CHECK(agent.publisher.sets.empty());
  CHECK(client.call("POST", std::string(services_path) + "?dryRun=all", service_manifest).status == 400);
  REQUIRE(client.call("POST", services_path, service_manifest).status == 201);
  CHECK(client.call("DELETE", service_path + "?dryRun=All").status == 200);
  CHECK(client.get(service_path).status == 200);
}

TEST_CASE("unknown and repeated query parameters are refused") {
  Agent agent;
  const HttpClient client = agent.client();
  CHECK(client.call("POST", std::string(services_path) + "?dryrun=All", service_manifest).at("message") ==
        "query parameter dryrun: unknown, did you mean \"dryRun\"?");
  CHECK(client.call("POST", std::string(services_path) + "?strict=true&strict=false", service_manifest)
            .status == 400);
  CHECK(client.call("POST", std::string(services_path) + "?timeout=5s", service_manifest).status == 400);
  CHECK(client.call("POST", std::string(services_path) + "?wait=applied&timeout=61s", service_manifest)
            .status == 400);
  CHECK(client.get(std::string(services_path) + "?watch=true").status == 400);
  CHECK(client.get(std::string(services_path) + "?fieldSelector=a").status == 400);
  CHECK(client.get(service_path).status == 404);
}

TEST_CASE("lists are of one namespace or of all, and choose by label") {
  Agent agent;
  const HttpClient client = agent.client();
  for (const char* text : {"{name: a, namespace: x, labels: {app: one}}",
                           "{name: b, namespace: x, labels: {app: two}}", "{name: c, namespace: z1}"})
    REQUIRE(client
                .call("POST", "/byway/v1/apply",
                      "apiVersion: v1\nkind: Service\nmetadata: " + std::string(text) +
                          "\nspec: {ports: [{port: 80}]}\n")
                .status == 200);
  const auto names = [&](const std::string& path) {
    const HttpAnswer answer = client.get(path);
    CHECK(answer.status == 200);
    std::string text;
    const reader::Node root = answer.json();
    for (const reader::Node& item : root.find("items")->items) text += item.find("metadata")->text_of("name");
    return text;
  };
  CHECK(names("/api/v1/services") == "abc");
  CHECK(names("/api/v1/namespaces/x/services") == "ab");
  CHECK(names("/api/v1/namespaces/z/services").empty());
  CHECK(names("/api/v1/services?labelSelector=app=one") == "a");
  CHECK(names("/api/v1/services?labelSelector=app!=one") == "bc");
  CHECK(names("/api/v1/services?labelSelector=app") == "ab");
  CHECK(names("/api/v1/services?labelSelector=!app") == "c");
  CHECK(names("/api/v1/services?labelSelector=app,app!=one") == "b");
  CHECK(client.get("/api/v1/services").at("kind") == "ServiceList");
  CHECK(client.get("/api/v1/services").at("metadata.resourceVersion") == "3");
  CHECK(client.get("/api/v1/services?labelSelector=a%20b").status == 400);
}

TEST_CASE("an object is shown under the version that was asked for") {
  Agent agent;
  const HttpClient client = agent.client();
  REQUIRE(client.call("POST", routes_path, route_manifest).status == 201);
  CHECK(client.get(route_path).at("apiVersion") == "gateway.networking.k8s.io/v1");
  CHECK(client.get("/apis/gateway.networking.k8s.io/v1beta1/namespaces/default/httproutes/web")
            .at("apiVersion") == "gateway.networking.k8s.io/v1beta1");
  CHECK(client.get("/apis/gateway.networking.k8s.io/v1alpha2/namespaces/default/httproutes/web").status ==
        404);
}

TEST_CASE("answers are YAML for those who ask for it") {
  Agent agent;
  const HttpClient client = agent.client();
  REQUIRE(client.call("POST", services_path, service_manifest).status == 201);
  const HttpAnswer answer = client.call("GET", service_path, "", "", "Accept: application/yaml\r\n");
  CHECK(answer.all("content-type") == std::vector<std::string>{"application/yaml"});
  CHECK(answer.body.starts_with("apiVersion: v1\nkind: Service\nmetadata:\n  name: v1\n"));
}

TEST_CASE("inert fields are named in Warning headers") {
  Agent agent;
  const HttpAnswer answer = agent.client().call("POST", services_path,
                                                "apiVersion: v1\nkind: Service\nmetadata: {name: v1}\nspec: "
                                                "{ports: [{port: 80}], ipFamilies: [IPv4]}\n");
  CHECK(answer.status == 201);
  CHECK(answer.all("warning") ==
        std::vector<std::string>{"299 byway \"Service default/v1: spec.ipFamilies: has no effect: addresses "
                                 "are those of the EndpointSlices\""});
  CHECK(answer.at("spec.ipFamilies[0]") == "IPv4");
}

TEST_CASE("status is the agent's own: what a client sends of it is left out") {
  Agent agent;
  const HttpClient client = agent.client();
  REQUIRE(client.call("POST", "/byway/v1/apply", all_manifests()).status == 200);
  const HttpAnswer answer =
      client.call("PATCH", route_path, R"({"status":{"parents":[]}})", "application/merge-patch+json");
  CHECK(answer.status == 200);
  CHECK(answer.at("status.parents[0].conditions[0].type") == "Accepted");
  CHECK(client.get(route_path + "/status").at("status.parents[0].controllerName") == "byway.dev/gateway");
  CHECK(client.call("PUT", route_path + "/status", route_manifest).status == 405);
}

TEST_CASE("paths that are none, and methods that are not for them, are told apart") {
  Agent agent;
  const HttpClient client = agent.client();
  for (const char* path :
       {"/", "/nope", "/api/v2/services", "/api/v1/namespaces/default/pods", "/apis/apps/v1/deployments",
        "//api", "/api/v1/services/web",
        "/apis/gateway.networking.k8s.io/v1/namespaces/default/gatewayclasses",
        "/api/v1/namespaces/default/services/a/b", "/byway/v1/nope", "/byway/v2/apply",
        "/api/v1/namespaces/UPPER/services", "/api/v1/namespaces/default/services/a%2Fb"}) {
    INFO(path);
    CHECK(client.get(path).status == 404);
  }
  CHECK(client.call("DELETE", services_path).status == 405);
  CHECK(client.call("POST", service_path, service_manifest).status == 405);
  CHECK(client.get("/byway/v1/apply").status == 405);
  CHECK(client.call("DELETE", services_path).all("allow") == std::vector<std::string>{"GET, POST"});
}

TEST_CASE("Kubernetes clients find the kinds by discovery") {
  Agent agent;
  const HttpClient client = agent.client();
  CHECK(client.get("/api").at("versions[0]") == "v1");
  CHECK(client.get("/api/v1").at("resources[0].name") == "services");
  CHECK(client.get("/apis").at("groups[0].name") == "gateway.networking.k8s.io");
  CHECK(client.get("/apis/gateway.networking.k8s.io").at("preferredVersion.version") == "v1");
  CHECK(client.get("/apis/gateway.networking.k8s.io/v1").at("resources[0].name") == "gatewayclasses");
  CHECK(client.get("/apis/gateway.networking.k8s.io/v1").at("resources[0].namespaced") == "false");
  CHECK(client.get("/apis/nope").status == 404);
  CHECK(client.get("/apis/discovery.k8s.io/v7").status == 404);
}

}  // namespace
}  // namespace byway::control
