#include "control/reader/yaml.h"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <tuple>

#include "control/reader/json.h"
#include "control/reader/limits.h"
#include "control/reader/write.h"

namespace byway::control::reader {
namespace {

std::string as_json(std::string_view yaml) {
  auto documents = read_yaml_documents(yaml);
  if (!documents) return "error: " + format(documents.error());
  std::string text;
  for (const Node& node : *documents) text += (text.empty() ? "" : " ") + to_json(node);
  return text;
}

TEST_CASE("YAML becomes the same tree as the JSON that it means") {
  struct Case {
    const char *yaml, *json;
  };
  for (const Case& c : {
           Case{"a: 1\nb: [x, 'y']\n", R"({"a":1,"b":["x","y"]})"},
           Case{"a:\n- b: true\n  c: ~\n- null\n", R"({"a":[{"b":true,"c":null},null]})"},
           Case{"a: \"1\"\nb: '2'\nc: !!str 3\n", R"({"a":"1","b":"2","c":"3"})"},
           Case{"a: |\n  x\n  y\n", R"({"a":"x\ny\n"})"},
           Case{"a: >-\n  x\n  y\n", R"({"a":"x y"})"},
           Case{"a: -1.5e3\nb: 1.2.3.4\nc: 10s\nd: 1:30\n",
                R"({"a":-1.5e3,"b":"1.2.3.4","c":"10s","d":"1:30"})"},
           Case{"a: True\nb: FALSE\nc: Null\n", R"({"a":true,"b":false,"c":null})"},
           Case{"8080: x\n", R"({"8080":"x"})"},
           Case{"a: &x {b: 1}\nc: *x\n", R"({"a":{"b":1},"c":{"b":1}})"},
           Case{"a: 1\n---\nb: 2\n---\n---\n# nothing\n", R"({"a":1} {"b":2})"},
           Case{"{\"a\": [1, {\"b\": \"\\u00e9\"}]}", "{\"a\":[1,{\"b\":\"\u00e9\"}]}"},
           Case{"# nothing at all\n", ""},
       }) {
    INFO(c.yaml);
    CHECK(as_json(c.yaml) == c.json);
  }
}

TEST_CASE("what could be read in two ways or is not data is refused with its place") {
  struct Case {
    const char *yaml, *error;
  };
  for (const Case& c : {
           Case{"a: 1\nb: 2\na: 3\n", "error: \"a\" appears twice in one object (line 3, column 1)"},
           Case{"x:\n  a: 1\n  \"a\": 3\n", "error: x: \"a\" appears twice in one object (line 3, column 3)"},
           Case{"a: &x {b: 1}\nc:\n  <<: *x\n",
                "error: c: merge keys (<<) are not accepted: write the fields out (line 3, column 3)"},
           Case{"a: !!int 3\n", "error: a: the tag tag:yaml.org,2002:int is not accepted (line 1, column 4)"},
           Case{"a: !ruby/object {}\n", "error: a: the tag !ruby/object is not accepted (line 1, column 4)"},
           Case{"on: 1\n", "error: a key must be a string: put \"on\" in quotes (line 1, column 1)"},
           Case{"true: 1\n", "error: a key must be a string: put \"true\" in quotes (line 1, column 1)"},
           Case{"? [a]\n: 1\n", "error: a key must be a string (line 1, column 3)"},
           Case{"~: 1\n", "error: a key must be a string: put it in quotes (line 1, column 1)"},
           Case{"a: &x [*x]\n", "error: a[0]: alias of something that is not finished (line 1, column 8)"},
           Case{"a: [1, 2\n", "error: end of sequence flow not found (line 2, column 1)"},
           Case{"a: \xff\n", "error: not valid UTF-8 (line 1, column 4)"},
       }) {
    INFO(c.yaml);
    CHECK(as_json(c.yaml) == c.error);
  }
}

TEST_CASE("plain scalars that YAML versions read differently are marked") {
  for (const char* text : {"yes", "No", "on", "OFF", "y", "0777", "0x1F", "0o17", "0b1", "+1", ".5", "1.",
                           "1_000", ".inf", "-.INF", ".nan", "1e5x"}) {
    INFO(text);
    const bool ambiguous = std::string_view(text) != "1e5x";
    CHECK(resolve_plain(text).kind == NodeKind::string);
    CHECK(resolve_plain(text).ambiguous == ambiguous);
  }
  for (const char* text :
       {"a", "1.2.3", "10.0.0.0/8", "2024-01-01T00:00:00Z", "1m", "yesterday", "-", "0.", "v1"}) {
    INFO(text);
    if (std::string_view(text) != "0.") CHECK_FALSE(resolve_plain(text).ambiguous);
    CHECK(resolve_plain(text).kind == NodeKind::string);
  }
}

TEST_CASE("aliases cannot multiply a document beyond nodes_max") {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    std::string item = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + item;
    for (int j = 1; j < 10; ++j) bomb += "," + item;
    bomb += "]\n";
  }
  CHECK(as_json(bomb).contains("more than 200000 values"));
}

TEST_CASE("JSON and YAML count nesting alike, scalars included") {
  const auto nested = [](std::size_t lists, std::string_view inside) {
    return std::string(lists, '[') + std::string(inside) + std::string(lists, ']');
  };
  for (const auto& [lists, inside, is_taken] : {std::tuple{depth_max, "", true},
                                                {depth_max - 1, "1", true},
                                                {depth_max, "1", false},
                                                {depth_max + 1, "", false}}) {
    INFO(lists << " lists with \"" << inside << "\"");
    CHECK(read_json(nested(lists, inside)).has_value() == is_taken);
    CHECK(read_yaml_documents(nested(lists, inside)).has_value() == is_taken);
  }
  CHECK_FALSE(read_yaml_documents("- &a x\n- " + nested(depth_max - 1, "*a")).has_value());
}

TEST_CASE("a key of any length is written so that it is read again") {
  for (const std::size_t length :
       {std::size_t{900}, std::size_t{1'000}, std::size_t{1'024}, std::size_t{5'000}}) {
    INFO(length);
    const std::string key(length, 'k');
    Node tree = Node::list();
    for (Node value : {Node::number(1), Node::list(), Node::object()}) {
      if (value.kind == NodeKind::list) value.items.push_back(Node::string("item"));
      if (value.kind == NodeKind::object) value.add(key, Node::object());
      Node object = Node::object();
      object.add(key, value);
      object.add("b" + key, std::move(value));
      tree.items.push_back(std::move(object));
    }
    const auto again = read_yaml_documents(to_yaml(tree));
    REQUIRE(again.has_value());
    CHECK(to_json(again->at(0)) == to_json(tree));
  }
}

TEST_CASE("what can begin no document is refused, and documents may be empty") {
  for (const char* yaml : {",a: b\n", "# x\n  ,a: b\nc:\n  d: e\n", "]\n", "}\n", "a: 1\n,\n"}) {
    INFO(yaml);
    CHECK_FALSE(read_yaml_documents(yaml).has_value());
  }
  CHECK(as_json("---\n---\n---\na: 1\n---\n...\n---\n# nothing\n--- b\n") == R"({"a":1} "b")");
}

TEST_CASE("aliases cannot repeat more text than a document may have") {
  const auto repeated = [](std::size_t bytes, std::size_t times) {
    std::string yaml = "- &a " + std::string(bytes, 'x') + "\n";
    for (std::size_t i = 0; i < times; ++i) yaml += "- *a\n";
    return yaml;
  };
  CHECK(read_yaml_documents(repeated(10'000, 200)));
  const auto bomb = read_yaml_documents(repeated(document_bytes_max / 8, 8));
  REQUIRE_FALSE(bomb.has_value());
  CHECK(bomb.error().reason == "anchors and aliases repeat more than 2097152 bytes");
  // Anchors within anchors are copied as often as they are deep.
  std::string nested;
  for (int depth = 0; depth < 20; ++depth) nested += "&a" + std::to_string(depth) + " [";
  nested += std::string(document_bytes_max / 8, 'x') + std::string(20, ']');
  CHECK_FALSE(read_yaml_documents(nested).has_value());
}

TEST_CASE("aliases are counted up to aliases_max") {
  auto with_aliases = [](std::size_t count) {
    std::string yaml = "a: &x 1\nb:\n";
    for (std::size_t i = 0; i < count; ++i) yaml += "- *x\n";
    return yaml;
  };
  CHECK(read_yaml_documents(with_aliases(aliases_max)));
  CHECK_FALSE(read_yaml_documents(with_aliases(aliases_max + 1)));
}

TEST_CASE("YAML nesting is taken up to depth_max and refused beyond, whatever the style") {
  auto flow = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(read_yaml_documents(flow(depth_max)));
  CHECK_FALSE(read_yaml_documents(flow(depth_max + 1)));
  CHECK_FALSE(read_yaml_documents(std::string(5'000, '[')));
  CHECK_FALSE(read_yaml_documents(std::string(5'000, '{')));
  std::string block;
  for (std::size_t i = 0; i < depth_max + 1; ++i) block += std::string(i, ' ') + "a:\n";
  block += std::string(depth_max + 1, ' ') + "b";
  CHECK_FALSE(read_yaml_documents(block));
}

TEST_CASE("the YAML writer's text reads back as the same tree") {
  for (
      const char* json :
      {R"({"a":1,"b":"1","c":"true","d":"null","e":"","f":"x: y","g":"- a","h":"#c","i":"yes","j":"0x1","k":"a b"})",
       R"({"a":[],"b":{},"c":[[]],"d":[{}],"e":[[1,[2,3]],{"x":[{"y":1,"z":[1]}]}]})",
       R"({"weird key: x":{"on":"off","8080":80,"":"empty"}})",
       R"({"text":"line one\nline two\n\ttab \"quoted\" \\ back"})", R"([1,"two",{"three":3}])",
       R"("scalar")", "{}", R"([])", "{\"u\":\"\u00e9 \U0001F600\"}",
       R"({"deep":{"deeper":{"list":[{"a":{"b":[{"c":null}]}}]}}})"}) {
    INFO(json);
    const std::string yaml = to_yaml(*read_json(json));
    INFO(yaml);
    CHECK(as_json(yaml) == json);
  }
}

}  // namespace
}  // namespace byway::control::reader
