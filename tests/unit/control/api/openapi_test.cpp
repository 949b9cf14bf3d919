// The description of the API for programs.
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <set>
#include <string>

#include "control/reader/json.h"
#include "control/reader/node.h"
#include "tests/unit/control/support/agent.h"

namespace byway::control {
namespace {

using reader::Member;
using reader::Node;

void each_node(const Node& node, const std::function<void(const Node&)>& visit) {
  visit(node);
  for (const Node& item : node.items) each_node(item, visit);
  for (const Member& member : node.members) each_node(member.value, visit);
}

Node document() {
  return reader::read_json(api::openapi_document()).value();
}

TEST_CASE("every reference in the OpenAPI document leads to a schema in it") {
  const Node all = document();
  const Node* schemas = all.find("components")->find("schemas");
  int references = 0;
  each_node(all, [&](const Node& node) {
    const std::string reference(node.text_of("$ref"));
    if (reference.empty()) return;
    ++references;
    INFO(reference);
    constexpr std::string_view place = "#/components/schemas/";
    REQUIRE(reference.starts_with(place));
    CHECK(schemas->find(reference.substr(place.size())) != nullptr);
  });
  CHECK(references > 50);
}

TEST_CASE("operations have names of their own, and describe the parameters of their paths") {
  std::set<std::string, std::less<>> names;
  const Node all = document();
  for (const Member& path : all.find("paths")->members) {
    INFO(path.name);
    std::set<std::string> described;
    each_node(path.value, [&](const Node& node) {
      if (node.text_of("in") == "path") described.insert(std::string(node.text_of("name")));
      if (const Node* id = node.find("operationId")) CHECK(names.insert(id->text).second);
    });
    for (std::size_t at = path.name.find('{'); at != path.name.npos; at = path.name.find('{', at + 1))
      CHECK(described.erase(path.name.substr(at + 1, path.name.find('}', at) - at - 1)) == 1);
    CHECK(described.empty());
  }
}

TEST_CASE("each path that can be read without parameters answers as the OpenAPI document says") {
  const Agent agent;
  const HttpClient client = agent.client();
  const Node all = document();
  int paths = 0;
  for (const Member& path : all.find("paths")->members) {
    const Node* get = path.value.find("get");
    // Without a data plane there are no connections to list.
    if (get == nullptr || path.name.contains('{') || path.name == "/byway/v1/connections") continue;
    INFO(path.name);
    ++paths;
    const HttpAnswer answer = client.get(path.name);
    CHECK(answer.status == 200);
    const std::string type = answer.all("content-type").at(0);
    bool is_described = false;
    for (const Member& media : get->find("responses")->find("200")->find("content")->members)
      is_described |= type.starts_with(media.name);
    CHECK(is_described);
  }
  CHECK(paths > 15);
}

}  // namespace
}  // namespace byway::control
