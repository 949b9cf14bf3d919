// Bodies of requests: JSON or YAML by Content-Type, to documents, to typed messages.
#pragma once
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "control/api/message.h"
#include "control/engine/engine.h"
#include "control/reader/node.h"

namespace byway::control::api {

/// What a REST path says about the object in the body; empty parts are not checked.
struct Expected {
  const resources::Kind* kind = nullptr;
  std::string object_namespace;
  std::string name;
};

/// A document and the write made of it.
struct ReadObject {
  ObjectKey key;
  std::unique_ptr<google::protobuf::Message> message;
};

/// The documents of a body; a `List` object stands for its items. Error: the answer to give.
std::expected<std::vector<reader::Node>, Response> read_documents(const Request& request);

/// Exactly one document.
std::expected<reader::Node, Response> read_document(const Request& request);

/// Types a document; fills in the namespace. `what` names it in errors ("document 2", or "the body").
std::expected<ReadObject, Response> read_object(const reader::Node& document, const Expected& expected,
                                                std::string_view what);

}  // namespace byway::control::api
