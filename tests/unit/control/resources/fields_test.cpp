#include "control/resources/fields.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "control/reader/encode.h"
#include "control/reader/write.h"
#include "control/resources/validate.h"
#include "tests/unit/control/support/yaml.h"

namespace byway::control::resources {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

/// Paths of all fields of a message; those under an entry of the table are left out.
void collect(const Kind& kind, const Descriptor& type, const std::string& prefix,
             std::set<std::string>& uncovered, std::set<std::string>& met) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const std::string path = prefix + field.json_name();
    met.insert(path);
    if (find_field_entry(kind, path) != nullptr || !value_entries(kind, path).empty()) continue;
    const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field.is_map();
    if (!is_message)
      uncovered.insert(path);
    else
      collect(kind, *field.message_type(), path + (field.is_repeated() ? "[]." : "."), uncovered, met);
  }
}

TEST_CASE("every field of every kind is in the table, and every entry is a field") {
  std::map<std::string, std::set<std::string>> met;
  for (const Kind& kind : kinds()) {
    std::set<std::string> uncovered;
    collect(kind, *kind.prototype->GetDescriptor(), "", uncovered, met[std::string(kind.name)]);
    INFO(kind.name);
    CHECK(uncovered == std::set<std::string>{});
  }
  for (const FieldEntry& entry : field_table()) {
    INFO(entry.kind << " " << entry.path);
    const std::string kind(entry.kind == "*" ? "Gateway" : entry.kind);
    REQUIRE(met.contains(kind));
    CHECK(met[kind].contains(std::string(entry.path)));
  }
}

TEST_CASE("docs/fields.md is what the table says") {
  const char* root = std::getenv("BYWAY_SOURCE_ROOT");
  REQUIRE(root != nullptr);
  const std::string path = std::string(root) + "/docs/fields.md";
  if (std::getenv("BYWAY_UPDATE_DOCS") != nullptr) std::ofstream(path) << fields_document();
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  INFO("run this test with BYWAY_UPDATE_DOCS=1 to write the file anew");
  CHECK(text.str() == fields_document());
}

Validation validate_yaml(std::string_view yaml) {
  auto objects = objects_from(yaml);
  REQUIRE(objects.size() == 1);
  return validate(*objects[0].key.kind, *objects[0].message);
}

std::string joined(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings)
    text += std::string(to_string(finding.cause)) + " " + finding.path + ": " + finding.reason + "\n";
  return text;
}

constexpr const char* service_head =
    "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  ports: [{port: 80}]\n";

TEST_CASE("an inert field is kept and named once in a warning") {
  const Validation validation = validate_yaml(
      std::string(service_head) + "  externalIPs: [1.2.3.4]\n  ipFamilies: [IPv4]\n  type: NodePort\n");
  CHECK(joined(validation.errors).empty());
  const std::string warnings = joined(validation.warnings);
  CHECK(warnings.contains("spec.externalIPs: has no effect"));
  CHECK(warnings.contains("spec.ipFamilies: has no effect"));
  CHECK(warnings.contains("spec.type: has no effect: NodePort"));
}

TEST_CASE("a field that would promise what is not kept is refused with the reason") {
  const Validation validation = validate_yaml(
      std::string(service_head) + "  loadBalancerSourceRanges: [10.0.0.0/8]\n  sessionAffinity: ClientIP\n");
  CHECK(joined(validation.errors) ==
        "FieldValueForbidden spec.sessionAffinity: ClientIP: sessions are not kept on one endpoint in this "
        "version\n"
        "FieldValueForbidden spec.loadBalancerSourceRanges: it narrows who may call, and Byway does not "
        "check it in this version\n");
}

TEST_CASE("an empty list of refused things promises nothing and is taken") {
  CHECK(joined(validate_yaml(std::string(service_head) + "  loadBalancerSourceRanges: []\n").errors).empty());
}

TEST_CASE("an unknown value is refused with those that are known") {
  const Validation validation = validate_yaml(std::string(service_head) + "  type: NodePrt\n");
  CHECK(joined(validation.errors) ==
        "FieldValueNotSupported spec.type: \"NodePrt\" is not one of ClusterIP, NodePort, LoadBalancer, "
        "ExternalName, did you mean \"NodePort\"?\n");
}

/// A value of the right type for each scalar; strings that have a list of values get each of them.
void fill(google::protobuf::Message& message, int depth) {
  const auto& reflection = *message.GetReflection();
  const Descriptor& type = *message.GetDescriptor();
  if (depth > 12) return;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (type.name() == "IntOrString" && field.name() == "text") continue;
    if (type.name() == "RawJson") reflection.SetString(&message, &field, "{}");
    if (type.name() == "RawJson") continue;
    if (field.is_map()) continue;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        fill(field.is_repeated() ? *reflection.AddMessage(&message, &field)
                                 : *reflection.MutableMessage(&message, &field),
             depth + 1);
        break;
      case FieldDescriptor::CPPTYPE_STRING:
        field.is_repeated() ? reflection.AddString(&message, &field, "x")
                            : reflection.SetString(&message, &field, "x");
        break;
      case FieldDescriptor::CPPTYPE_INT32:
        field.is_repeated() ? reflection.AddInt32(&message, &field, 7)
                            : reflection.SetInt32(&message, &field, 7);
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        reflection.SetInt64(&message, &field, 7);
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        reflection.SetBool(&message, &field, false);
        break;
      default:
        break;
    }
  }
}

TEST_CASE("each refused field is refused and each inert or unserved one warned about, whatever its kind") {
  for (const Kind& kind : kinds()) {
    auto message = make_message(kind);
    fill(*message, 0);
    const FieldFindings findings = check_fields(kind, *message);
    const std::string refused = joined(findings.refused);
    const std::string warned = joined(findings.warnings);
    for (const FieldEntry& entry : field_table()) {
      if (entry.is_value || (entry.kind != "*" && entry.kind != kind.name)) continue;
      std::string path(entry.path);
      for (std::size_t at; (at = path.find("[]")) != path.npos;) path.replace(at, 2, "[0]");
      // A scalar's only entries; maps are left out by fill().
      INFO(kind.name << " " << path);
      const bool is_map = path.ends_with("labels") || path.ends_with("annotations") ||
                          path.ends_with("selector") || path.ends_with("deprecatedTopology");
      if (entry.treatment == Treatment::refused && !path.ends_with("namespaces.selector"))
        CHECK(refused.contains(path + ": " + std::string(entry.note)));
      if (entry.treatment == Treatment::refused && is_map) CHECK(refused.contains(path));
      if ((entry.treatment == Treatment::inert || entry.treatment == Treatment::condition) && !is_map)
        CHECK(warned.contains(path + ": "));
      if (entry.treatment == Treatment::obeyed) CHECK_FALSE(refused.contains(" " + path + ": "));
    }
  }
}

TEST_CASE("every message of every kind survives the way to JSON and back") {
  for (const Kind& kind : kinds()) {
    auto message = make_message(kind);
    fill(*message, 0);
    const reader::Node node = reader::encode(*message);
    auto copy = make_message(kind);
    const auto problems = reader::decode(node, *copy);
    INFO(kind.name << " " << reader::to_json(node));
    CHECK(problems.empty());
    CHECK(reader::to_json(reader::encode(*copy)) == reader::to_json(node));
  }
}

}  // namespace
}  // namespace byway::control::resources
