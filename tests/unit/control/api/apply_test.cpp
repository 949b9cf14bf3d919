// Many objects at once, revisions, waiting for the data plane, and what survives a restart.
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <thread>

#include "tests/unit/control/support/agent.h"
#include "tests/unit/control/support/manifests.h"

namespace byway::control {
namespace {

const std::string route_path = std::string(routes_path) + "/web";

TEST_CASE("apply creates, changes and leaves alone, and says which") {
  Agent agent;
  const HttpClient client = agent.client();
  HttpAnswer answer = client.call("POST", apply_path, all_manifests());
  CHECK(answer.status == 200);
  CHECK(answer.at("revision") == "1");
  CHECK(answer.at("results[0].result") == "created");
  CHECK(answer.at("results[4].kind") == "HTTPRoute");
  CHECK(answer.at("results[4].unmetConditions") == "(absent)");

  answer = client.call("POST", apply_path, all_manifests());
  CHECK(answer.status == 200);
  CHECK(answer.at("results[4].result") == "unchanged");
  CHECK(answer.at("results[4].resourceVersion") == "1");
  CHECK(answer.at("revision") == "1");
  CHECK(agent.publisher.sets.size() == 1);

  answer = client.call("POST", apply_path, std::string(gateway_manifest) + "---\n" + route_with_weight(7));
  CHECK(answer.at("results[0].result") == "unchanged");
  CHECK(answer.at("results[1].result") == "configured");
  CHECK(answer.at("revision") == "2");
  CHECK(agent.publisher.sets.size() == 2);
}

TEST_CASE("one bad document among many changes nothing, and is named") {
  Agent agent;
  const HttpClient client = agent.client();
  const std::string bad = "apiVersion: v1\nkind: Service\nmetadata: {name: v9}\nspec: {ports: [{port: 0}]}\n";
  HttpAnswer answer = client.call("POST", apply_path, all_manifests() + bad);
  CHECK(answer.status == 422);
  CHECK(answer.at("details.name") == "v9");
  CHECK(answer.at("details.causes[0].line") == "34");
  answer = client.call(
      "POST", apply_path,
      std::string(service_manifest) + "---\napiVersion: v1\nkind: Sevrice\nmetadata: {name: x}\n");
  CHECK(answer.status == 400);
  CHECK(answer.at("message") ==
        "document 2: kind: Byway keeps no Sevrice of v1, did you mean \"Service\"? (line 7, column 7)");
  answer = client.call("POST", apply_path,
                       std::string(service_manifest) + "---\n" + std::string(service_manifest));
  CHECK(answer.status == 422);
  CHECK(client.call("POST", apply_path, "# nothing\n").status == 400);
  CHECK(client.get("/api/v1/services").at("metadata.resourceVersion") == "0");
  CHECK(agent.publisher.sets.empty());
}

TEST_CASE("a stale document makes the whole apply a conflict") {
  Agent agent;
  const HttpClient client = agent.client();
  REQUIRE(client.call("POST", apply_path, service_manifest).status == 200);
  const std::string stale =
      "apiVersion: v1\nkind: Service\nmetadata: {name: v1, resourceVersion: '9'}\nspec: {ports: [{port: "
      "81}]}\n";
  CHECK(client.call("POST", apply_path, std::string(route_manifest) + "---\n" + stale).status == 409);
  CHECK(client.get(route_path).status == 404);
}

TEST_CASE("JSON, JSON documents in a row and Lists are applied as well") {
  Agent agent;
  const HttpClient client = agent.client();
  const auto service = [](std::string_view name) {
    return R"({"apiVersion":"v1","kind":"Service","metadata":{"name":")" + std::string(name) +
           R"("},"spec":{"ports":[{"port":80}]}})";
  };
  CHECK(client.call("POST", apply_path, service("a") + "\n" + service("b"), "application/json")
            .at("results[1].name") == "b");
  CHECK(client
            .call("POST", apply_path,
                  R"({"apiVersion":"v1","kind":"List","items":[)" + service("c") + "," + service("d") + "]}",
                  "application/json")
            .at("results[1].name") == "d");
  CHECK(client.call("POST", apply_path, service("e"), "application/json; charset=utf-8").status == 200);
  CHECK(client.call("POST", apply_path, service("f"), "text/plain").status == 415);
}

