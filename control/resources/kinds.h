// The kinds that Byway keeps: their names in every spelling that REST paths, manifests and messages use,
// and an empty message of each.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace google::protobuf {
class Message;
}

namespace byway::control::resources {

class ObjectMeta;

inline constexpr std::string_view gateway_group = "gateway.networking.k8s.io";

/// One kind. All are static: compare by address.
struct Kind {
  std::string_view name;                       ///< "HTTPRoute"
  std::string_view group;                      ///< "gateway.networking.k8s.io", or "" for core
  std::string_view plural;                     ///< "httproutes", as in paths
  std::string_view singular;                   ///< "httproute"
  std::span<const std::string_view> versions;  ///< served ones, preferred first; the schema is the same
  bool namespaced;
  /// A change makes a revision: it decides how requests are treated. (Endpoints come and go without one.)
  bool is_policy;
  const google::protobuf::Message* prototype;

  [[nodiscard]] std::string api_version(std::string_view version) const;  ///< "group/version" or "version"
  [[nodiscard]] std::string api_version() const { return api_version(versions.front()); }
  [[nodiscard]] bool serves(std::string_view version) const;
};

/// All kinds in a fixed order: what others refer to comes first.
std::span<const Kind> kinds();

/// By `apiVersion` and `kind` of a manifest; nullptr: not kept.
const Kind* find_kind(std::string_view api_version, std::string_view kind);
/// By the parts of a REST path.
const Kind* find_kind(std::string_view group, std::string_view version, std::string_view plural);
const Kind& kind_named(std::string_view name);

std::unique_ptr<google::protobuf::Message> make_message(const Kind& kind);

/// `metadata` of a message of one of the kinds.
const ObjectMeta& metadata_of(const google::protobuf::Message& message);
ObjectMeta& mutable_metadata_of(google::protobuf::Message& message);
/// Takes the status away, where the kind has one.
void clear_status(google::protobuf::Message& message);

}  // namespace byway::control::resources
