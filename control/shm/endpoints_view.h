// Reads verified endpoints and secrets blobs; the accessors check nothing (see policy_view.h).
#pragma once

#include "control/shm/endpoints_layout.h"
#include "control/shm/policy_view.h"
#include "control/shm/secrets_layout.h"

namespace byway::shm {

/// The endpoints of one generation. Thread: any; nothing changes.
class EndpointsView : public BlobView {
 public:
  EndpointsView() = default;
  /// `blob` has passed verify_endpoints().
  explicit EndpointsView(const std::byte* blob) : BlobView(blob) {}

  [[nodiscard]] const EndpointsRoot& root() const { return root_as<EndpointsRoot>(); }
  [[nodiscard]] std::span<const Backend> backends() const { return table(root().backends); }
  [[nodiscard]] std::span<const Endpoint> endpoints() const { return table(root().endpoints); }
  [[nodiscard]] std::span<const Endpoint> endpoints(const Backend& backend) const {
    return records(root().endpoints, backend.endpoints);
  }
  /// Index of the backend with this stable id, or no_index. Binary search: for the set-up of a generation
  /// and for commands; a request uses Snapshot::backend_of().
  [[nodiscard]] std::uint32_t find_backend(std::uint64_t id) const;
};

/// The secrets of one generation: none yet.
class SecretsView : public BlobView {
 public:
  SecretsView() = default;
  /// `blob` has passed verify_secrets().
  explicit SecretsView(const std::byte* blob) : BlobView(blob) {}

  [[nodiscard]] const SecretsRoot& root() const { return root_as<SecretsRoot>(); }
};

}  // namespace byway::shm