TEST_CASE("strict refuses what would only be accepted with an unmet condition") {
  Agent agent;
  const HttpClient client = agent.client();
  HttpAnswer answer = client.call("POST", std::string(apply_path) + "?strict=true", route_manifest);
  CHECK(answer.status == 422);
  CHECK(answer.at("details.causes[0].field") == "spec.parentRefs[0]");
  CHECK(answer.at("details.causes[0].message") ==
        "Accepted=False NoMatchingParent: Gateway default/web does not exist");
  CHECK(answer.at("details.causes[0].line") == "5");
  CHECK(client.get(route_path).status == 404);
  CHECK(client.call("POST", apply_path, route_manifest)
            .at("results[0].unmetConditions[0]")
            .starts_with("spec.parentRefs[0]: Accepted=False"));
  CHECK(client.call("POST", std::string(apply_path) + "?strict", all_manifests()).status == 200);
}

TEST_CASE("waiting for the data plane answers 200 with each worker's time, or 202 with a reason") {
  Agent agent;
  const HttpClient client = agent.client();
  const std::string path = std::string(apply_path) + "?wait=applied&timeout=10ms";
  HttpAnswer answer = client.call("POST", path, all_manifests());
  CHECK(answer.status == 200);
  CHECK(answer.at("receipt.applied") == "true");
  CHECK(answer.at("receipt.workers[0].applyNs") == "1500");
  agent.publisher.state = ReceiptState::late;
  answer = client.call("POST", path, route_with_weight(2));
  CHECK(answer.status == 202);
  CHECK(answer.at("receipt.applied") == "false");
  CHECK(answer.at("receipt.workers[0].reason").starts_with("late"));
  agent.publisher.state = ReceiptState::refused;
  answer = client.call("POST", path, route_with_weight(3));
  CHECK(answer.status == 202);
  CHECK(answer.at("receipt.state") == "refused");
  CHECK(answer.at("receipt.reason") == "checksum");
  agent.publisher.state = ReceiptState::no_data_plane;
  answer = client.call("PUT", route_path + "?wait=applied&timeout=10ms", route_with_weight(4));
  CHECK(answer.status == 202);
  CHECK(answer.at("receipt.state") == "no data plane");
  // All of them are stored.
  CHECK(client.get(route_path).at("spec.rules[0].backendRefs[0].weight") == "4");
  CHECK(client.call("DELETE", route_path + "?wait=applied&timeout=10ms").at("results[0].result") ==
        "deleted");
}

TEST_CASE("an unchanged apply waits for what was published before") {
  Agent agent;
  const HttpClient client = agent.client();
  agent.publisher.state = ReceiptState::late;
  agent.publisher.holds = true;
  REQUIRE(client.call("POST", apply_path, all_manifests()).status == 200);
  std::thread later([&] { agent.publisher.apply_all(); });
  const HttpAnswer answer =
      client.call("POST", std::string(apply_path) + "?wait=applied&timeout=30s", all_manifests());
  later.join();
  CHECK(answer.status == 200);
  CHECK(answer.at("results[0].result") == "unchanged");
}

TEST_CASE("calls beyond waiting_calls_max are turned away before they write") {
  Agent agent;
  agent.publisher.state = ReceiptState::late;
  agent.publisher.holds = true;
  const HttpClient client = agent.client();
  std::vector<std::thread> waiting;
  for (int i = 0; i < api::waiting_calls_max; ++i)
    waiting.emplace_back([&, i] {
      CHECK(client
                .call("POST", std::string(apply_path) + "?wait=applied&timeout=60s",
                      "apiVersion: v1\nkind: Service\nmetadata: {name: s" + std::to_string(i) +
                          "}\nspec: {ports: [{port: 80}]}\n")
                .status == 200);
    });
  while (agent.engine().state()->objects.size() < static_cast<std::size_t>(api::waiting_calls_max))
    std::this_thread::yield();
  const HttpAnswer answer = client.call("POST", std::string(apply_path) + "?wait=applied", service_manifest);
  CHECK(answer.status == 429);
  CHECK(answer.all("retry-after") == std::vector<std::string>{"1"});
  CHECK(client.get(std::string(services_path) + "/v1").status == 404);
  CHECK(client.call("POST", apply_path, service_manifest).status == 200);
  agent.publisher.apply_all();
  for (std::thread& thread : waiting) thread.join();
}

