// The model as the three blobs of a set. A pure function; what it refuses, the write is refused for.
#pragma once
#include <expected>
#include <memory>
#include <string>

#include "control/model/resolve.h"
#include "control/shm/blob_writer.h"

namespace byway::control {

/// One consistent set, immutable and shared: blobs that did not change are those of the set before.
struct CompiledSet {
  std::shared_ptr<const shm::BlobBytes> policy;
  std::shared_ptr<const shm::BlobBytes> endpoints;
  std::shared_ptr<const shm::BlobBytes> secrets;
};

/// `previous` (may be nullptr) lends its policy blob where `is_policy_changed` is false. Error: what a blob
/// cannot hold, for a person.
std::expected<CompiledSet, std::string> compile(const Model& model, const CompiledSet* previous,
                                                bool is_policy_changed);

}  // namespace byway::control
