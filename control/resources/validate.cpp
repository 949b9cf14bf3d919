#include "control/resources/validate.h"

#include <google/protobuf/message.h>

#include <algorithm>

#include "control/reader/nearest.h"
#include "control/resources/checker.h"
#include "control/resources/core.pb.h"
#include "control/resources/fields.h"
#include "control/resources/gateway.pb.h"
#include "control/resources/route.pb.h"

namespace byway::control::resources {
namespace {

/// Kubernetes' bound on all annotations of an object together.
constexpr std::size_t annotations_bytes_max = 256 * 1024;

void validate_labels(const ObjectMeta& metadata, Checker& checker) {
  const Checker::Scope scope(checker, "labels");
  for (const auto& [name, value] : metadata.labels()) {
    if (!is_qualified_name(name))
      checker.report(Cause::invalid, name, "the name is not of the form [prefix/]name");
    if (!is_label_value(value))
      checker.report(
          Cause::invalid, name,
          fmt::format("\"{}\" is not a label value (at most 63 of A-Z, a-z, 0-9, -, _, .)", value));
  }
}

void validate_annotations(const Kind& kind, const ObjectMeta& metadata, Checker& checker) {
  std::vector<std::string_view> known;
  if (kind.name == "Gateway") known.push_back(trusted_proxies_annotation);
  if (kind.name == "Service") known.push_back(load_balancing_annotation);
  std::size_t bytes = 0;
  const Checker::Scope scope(checker, "annotations");
  for (const auto& [name, value] : metadata.annotations()) {
    bytes += name.size() + value.size();
    if (!is_qualified_name(name))
      checker.report(Cause::invalid, name, "the name is not of the form [prefix/]name");
    // Ours promise something, so a misspelt one is refused and not kept for nobody.
    if (!name.starts_with("byway.dev/")) continue;
    if (std::ranges::find(known, name) == known.end()) {
      const std::string near = reader::nearest(name, known);
      checker.report(Cause::not_supported, name,
                     fmt::format("no such annotation for {}{}", kind.name,
                                 near.empty() ? "" : ", did you mean \"" + near + "\"?"));
    }
  }
  if (bytes > annotations_bytes_max)
    checker.report(Cause::too_long,
                   fmt::format("have {} bytes, at most {} are allowed", bytes, annotations_bytes_max));
}

void validate_metadata(const Kind& kind, const ObjectMeta& metadata, Checker& checker) {
  const Checker::Scope scope(checker, "metadata");
  if (checker.require("name", !metadata.name().empty())) {
    if (kind.name == "Service")
      checker.form("name", true, metadata.name(), is_dns1035_label,
                   "a DNS label that begins with a letter (at most 63)");
    else
      checker.dns_subdomain("name", true, metadata.name());
  }
  if (kind.namespaced)
    checker.dns_label("namespace", metadata.has_namespace_(), metadata.namespace_());
  else if (!metadata.namespace_().empty())
    checker.report(Cause::forbidden, "namespace", fmt::format("a {} belongs to no namespace", kind.name));
  validate_labels(metadata, checker);
  validate_annotations(kind, metadata, checker);
}

template <class Spec>
bool validate_as(const google::protobuf::Message& message, Checker& checker) {
  if (message.GetDescriptor() != Spec::descriptor()) return false;
  validate_spec(static_cast<const Spec&>(message), checker);
  return true;
}

}  // namespace

Validation validate(const Kind& kind, const google::protobuf::Message& message) {
  Validation validation;
  Checker checker(validation.errors);
  validate_metadata(kind, metadata_of(message), checker);
  validate_as<GatewayClass>(message, checker) || validate_as<Gateway>(message, checker) ||
      validate_as<HTTPRoute>(message, checker) || validate_as<ReferenceGrant>(message, checker) ||
      validate_as<Service>(message, checker) || validate_as<EndpointSlice>(message, checker);
  FieldFindings fields = check_fields(kind, message);
  validation.errors.insert(validation.errors.end(), fields.refused.begin(), fields.refused.end());
  validation.warnings = std::move(fields.warnings);
  return validation;
}

std::vector<Finding> validate_change(const Kind& kind, const google::protobuf::Message& stored,
                                     const google::protobuf::Message& changed) {
  std::vector<Finding> findings;
  if (kind.name == "GatewayClass") {
    const auto& before = static_cast<const GatewayClass&>(stored).spec();
    const auto& after = static_cast<const GatewayClass&>(changed).spec();
    if (before.controller_name() != after.controller_name())
      findings.push_back(
          {Cause::invalid, "spec.controllerName", "cannot be changed; delete the class and create it anew"});
  }
  if (kind.name == "EndpointSlice") {
    const auto& before = static_cast<const EndpointSlice&>(stored);
    const auto& after = static_cast<const EndpointSlice&>(changed);
    if (before.address_type() != after.address_type())
      findings.push_back(
          {Cause::invalid, "addressType", "cannot be changed; delete the slice and create it anew"});
  }
  return findings;
}

}  // namespace byway::control::resources
