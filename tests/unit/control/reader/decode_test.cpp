#include "control/reader/decode.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "control/reader/encode.h"
#include "control/reader/json.h"
#include "control/reader/nearest.h"
#include "control/reader/write.h"
#include "control/reader/yaml.h"
#include "control/resources/core.pb.h"
#include "control/resources/gateway.pb.h"
#include "control/resources/route.pb.h"

namespace byway::control::reader {
namespace {

template <class Message>
std::vector<std::string> problems_of(std::string_view yaml) {
  auto documents = read_yaml_documents(yaml);
  REQUIRE(documents);
  Message message;
  std::vector<std::string> texts;
  for (const Problem& problem : decode(documents->at(0), message)) texts.push_back(format(problem));
  return texts;
}

TEST_CASE("an unknown name is answered with path, place and the nearest known name") {
  CHECK(problems_of<resources::HTTPRoute>("kind: HTTPRoute\nspec:\n  rulez:\n  - {}\n") ==
        std::vector<std::string>{"spec.rulez: unknown field, did you mean \"rules\"? (line 3, column 3)"});
  CHECK(problems_of<resources::HTTPRoute>("spec:\n  rules:\n  - matches:\n    - path: {tipe: Exact}\n") ==
        std::vector<std::string>{
            "spec.rules[0].matches[0].path.tipe: unknown field, did you mean \"type\"? (line 4, column 14)"});
  // Protobuf's own names are none of Kubernetes'.
  CHECK(problems_of<resources::HTTPRoute>("spec: {parent_refs: []}\n") ==
        std::vector<std::string>{
            "spec.parent_refs: unknown field, did you mean \"parentRefs\"? (line 1, column 8)"});
  CHECK(problems_of<resources::Service>("spec: {zzzzzz: 1}\n") ==
        std::vector<std::string>{"spec.zzzzzz: unknown field (line 1, column 8)"});
}

TEST_CASE("an unknown name is refused even if its value is null") {
  CHECK(problems_of<resources::Service>("spec: {prots: null}\n").size() == 1);
}

TEST_CASE("wrong types are named with what was found") {
  CHECK(problems_of<resources::Service>(
            "spec:\n  ports: {}\n  selector: [a]\n  type: 1\n  publishNotReadyAddresses: 'true'\n") ==
        std::vector<std::string>{
            "spec.ports: expected a list, found an object (line 2, column 10)",
            "spec.selector: expected an object, found a list (line 3, column 13)",
            "spec.type: expected a string, found a number: put 1 in quotes (line 4, column 9)",
            "spec.publishNotReadyAddresses: expected a boolean, found a string: write it without quotes "
            "(line 5, column 29)"});
  CHECK(problems_of<resources::Service>(
            "spec:\n  ports:\n  - port: '80'\n  - port: 80.5\n  - port: 3000000000\n  - port: 1e2\n") ==
        std::vector<std::string>{
            "spec.ports[0].port: expected an integer, found a string: write it without quotes (line 3, "
            "column 11)",
            "spec.ports[1].port: expected an integer, found 80.5 (line 4, column 11)",
            "spec.ports[2].port: 3000000000 is not between -2147483648 and 2147483647 (line 5, column 11)",
            "spec.ports[3].port: expected an integer, found 1e2 (line 6, column 11)"});
  CHECK(problems_of<resources::Service>("[1]\n") ==
        std::vector<std::string>{"expected an object, found a list (line 1, column 1)"});
}

TEST_CASE("a plain scalar that readers disagree about is refused where a string is wanted") {
  CHECK(problems_of<resources::Service>("metadata: {labels: {a: yes}}\n") ==
        std::vector<std::string>{"metadata.labels.a: readers of YAML disagree about what yes is: put it in "
                                 "quotes (line 1, column 24)"});
  CHECK(problems_of<resources::Service>("metadata: {labels: {a.b/c: 0777}}\n")
            .at(0)
            .starts_with("metadata.labels[\"a.b/c\"]: "));
  CHECK(problems_of<resources::Service>("metadata: {labels: {a: 'yes'}}\n").empty());
}

TEST_CASE("at most problems_max problems are reported") {
  std::string yaml = "spec:\n  ports:\n";
  for (int i = 0; i < 100; ++i) yaml += "  - port: x\n";
  CHECK(problems_of<resources::Service>(yaml).size() == 20);
}

template <class Message>
void check_round_trip(std::string_view json) {
  INFO(json);
  Message message;
  auto problems = decode(*read_json(json), message);
  for (const Problem& problem : problems) UNSCOPED_INFO(format(problem));
  REQUIRE(problems.empty());
  CHECK(to_json(encode(message)) == json);
  Message copy;
  REQUIRE(copy.ParseFromString(message.SerializeAsString()));
  CHECK(to_json(encode(copy)) == json);
}

TEST_CASE("zeros, false, empty strings, empty objects and empty lists come back as written") {
  check_round_trip<resources::HTTPRoute>(
      R"({"spec":{"rules":[{"matches":[],"backendRefs":[{"name":"","weight":0}]}]}})");
  check_round_trip<resources::HTTPRoute>(R"({"spec":{"parentRefs":[],"hostnames":[],"rules":[]}})");
  check_round_trip<resources::HTTPRoute>(R"({"spec":{}})");
  check_round_trip<resources::Service>(
      R"({"metadata":{"labels":{},"annotations":{"a":""}},"spec":{"publishNotReadyAddresses":false}})");
}

TEST_CASE("ports by number and by name come back as written") {
  check_round_trip<resources::Service>(
      R"({"spec":{"ports":[{"port":80,"targetPort":8080},{"port":81,"targetPort":"web"},{"port":82,"targetPort":0}]}})");
}

TEST_CASE("irregular names keep their capitals") {
  check_round_trip<resources::Service>(
      R"({"spec":{"clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1"],"externalIPs":["1.2.3.4"],"sessionAffinityConfig":{"clientIP":{"timeoutSeconds":5}},"loadBalancerIP":"1.1.1.1"}})");
}

TEST_CASE("what nobody looks into is kept as it is") {
  check_round_trip<resources::Gateway>(
      R"({"metadata":{"managedFields":[{"manager":"kubectl","fieldsV1":{"f:spec":{"f:listeners":[1,"x",null,{"a":false}]}}}]}})");
}

TEST_CASE("the nearest name is found across swapped, missing and wrongly cased letters") {
  constexpr std::string_view names[] = {"hostname", "hostnames", "parentRefs", "rules"};
  CHECK(nearest("hostnmae", names) == "hostname");
  CHECK(nearest("hostName", names) == "hostname");
  CHECK(nearest("parentrefs", names) == "parentRefs");
  CHECK(nearest("rule", names) == "rules");
  CHECK(nearest("zebra", names).empty());
  CHECK(nearest(std::string(100'000, 'x'), names).empty());
}

}  // namespace
}  // namespace byway::control::reader
