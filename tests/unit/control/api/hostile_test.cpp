// Manifests that were damaged at random: each is taken or refused with a reason, and nothing else happens.
// A failing seed is printed and gives the same input again.
#include <catch2/catch_test_macros.hpp>
#include <random>
#include <string>

#include "control/reader/json.h"
#include "control/reader/write.h"
#include "control/reader/yaml.h"
#include "tests/unit/control/support/agent.h"
#include "tests/unit/control/support/manifests.h"

namespace byway::control {
namespace {

constexpr int seeds = 3000;

/// Pieces that mean something to one of the readers.
constexpr std::string_view pieces[] = {"{",
                                       "}",
                                       "[",
                                       "]",
                                       ":",
                                       ",",
                                       "- ",
                                       "\n",
                                       "\n---\n",
                                       "&a ",
                                       "*a",
                                       "!!int ",
                                       "!x ",
                                       "|",
                                       ">",
                                       "\"",
                                       "'",
                                       "\\u0000",
                                       "\\ud800",
                                       "#",
                                       "\t",
                                       "\0",
                                       "\xff",
                                       "null",
                                       "~",
                                       "yes",
                                       "0x10",
                                       "-1",
                                       "99999999999999999999",
                                       "1e999",
                                       "? ",
                                       "<<: *a",
                                       "%",
                                       "@",
                                       "`",
                                       "spec:",
                                       "metadata:",
                                       "name: ",
                                       "port: ",
                                       "weight: ",
                                       "status: {",
                                       "annotations: {byway.dev/x: y}",
                                       "apiVersion: v1",
                                       "kind: List\nitems: "};

std::string damage(std::string text, std::mt19937& random) {
  const auto below = [&](std::size_t end) {
    return static_cast<std::size_t>(std::uniform_int_distribution<std::size_t>(0, end - 1)(random));
  };
  const std::size_t edits = 1 + below(3);
  for (std::size_t i = 0; i < edits && !text.empty(); ++i) {
    const std::size_t at = below(text.size());
    switch (below(6)) {
      case 0:
        text[at] = static_cast<char>(below(256));
        break;
      case 1:
        text.insert(at, pieces[below(std::size(pieces))]);
        break;
      case 2:
        text.erase(at, 1 + below(20));
        break;
      case 3:
        text.insert(at, text.substr(below(text.size()), below(200)));
        break;
      case 4:
        text.resize(at);
        break;
      default:
        text.replace(at, std::min<std::size_t>(4, text.size() - at), pieces[below(std::size(pieces))]);
        break;
    }
  }
  return text;
}

TEST_CASE("damaged manifests are taken or refused with a reason, never more") {
  Agent agent;
  api::Api api(agent.engine(), nullptr, nullptr);
  const std::string yaml = all_manifests();
  std::string json;
  const auto documents = reader::read_yaml_documents(yaml);
  REQUIRE(documents);
  for (const reader::Node& node : *documents) json += reader::to_json(node) + "\n";
  int taken = 0;
  for (int seed = 0; seed < seeds; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    const bool is_json = seed % 2 == 0;
    api::Request request;
    request.method = "POST";
    request.path = "/byway/v1/apply";
    request.headers["content-type"] = is_json ? "application/json" : "application/yaml";
    request.caller = {api::Role::write, "test"};
    request.body = damage(is_json ? json : yaml, random);
    if (seed % 7 != 0) request.query.emplace("dryRun", "All");
    const api::Response response = api.handle(request);
    INFO("seed " << seed << " status " << response.status << "\n" << request.body << "\n" << response.body);
    const bool is_expected =
        response.status == 200 || response.status == 400 || response.status == 409 || response.status == 422;
    REQUIRE(is_expected);
    const auto answer = reader::read_json(response.body);
    REQUIRE(answer);
    if (response.status != 200) REQUIRE_FALSE(answer->text_of("message").empty());
    taken += response.status == 200 ? 1 : 0;
  }
  // Some damage is harmless (a comment, a name); if nothing got through the test would show little.
  CHECK(taken >= 10);
}

TEST_CASE("what was taken from damaged manifests reads back as what was written") {
  for (int seed = 0; seed < seeds; ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    const auto documents = reader::read_yaml_documents(damage(all_manifests(), random));
    if (!documents) continue;
    for (const reader::Node& node : *documents) {
      INFO("seed " << seed << "\n" << reader::to_json(node));
      const auto from_json = reader::read_json(reader::to_json(node));
      REQUIRE(from_json);
      CHECK(reader::to_json(*from_json) == reader::to_json(node));
      const auto from_yaml = reader::read_yaml_documents(reader::to_yaml(node));
      REQUIRE(from_yaml);
      REQUIRE(from_yaml->size() == 1);
      CHECK(reader::to_json(from_yaml->front()) == reader::to_json(node));
    }
  }
}

}  // namespace
}  // namespace byway::control
