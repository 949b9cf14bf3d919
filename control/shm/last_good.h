// The last good set on disk, so that a data plane can start without its agent.
//
// One file: a head with generation and revision, then the policy blob, then the endpoints blob. Secrets are
// left out: keys never touch the disk, and without the agent TLS listeners stay closed. It is replaced as a
// whole (written beside, fsync, rename, fsync of the folder): after a crash at any moment there is the old
// one or the new one. What is read back is no more trusted than what comes from the agent: it becomes sealed
// memfds and is verified again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>

#include "control/shm/memfd.h"

namespace byway::shm {

struct LastGoodSet {
  std::uint64_t generation = 0;  ///< numbering goes on from here after a restart
  std::uint64_t revision = 0;
  OwnedFd policy;  ///< sealed memfds with the bytes from the file, not verified yet
  OwnedFd endpoints;
};

/// Replaces the file at `path`; on an error the old one is still there. Waits for the disk.
[[nodiscard]] std::expected<void, std::string> write_last_good(const std::string& path,
                                                               std::uint64_t generation,
                                                               std::uint64_t revision,
                                                               std::span<const std::byte> policy,
                                                               std::span<const std::byte> endpoints);

/// Reads the file at `path`; empty if there is none. An error says what is wrong with it: the data plane then
/// starts without a set, as it does the first time.
[[nodiscard]] std::expected<std::optional<LastGoodSet>, std::string> read_last_good(const std::string& path);

}  // namespace byway::shm
