#include "control/engine/strict.h"

#include <fmt/format.h>
#include <google/protobuf/message.h>

#include "control/engine/limits.h"
#include "control/resources/gateway.pb.h"
#include "control/resources/route.pb.h"

namespace byway::control {
namespace {

using Conditions = google::protobuf::RepeatedPtrField<resources::Condition>;

class Collector {
 public:
  std::vector<RefusalCause> causes;

  void take(std::size_t index, const std::string& path, const Conditions& conditions) {
    for (const resources::Condition& condition : conditions) {
      const bool is_unmet = condition.type() == "Conflicted" || condition.type() == "PartiallyInvalid"
                                ? condition.status() == "True"
                                : condition.status() != "True";
      // Every write is pending until the data plane runs it; that is no condition unmet.
      const bool is_under_way =
          condition.type() == "Programmed" && !condition.reason().starts_with("Address");
      if (!is_unmet || is_under_way || causes.size() == causes_max) continue;
      causes.push_back({index,
                        {resources::Cause::invalid, path,
                         fmt::format("{}={} {}: {}", condition.type(), condition.status(), condition.reason(),
                                     condition.message())}});
    }
  }

  void take(std::size_t index, const google::protobuf::Message& status) {
    if (status.GetDescriptor() == resources::GatewayStatus::descriptor()) {
      const auto& gateway = static_cast<const resources::GatewayStatus&>(status);
      take(index, "spec", gateway.conditions());
      for (int i = 0; i < gateway.listeners_size(); ++i)
        take(index, fmt::format("spec.listeners[{}]", i), gateway.listeners(i).conditions());
    } else if (status.GetDescriptor() == resources::HTTPRouteStatus::descriptor()) {
      const auto& route = static_cast<const resources::HTTPRouteStatus&>(status);
      for (int i = 0; i < route.parents_size(); ++i)
        take(index, fmt::format("spec.parentRefs[{}]", i), route.parents(i).conditions());
    } else if (status.GetDescriptor() == resources::GatewayClassStatus::descriptor()) {
      take(index, "spec", static_cast<const resources::GatewayClassStatus&>(status).conditions());
    }
  }
};

}  // namespace

std::optional<Refusal> unmet_conditions(const std::vector<Written>& written) {
  Collector collector;
  std::optional<ObjectKey> first;
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (written[i].status == nullptr || written[i].action == WriteAction::deleted) continue;
    collector.take(i, *written[i].status);
    if (!first && !collector.causes.empty()) first = written[i].object->key;
  }
  if (collector.causes.empty()) return std::nullopt;
  return Refusal{422, "Invalid", fmt::format("{} would not be served as written (strict)", describe(*first)),
                 first, std::move(collector.causes)};
}

}  // namespace byway::control
