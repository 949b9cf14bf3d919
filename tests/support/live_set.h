// A verified set for tests of the data plane, from specifications, through the same builder, sealed memfds
// and verifier as in production.
#pragma once

#include <cstdint>
#include <vector>

#include "control/shm/endpoints_builder.h"
#include "control/shm/policy_builder.h"
#include "control/shm/publication.h"
#include "control/shm/slots.h"
#include "dataplane/assert.h"

namespace byway::test {

/// Owner of one generation. `slots` must outlive it.
class TestSet {
 public:
  TestSet(const shm::PolicySpec& policy, const std::vector<shm::BackendSpec>& backends,
          std::uint64_t generation, shm::SlotRegion& slots)
      : snapshot_(open(policy, backends, generation)) {
    std::vector<std::uint64_t> ids;
    for (const shm::Endpoint& endpoint : snapshot_.endpoints().endpoints()) ids.push_back(endpoint.id);
    auto lease = shm::SlotLease::take(slots, ids);
    BYWAY_ASSERT(lease.has_value());
    lease_ = std::move(*lease);
    live_ = {.generation = generation, .revision = 1, .snapshot = &snapshot_, .slots = lease_.handles()};
  }
  TestSet(const TestSet&) = delete;
  TestSet& operator=(const TestSet&) = delete;

  [[nodiscard]] const shm::LiveSet* live() const { return &live_; }
  [[nodiscard]] const shm::Snapshot& snapshot() const { return snapshot_; }

 private:
  static shm::OwnedFd seal(const auto& bytes) {
    BYWAY_ASSERT(bytes.has_value());  // a test that specifies what cannot be built is wrong
    auto fd = shm::make_sealed_memfd("test", *bytes);
    BYWAY_ASSERT(fd.has_value());
    return std::move(*fd);
  }
  static shm::Snapshot open(const shm::PolicySpec& policy, const std::vector<shm::BackendSpec>& backends,
                            std::uint64_t generation) {
    const shm::OwnedFd policy_fd = seal(shm::build_policy(policy));
    const shm::OwnedFd endpoints_fd = seal(shm::build_endpoints(backends));
    const shm::OwnedFd secrets_fd = seal(shm::build_secrets());
    auto snapshot = shm::Snapshot::open(policy_fd.get(), endpoints_fd.get(), secrets_fd.get(), generation, 1);
    BYWAY_ASSERT(snapshot.has_value());
    return std::move(*snapshot);
  }

  shm::Snapshot snapshot_;
  shm::SlotLease lease_;
  shm::LiveSet live_;
};

}  // namespace byway::test
