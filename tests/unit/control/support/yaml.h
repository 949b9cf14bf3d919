// Objects from YAML in tests.
#pragma once
#include <google/protobuf/message.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "control/engine/engine.h"
#include "control/reader/decode.h"
#include "control/reader/yaml.h"
#include "control/resources/meta.pb.h"

namespace byway::control {

struct ParsedObject {
  ObjectKey key;
  std::unique_ptr<google::protobuf::Message> message;
};

/// All documents; throws where the reader has a problem. The namespace is "default" where absent.
inline std::vector<ParsedObject> objects_from(std::string_view yaml) {
  auto documents = reader::read_yaml_documents(yaml);
  if (!documents) throw std::runtime_error(reader::format(documents.error()));
  std::vector<ParsedObject> objects;
  for (const reader::Node& node : *documents) {
    const resources::Kind* kind = resources::find_kind(node.text_of("apiVersion"), node.text_of("kind"));
    if (kind == nullptr) throw std::runtime_error("unknown kind " + std::string(node.text_of("kind")));
    auto message = resources::make_message(*kind);
    auto problems = reader::decode(node, *message);
    if (!problems.empty()) throw std::runtime_error(reader::format(problems.front()));
    resources::ObjectMeta& metadata = resources::mutable_metadata_of(*message);
    if (kind->namespaced && metadata.namespace_().empty()) metadata.set_namespace_("default");
    ObjectKey key{kind, metadata.namespace_(), metadata.name()};
    objects.push_back({std::move(key), std::move(message)});
  }
  return objects;
}

inline std::vector<Write> writes_from(std::string_view yaml, WriteVerb verb = WriteVerb::apply) {
  std::vector<Write> writes;
  for (ParsedObject& object : objects_from(yaml))
    writes.push_back({verb, std::move(object.key), std::move(object.message)});
  return writes;
}

}  // namespace byway::control
