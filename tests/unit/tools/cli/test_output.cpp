#include <yaml-cpp/yaml.h>

#include <catch2/catch_test_macros.hpp>

#include "tools/cli/kinds.h"
#include "tools/cli/output.h"

using namespace byway::cli;

TEST_CASE("a table's columns are as wide as their widest cell and lines have no trailing spaces") {
  Table table({"NAME", "N", "LAST"});
  table.add({"a-long-name", "1", ""});
  CHECK(table.text() == "NAME          N   LAST\na-long-name   1\n");
}

TEST_CASE("YAML output reads back as what it was, also where a plain scalar would change its type") {
  const Json value =
      Json::parse(R"({"port": 80, "on": "yes", "version": "1.10", "empty": "", "flag": true, "none": null,
                                     "text": "a: b # c", "list": ["-x", {"deep": []}], "map": {}})");
  const YAML::Node back = YAML::Load(formatted(value, Format::yaml));
  CHECK(back["port"].as<int>() == 80);
  CHECK(back["port"].Tag() == "?");  // plain
  CHECK(back["on"].Tag() == "!");    // quoted: stays a string
  CHECK(back["version"].Tag() == "!");
  CHECK(back["empty"].as<std::string>() == "");
  CHECK(back["flag"].as<bool>());
  CHECK(back["none"].IsNull());
  CHECK(back["text"].as<std::string>() == "a: b # c");
  CHECK(back["list"][0].as<std::string>() == "-x");
  CHECK(back["list"][1]["deep"].IsSequence());
  CHECK(back["map"].IsMap());
}

TEST_CASE("text_at follows members and is empty where there is none") {
  const Json value = Json::parse(R"({"a": {"b": "text", "n": 5}})");
  CHECK(text_at(value, "a.b") == "text");
  CHECK(text_at(value, "a.n") == "5");
  CHECK(text_at(value, "a.x.y").empty());
}

TEST_CASE("kinds are found by every name and their paths are those of the API") {
  CHECK(find_kind("HTTPRoute") == find_kind("hr"));
  CHECK(find_kind("httproutes") == find_kind("HttpRoute"));
  CHECK(find_kind("pods") == nullptr);
  CHECK(path_of(*find_kind("gtw"), "default", "demo") ==
        "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways/demo");
  CHECK(path_of(*find_kind("svc"), "", "") == "/api/v1/services");
  CHECK(path_of(*find_kind("gc"), "default", "a/b") ==
        "/apis/gateway.networking.k8s.io/v1/gatewayclasses/a%2Fb");
}
