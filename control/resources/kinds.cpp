#include "control/resources/kinds.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "control/resources/core.pb.h"
#include "control/resources/gateway.pb.h"
#include "control/resources/route.pb.h"

namespace byway::control::resources {
namespace {

constexpr std::string_view v1_only[] = {"v1"};
constexpr std::string_view v1_and_v1beta1[] = {"v1", "v1beta1"};
/// ReferenceGrant is stored as v1beta1 by the Gateway API to this day, and most manifests say so.
constexpr std::string_view v1beta1_and_v1[] = {"v1beta1", "v1"};

using google::protobuf::Message;

const google::protobuf::FieldDescriptor& field_of(const Message& message, const char* name) {
  return *message.GetDescriptor()->FindFieldByName(name);
}

}  // namespace

std::span<const Kind> kinds() {
  static const std::array<Kind, 6> all = {{
      {"GatewayClass", gateway_group, "gatewayclasses", "gatewayclass", v1_and_v1beta1, false, true,
       &GatewayClass::default_instance()},
      {"ReferenceGrant", gateway_group, "referencegrants", "referencegrant", v1beta1_and_v1, true, true,
       &ReferenceGrant::default_instance()},
      {"Service", "", "services", "service", v1_only, true, true, &Service::default_instance()},
      {"EndpointSlice", "discovery.k8s.io", "endpointslices", "endpointslice", v1_only, true, false,
       &EndpointSlice::default_instance()},
      {"Gateway", gateway_group, "gateways", "gateway", v1_and_v1beta1, true, true,
       &Gateway::default_instance()},
      {"HTTPRoute", gateway_group, "httproutes", "httproute", v1_and_v1beta1, true, true,
       &HTTPRoute::default_instance()},
  }};
  return all;
}

std::string Kind::api_version(std::string_view version) const {
  return group.empty() ? std::string(version) : fmt::format("{}/{}", group, version);
}

bool Kind::serves(std::string_view version) const {
  return std::ranges::find(versions, version) != versions.end();
}

const Kind* find_kind(std::string_view api_version, std::string_view name) {
  for (const Kind& kind : kinds())
    if (kind.name == name)
      for (std::string_view version : kind.versions)
        if (kind.api_version(version) == api_version) return &kind;
  return nullptr;
}

const Kind* find_kind(std::string_view group, std::string_view version, std::string_view plural) {
  for (const Kind& kind : kinds())
    if (kind.plural == plural && kind.group == group && kind.serves(version)) return &kind;
  return nullptr;
}

const Kind& kind_named(std::string_view name) {
  auto it = std::ranges::find(kinds(), name, &Kind::name);
  if (it == kinds().end()) throw std::logic_error(fmt::format("no kind {}", name));
  return *it;
}

std::unique_ptr<Message> make_message(const Kind& kind) {
  return std::unique_ptr<Message>(kind.prototype->New());
}

const ObjectMeta& metadata_of(const Message& message) {
  return static_cast<const ObjectMeta&>(
      message.GetReflection()->GetMessage(message, &field_of(message, "metadata")));
}

ObjectMeta& mutable_metadata_of(Message& message) {
  return static_cast<ObjectMeta&>(
      *message.GetReflection()->MutableMessage(&message, &field_of(message, "metadata")));
}

void clear_status(Message& message) {
  if (const auto* status = message.GetDescriptor()->FindFieldByName("status"))
    message.GetReflection()->ClearField(&message, status);
}

}  // namespace byway::control::resources
