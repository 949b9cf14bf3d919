#include "control/reader/json.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "control/reader/limits.h"
#include "control/reader/merge_patch.h"
#include "control/reader/write.h"

namespace byway::control::reader {
namespace {

struct Bad {
  const char* input;
  Position at;
  const char* reason;
};

constexpr Bad bad_json[] = {
    {"", {1, 1}, "unexpected end of input"},
    {"{\"a\":1", {1, 7}, "expected \",\" or \"}\""},
    {"{\"a\":1,}", {1, 8}, "expected a name in double quotes"},
    {"[1,]", {1, 4}, "unexpected character"},
    {"{'a':1}", {1, 2}, "expected a name in double quotes"},
    {"{a:1}", {1, 2}, "expected a name in double quotes"},
    {"// c\n1", {1, 1}, "unexpected character"},
    {"{\"a\":1,\n \"a\":2}", {2, 2}, "\"a\" appears twice in one object"},
    {"[01]", {1, 2}, "a number must not begin with 0"},
    {"[1.]", {1, 4}, "expected a digit after the decimal point"},
    {"[1e]", {1, 4}, "expected a digit in the exponent"},
    {"[+1]", {1, 2}, "unexpected character"},
    {"[NaN]", {1, 2}, "unexpected character"},
    {"[-]", {1, 2}, "unexpected character"},
    {"nul", {1, 1}, "unexpected character"},
    {"\"a\tb\"", {1, 3}, "control character in a string: escape it"},
    {"\"a\nb\"", {1, 3}, "control character in a string: escape it"},
    {"\"\\x\"", {1, 3}, "unknown escape in a string"},
    {"\"\\u12g4\"", {1, 6}, "expected a hexadecimal digit"},
    {"\"\\ud800\"", {1, 8}, "high surrogate without a low one"},
    {"\"\\ud800\\u0041\"", {1, 14}, "high surrogate without a low one"},
    {"\"\\udc00\"", {1, 8}, "low surrogate without a high one"},
    {"\"\\u0000\"", {1, 8}, "NUL characters are not accepted"},
    {"\"abc", {1, 5}, "unfinished string"},
    {"{} {}", {1, 4}, "unexpected text after the end of the document"},
    {"\"\xff\"", {1, 2}, "not valid UTF-8"},
    {"\"\xc0\xaf\"", {1, 2}, "not valid UTF-8"},
    {"\"\xed\xa0\x80\"", {1, 2}, "not valid UTF-8"},
    {"\"\xf4\x90\x80\x80\"", {1, 2}, "not valid UTF-8"},
    {"\"\xe2\x82\"", {1, 2}, "not valid UTF-8"},
};

TEST_CASE("what RFC 8259 does not allow is refused with its place") {
  for (const Bad& bad : bad_json) {
    INFO(bad.input);
    Parsed<Node> node = read_json(bad.input);
    REQUIRE_FALSE(node);
    CHECK(node.error().reason == bad.reason);
    CHECK(node.error().at.line == bad.at.line);
    CHECK(node.error().at.column == bad.at.column);
  }
}

TEST_CASE("NUL bytes are refused in any place") {
  CHECK_FALSE(read_json(std::string_view("{\"a\":1}\0", 8)));
}

TEST_CASE("JSON comes back as it went in, white space aside") {
  for (const char* text : {"null", "true", "-0.5e+10", "\"\"", "[]", "{}", "[[],{}]",
                           "{\"a\":{\"b\":[1,2.50,\"x\",null,false]}}", "\"\\\"\\\\\\n\\u0001\"",
                           "\"\u00e9\u20ac\U0001F600\""}) {
    INFO(text);
    Parsed<Node> node = read_json(text);
    REQUIRE(node);
    CHECK(to_json(*node) == text);
  }
}

TEST_CASE("escapes become the characters that they stand for") {
  CHECK(read_json("\"\\u0041\\/\\ud83d\\ude00\"")->text == "A/\U0001F600");
}

TEST_CASE("every node knows its line and column") {
  Parsed<Node> node = read_json("{\n  \"a\": [\n    {\"b\": 7}\n  ]\n}");
  REQUIRE(node);
  CHECK(locate(*node, "a[0].b") == Position{3, 11});
  CHECK(locate(*node, "a[0].missing.deeper") == Position{3, 5});
  CHECK(locate(*node, "a[9]") == Position{2, 8});
  CHECK(node->members[0].at == Position{2, 3});
}

TEST_CASE("nesting is taken up to depth_max and refused one level further") {
  auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(read_json(nested(depth_max)));
  CHECK_FALSE(read_json(nested(depth_max + 1)));
  CHECK_FALSE(read_json(std::string(1'000'000, '[')));
}

TEST_CASE("values are counted up to nodes_max and refused beyond") {
  auto list_of = [](std::size_t count) {
    std::string text = "[0";
    for (std::size_t i = 1; i < count; ++i) text += ",0";
    return text + "]";
  };
  CHECK(read_json(list_of(nodes_max - 1)));
  CHECK_FALSE(read_json(list_of(nodes_max)));
}

TEST_CASE("a document larger than document_bytes_max is refused") {
  CHECK(read_json("\"" + std::string(document_bytes_max - 2, 'x') + "\""));
  CHECK_FALSE(read_json("\"" + std::string(document_bytes_max - 1, 'x') + "\""));
}

TEST_CASE("duplicates are found in large objects too") {
  std::string text = "{";
  for (int i = 0; i < 100; ++i) text += "\"k" + std::to_string(i) + "\":0,";
  CHECK(read_json(text + "\"x\":0}"));
  CHECK_FALSE(read_json(text + "\"k3\":0}"));
  CHECK_FALSE(read_json(text + "\"k99\":0}"));
}

TEST_CASE("JSON documents may follow each other") {
  auto documents = read_json_documents("{\"a\":1}\n{\"a\":2} [3]");
  REQUIRE(documents);
  REQUIRE(documents->size() == 3);
  CHECK((*documents)[1].at == Position{2, 1});
  CHECK(read_json_documents(" \n")->empty());
}

TEST_CASE("names and values that a patch brings keep their places in the patch") {
  Node target = *read_json(R"({"spec":{"a":1}})");
  merge_patch(target, *read_json("{\"spec\":\n  {\"b\": 2,\n   \"a\": 3}}"));
  const Node* spec = target.find("spec");
  REQUIRE(spec->members.size() == 2);
  CHECK(spec->members[0].at == Position{3, 4});
  CHECK(spec->members[0].value.at == Position{3, 9});
  CHECK(spec->members[1].at == Position{2, 4});
}

TEST_CASE("merge patch gives the results of RFC 7386 appendix A") {
  struct Case {
    const char *target, *patch, *result;
  };
  for (const Case& c : {
           Case{R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
           Case{R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
           Case{R"({"a":"b"})", R"({"a":null})", R"({})"},
           Case{R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
           Case{R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
           Case{R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
           Case{R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
           Case{R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
           Case{R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
           Case{R"({"a":"b"})", R"(["c"])", R"(["c"])"},
           Case{R"({"a":"foo"})", "null", "null"},
           Case{R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
           Case{"[1,2]", R"({"a":"b","c":null})", R"({"a":"b"})"},
           Case{"{}", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
       }) {
    INFO(c.target << " + " << c.patch);
    Node target = *read_json(c.target);
    merge_patch(target, *read_json(c.patch));
    CHECK(to_json(target) == c.result);
  }
}

}  // namespace
}  // namespace byway::control::reader
