#include "control/shm/snapshot.h"

namespace byway::shm {

std::expected<Snapshot, SnapshotError> Snapshot::open(int policy_fd, int endpoints_fd, int secrets_fd,
                                                      std::uint64_t generation, std::uint64_t revision) {
  const auto refuse = [](BlobKind blob, VerifyError error) {
    return std::unexpected(SnapshotError{blob, error});
  };
  auto policy_blob = MappedBlob::map(policy_fd);
  if (!policy_blob) return refuse(BlobKind::policy, policy_blob.error());
  auto endpoints_blob = MappedBlob::map(endpoints_fd);
  if (!endpoints_blob) return refuse(BlobKind::endpoints, endpoints_blob.error());
  auto secrets_blob = MappedBlob::map(secrets_fd);
  if (!secrets_blob) return refuse(BlobKind::secrets, secrets_blob.error());

  const auto policy = verify_policy(policy_blob->bytes());
  if (!policy) return refuse(BlobKind::policy, policy.error());
  const auto endpoints = verify_endpoints(endpoints_blob->bytes());
  if (!endpoints) return refuse(BlobKind::endpoints, endpoints.error());
  const auto secrets = verify_secrets(secrets_blob->bytes());
  if (!secrets) return refuse(BlobKind::secrets, secrets.error());

  Snapshot result;
  result.policy_blob_ = *std::move(policy_blob);
  result.endpoints_blob_ = *std::move(endpoints_blob);
  result.secrets_blob_ = *std::move(secrets_blob);
  result.policy_ = *policy;
  result.endpoints_ = *endpoints;
  result.secrets_ = *secrets;
  for (const PolicyBackend& backend : policy->backends()) {
    result.backend_of_.push_back(endpoints->find_backend(backend.id));
  }
  result.generation_ = generation;
  result.revision_ = revision;
  return result;
}

}  // namespace byway::shm
