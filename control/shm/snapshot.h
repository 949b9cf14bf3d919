// One generation: the consistent set of three blobs that the workers run, verified and joined.
#pragma once

#include <cstdint>
#include <expected>
#include <vector>

#include "control/shm/endpoints_view.h"
#include "control/shm/memfd.h"
#include "control/shm/policy_view.h"
#include "control/shm/verify.h"

namespace byway::shm {

/// Why a set was refused, and in which of its blobs.
struct SnapshotError {
  BlobKind blob;
  VerifyError error;
};

/// Owner: the data plane's main thread, which opens it, publishes a pointer to it and destroys it when no
/// worker and no exchange uses its generation. Workers read it; nothing in it changes after open().
class Snapshot {
 public:
  /// Maps and verifies three sealed memfds, and resolves the policy's backends to the endpoints' table. The
  /// descriptors stay the caller's. On error nothing is kept.
  [[nodiscard]] static std::expected<Snapshot, SnapshotError> open(int policy_fd, int endpoints_fd,
                                                                   int secrets_fd, std::uint64_t generation,
                                                                   std::uint64_t revision);

  [[nodiscard]] const PolicyView& policy() const { return policy_; }
  [[nodiscard]] const EndpointsView& endpoints() const { return endpoints_; }
  [[nodiscard]] const SecretsView& secrets() const { return secrets_; }
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  [[nodiscard]] std::uint64_t revision() const { return revision_; }

  /// The endpoints' Backend index for BackendRef::backend_index, or no_index: the set knows no such backend,
  /// which counts as one without endpoints (503).
  [[nodiscard]] std::uint32_t backend_of(std::uint32_t policy_backend_index) const {
    return backend_of_[policy_backend_index];
  }
  /// The endpoints behind BackendRef::backend_index; none for an unknown backend.
  [[nodiscard]] std::span<const Endpoint> endpoints_of(std::uint32_t policy_backend_index) const {
    const std::uint32_t index = backend_of_[policy_backend_index];
    return index == no_index ? std::span<const Endpoint>{}
                             : endpoints_.endpoints(endpoints_.backends()[index]);
  }

 private:
  Snapshot() = default;

  MappedBlob policy_blob_;
  MappedBlob endpoints_blob_;
  MappedBlob secrets_blob_;
  PolicyView policy_;
  EndpointsView endpoints_;
  SecretsView secrets_;
  std::vector<std::uint32_t> backend_of_;
  std::uint64_t generation_ = 0;
  std::uint64_t revision_ = 0;
};

}  // namespace byway::shm
