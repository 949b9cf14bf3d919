// Conditions of a status, by type. Used by the resolver.
#pragma once
#include <string>
#include <string_view>

#include "control/resources/meta.pb.h"

namespace byway::control::model {

using Conditions = google::protobuf::RepeatedPtrField<resources::Condition>;

/// "True" or "False" and why.
struct Verdict {
  bool is_true = true;
  std::string reason;
  std::string message = {};
};

inline resources::Condition& add_condition(Conditions& conditions, std::string_view type,
                                           const Verdict& verdict, std::int64_t generation) {
  resources::Condition& condition = *conditions.Add();
  condition.set_type(std::string(type));
  condition.set_status(verdict.is_true ? "True" : "False");
  condition.set_observed_generation(generation);
  condition.set_reason(verdict.reason);
  condition.set_message(verdict.message);
  return condition;
}

}  // namespace byway::control::model
