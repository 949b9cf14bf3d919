// An object as the agent holds it, and the whole of them.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "control/resources/kinds.h"

namespace byway::control {

/// Which object: its kind, namespace ("" for kinds without) and name.
struct ObjectKey {
  const resources::Kind* kind = nullptr;
  std::string object_namespace;
  std::string name;

  bool operator==(const ObjectKey&) const = default;
  /// By kind in the order of resources::kinds(), then namespace, then name.
  bool operator<(const ObjectKey& other) const {
    if (kind != other.kind) return std::less<>()(kind, other.kind);
    return std::tie(object_namespace, name) < std::tie(other.object_namespace, other.name);
  }
  /// "ns/name", or "name".
  [[nodiscard]] std::string full_name() const {
    return object_namespace.empty() ? name : object_namespace + "/" + name;
  }
};

/// Immutable: a write makes a new one, so readers need no lock.
struct Object {
  ObjectKey key;
  std::shared_ptr<const google::protobuf::Message> message;  ///< without status; metadata complete
  std::uint64_t resource_version = 0;
  /// JSON of what the client decides (everything but server-set metadata): equal text, nothing changed.
  std::string content;
};

using ObjectPointer = std::shared_ptr<const Object>;
using ObjectMap = std::map<ObjectKey, ObjectPointer>;

/// Status messages (GatewayStatus…) of those kinds that have one.
using StatusMap = std::map<ObjectKey, std::shared_ptr<const google::protobuf::Message>>;

}  // namespace byway::control