TEST_CASE("revisions count changes of routing and policy, not of endpoints") {
  Agent agent;
  const HttpClient client = agent.client();
  REQUIRE(client.call("POST", apply_path, all_manifests()).status == 200);
  REQUIRE(client.call("POST", apply_path, route_with_weight(2)).status == 200);
  std::string slice(slice_manifest);
  slice.replace(slice.find("10.81.0.2"), 9, "10.81.0.9");
  REQUIRE(client.call("POST", apply_path, slice).status == 200);
  const HttpAnswer answer = client.get("/byway/v1/revisions");
  CHECK(answer.at("revisions[0].revision") == "2");
  CHECK(answer.at("revisions[0].summary") == "configured HTTPRoute default/web");
  CHECK(answer.at("revisions[0].by") == "uid " + std::to_string(geteuid()));
  CHECK(answer.at("revisions[1].summary") == "created 5");
  CHECK(answer.at("revisions[2]") == "(absent)");
  CHECK(agent.publisher.sets.size() == 3);
  // The policy blob of a change of endpoints is that of before.
  CHECK(agent.publisher.sets[2]->policy == agent.publisher.sets[1]->policy);
  CHECK(agent.publisher.sets[2]->endpoints != agent.publisher.sets[1]->endpoints);
}

TEST_CASE("a rollback writes the old policy as a new revision and leaves endpoints as they are") {
  Agent agent;
  const HttpClient client = agent.client();
  REQUIRE(client.call("POST", apply_path, all_manifests()).status == 200);
  const std::string uid = client.get(route_path).at("metadata.uid");
  REQUIRE(
      client
          .call("POST", apply_path,
                route_with_weight(2) + "---\n" +
                    "apiVersion: v1\nkind: Service\nmetadata: {name: added}\nspec: {ports: [{port: 80}]}\n")
          .status == 200);
  REQUIRE(client.call("DELETE", std::string(gateways_path) + "/web").status == 200);
  std::string slice(slice_manifest);
  slice.replace(slice.find("10.81.0.2"), 9, "10.81.0.9");
  REQUIRE(client.call("POST", apply_path, slice).status == 200);

  const HttpAnswer answer = client.call("POST", "/byway/v1/revisions/1/rollback?wait=applied");
  CHECK(answer.status == 200);
  CHECK(answer.at("revision") == "4");
  CHECK(client.get(route_path).at("spec.rules[0].backendRefs[0].weight") == "(absent)");
  CHECK(client.get(route_path).at("metadata.uid") == uid);
  CHECK(client.get(route_path).at("metadata.generation") == "3");
  CHECK(client.get(std::string(gateways_path) + "/web").status == 200);
  CHECK(client.get(std::string(services_path) + "/added").status == 404);
  CHECK(client.get("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/v1-a")
            .at("endpoints[0].addresses[0]") == "10.81.0.9");
  CHECK(client.get("/byway/v1/revisions").at("revisions[0].summary") == "rollback to revision 1");
  // What is already so makes no revision.
  CHECK(client.call("POST", "/byway/v1/revisions/1/rollback").at("revision") == "4");
  CHECK(client.call("POST", "/byway/v1/revisions/99/rollback").status == 404);
  CHECK(client.call("POST", "/byway/v1/revisions/0/rollback").status == 400);
  CHECK(client.call("POST", "/byway/v1/revisions/x/rollback").status == 400);
}

TEST_CASE("an agent with an empty store publishes nothing, so that the last good set goes on") {
  Agent agent;
  CHECK(agent.publisher.sets.empty());
  agent.restart();
  CHECK(agent.publisher.sets.empty());
}

TEST_CASE("objects may arrive in any order") {
  Agent agent;
  const HttpClient client = agent.client();
  for (std::string_view manifest :
       {route_manifest, slice_manifest, gateway_manifest, service_manifest, class_manifest})
    REQUIRE(client.call("POST", apply_path, manifest).status == 200);
  CHECK(client.get(route_path).at("status.parents[0].conditions[0].status") == "True");
  CHECK(client.get(route_path).at("status.parents[0].conditions[1].status") == "True");
}

TEST_CASE("patches by many at once are all kept") {
  Agent agent;
  const HttpClient client = agent.client();
  REQUIRE(client.call("POST", services_path, service_manifest).status == 201);
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (int j = 0; j < 5; ++j) {
        const std::string label = "l" + std::to_string(i) + "-" + std::to_string(j);
        const HttpAnswer answer = client.call("PATCH", std::string(services_path) + "/v1",
                                              R"({"metadata":{"labels":{")" + label + R"(":"x"}}})",
                                              "application/merge-patch+json");
        refused += answer.status != 200;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(refused == 0);
  CHECK(client.get(std::string(services_path) + "/v1")
            .json()
            .find("metadata")
            ->find("labels")
            ->members.size() == 40);
}

}  // namespace
}  // namespace byway::control
