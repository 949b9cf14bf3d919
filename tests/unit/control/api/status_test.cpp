// Conditions over time: what the data plane does, and restarts of the agent.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "tests/unit/control/support/agent.h"
#include "tests/unit/control/support/manifests.h"

namespace byway::control {
namespace {

const std::string route_path = std::string(routes_path) + "/web";

TEST_CASE("after a restart everything is as it was, and is published again") {
  Agent agent;
  const HttpClient client = agent.client();
  REQUIRE(client.call("POST", apply_path, all_manifests()).status == 200);
  REQUIRE(client.call("POST", apply_path, route_with_weight(5)).status == 200);
  const std::string before =
      client.get("/apis/gateway.networking.k8s.io/v1/httproutes").at("items[0].metadata.resourceVersion");
  const auto policy = *agent.publisher.sets.back()->policy;
  agent.restart();
  CHECK(agent.publisher.sets.size() == 3);
  CHECK(*agent.publisher.sets.back()->policy == policy);
  CHECK(client.get("/apis/gateway.networking.k8s.io/v1/httproutes").at("items[0].metadata.resourceVersion") ==
        before);
  CHECK(client.get("/byway/v1/revisions").at("revisions[0].revision") == "2");
  CHECK(client.call("POST", apply_path, route_with_weight(6)).at("revision") == "3");
}

TEST_CASE("Programmed follows the data plane, and conditions keep the time of their last change") {
  Agent agent;
  agent.publisher.state = ReceiptState::late;
  const HttpClient client = agent.client();
  const std::string gateway = std::string(gateways_path) + "/web";
  REQUIRE(client.call("POST", apply_path, all_manifests()).status == 200);
  CHECK(client.get(gateway).at("status.conditions[1].type") == "Programmed");
  CHECK(client.get(gateway).at("status.conditions[1].reason") == "Pending");
  const std::string accepted_since = client.get(gateway).at("status.conditions[0].lastTransitionTime");
  agent.publisher.apply_all();
  agent.engine().on_publish_progress();
  CHECK(client.get(gateway).at("status.conditions[1].status") == "True");
  CHECK(client.get(gateway).at("status.listeners[0].conditions[3].status") == "True");
  const std::string programmed_since = client.get(gateway).at("status.conditions[1].lastTransitionTime");
  CHECK(programmed_since > accepted_since);
  // Another object's change leaves the Gateway programmed.
  REQUIRE(client.call("POST", apply_path, route_with_weight(2)).status == 200);
  CHECK(client.get(gateway).at("status.conditions[1].status") == "True");
  CHECK(client.get(gateway).at("status.conditions[1].lastTransitionTime") == programmed_since);
  CHECK(client.get(gateway).at("status.conditions[0].lastTransitionTime") == accepted_since);
  // Its own does not.
  REQUIRE(client
              .call("PATCH", gateway,
                    R"({"spec":{"listeners":[{"name":"http","port":81,"protocol":"HTTP"}]}})",
                    "application/merge-patch+json")
              .status == 200);
  CHECK(client.get(gateway).at("status.conditions[1].status") == "False");
}

TEST_CASE("conditions follow a data plane that comes, goes, and comes back with other addresses") {
  Agent agent;
  agent.publisher.set_node(nullptr);
  agent.publisher.state = ReceiptState::no_data_plane;
  const HttpClient client = agent.client();
  const std::string gateway = std::string(gateways_path) + "/web";
  std::string manifests = all_manifests();
  const std::string_view place = "gatewayClassName: byway, ";
  manifests.insert(manifests.find(place) + place.size(), "addresses: [{value: 10.80.0.7}], ");
  REQUIRE(client.call("POST", apply_path, manifests).status == 200);
  const auto comes = [&](std::shared_ptr<const NodeAddresses> node) {
    agent.publisher.set_node(std::move(node));
    agent.publisher.apply_all();
    agent.engine().on_publish_progress();
  };
  const auto programmed = [&] {
    const HttpAnswer answer = client.get(gateway);
    return answer.at("status.conditions[1].reason") + " " + answer.at("status.addresses[0].value");
  };
  CHECK(programmed() == "Pending (absent)");
  comes(node_of({{0x0A510001, 24}}));
  CHECK(programmed() == "AddressNotUsable (absent)");
  comes(node_of({{0x0A500001, 24}}));
  CHECK(programmed() == "Programmed 10.80.0.7");
  agent.publisher.set_node(nullptr);
  agent.engine().on_publish_progress();
  CHECK(programmed() == "Pending (absent)");
  // What no data plane has a place for is refused where unmet conditions are.
  comes(node_of({{0x0A510001, 24}}));
  const HttpAnswer strict = client.call("POST", std::string(apply_path) + "?strict=true", manifests);
  CHECK(strict.status == 422);
  CHECK(strict.body.contains("AddressNotUsable"));
}

TEST_CASE("conditions keep the time of their last change over a restart of the agent") {
  Agent agent;
  const std::string gateway = std::string(gateways_path) + "/web";
  const auto conditions = [&] {
    std::string text;
    const HttpClient client = agent.client();
    const reader::Node found = client.get(gateway).json();
    const auto add = [&](const reader::Node* list) {
      for (const reader::Node& one : list->items)
        text += std::string(one.text_of("type")) + "=" + std::string(one.text_of("status")) + " " +
                std::string(one.text_of("lastTransitionTime")) + "\n";
    };
    add(found.find("status")->find("conditions"));
    add(found.find("status")->find("listeners")->items.at(0).find("conditions"));
    const reader::Node route = client.get(route_path).json();
    add(route.find("status")->find("parents")->items.at(0).find("conditions"));
    return text;
  };
  REQUIRE(agent.client().call("POST", apply_path, all_manifests()).status == 200);
  agent.engine().on_publish_progress();
  const std::string before = conditions();
  CHECK(before.contains("Programmed=True"));

  agent.publisher.set_settled(false);
  agent.restart();
  CHECK(conditions() == before);
  CHECK(agent.client().get(gateway).at("status.addresses[0].value") == "10.80.0.1");
  agent.publisher.set_settled(true);
  agent.engine().on_publish_progress();
  CHECK(conditions() == before);

  // A change that no write brings is kept as well.
  agent.publisher.set_node(nullptr);
  agent.engine().on_publish_progress();
  const std::string without = conditions();
  CHECK(without != before);
  CHECK(without.contains("Programmed=False"));
  agent.restart();
  CHECK(conditions() == without);

  // Another object of the same name has no past.
  const std::string accepted = without.substr(0, without.find('\n'));
  REQUIRE(agent.client().call("DELETE", gateway).status == 200);
  REQUIRE(agent.client().call("POST", gateways_path, gateway_manifest).status == 201);
  CHECK(conditions().substr(0, accepted.size()) > accepted);
}

TEST_CASE("after a restart nothing is held that the data plane turns out not to run") {
  Agent agent;
  const std::string gateway = std::string(gateways_path) + "/web";
  REQUIRE(agent.client().call("POST", apply_path, all_manifests()).status == 200);
  agent.engine().on_publish_progress();
  agent.publisher.set_settled(false);
  agent.restart();
  CHECK(agent.client().get(gateway).at("status.conditions[1].status") == "True");
  agent.publisher.set_node(nullptr);
  agent.publisher.set_settled(true);
  agent.engine().on_publish_progress();
  CHECK(agent.client().get(gateway).at("status.conditions[1].reason") == "Pending");
}

}  // namespace
}  // namespace byway::control
