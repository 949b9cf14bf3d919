#include "control/compile/compile.h"

#include "control/shm/endpoints_builder.h"
#include "control/shm/policy_builder.h"

namespace byway::control {
namespace {

std::expected<std::shared_ptr<const shm::BlobBytes>, std::string> shared(
    std::expected<shm::BlobBytes, shm::BuildError> built) {
  if (!built) return std::unexpected(built.error().what);
  return std::make_shared<const shm::BlobBytes>(std::move(*built));
}

}  // namespace

std::expected<CompiledSet, std::string> compile(const Model& model, const CompiledSet* previous,
                                                bool is_policy_changed) {
  CompiledSet set;
  if (previous != nullptr) {
    set.secrets = previous->secrets;
    if (!is_policy_changed) set.policy = previous->policy;
  }
  if (set.policy == nullptr) {
    auto policy = shared(shm::build_policy(model.policy));
    if (!policy) return std::unexpected(policy.error());
    set.policy = std::move(*policy);
  }
  auto endpoints = shared(shm::build_endpoints(model.backends));
  if (!endpoints) return std::unexpected(endpoints.error());
  set.endpoints = std::move(*endpoints);
  if (set.secrets == nullptr) {
    auto secrets = shared(shm::build_secrets());
    if (!secrets) return std::unexpected(secrets.error());
    set.secrets = std::move(*secrets);
  }
  return set;
}

}  // namespace byway::control
