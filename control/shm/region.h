// Memory that changes while two processes share it: memfds that the data plane makes and hands to the agent.
// (Blobs, which never change, are in memfd.h.) Two kinds, told apart by who may write after the hand-over:
//   region  the data plane keeps the writable mapping that it made first; F_SEAL_FUTURE_WRITE forbids every
//           later one, so the agent can only read;
//   page    both may write (ring cursors); the data plane treats what it reads there as hostile.
// Both are sealed against shrinking, so that no peer can turn a load into SIGBUS.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <utility>

#include "control/shm/memfd.h"

namespace byway::shm {

/// Owner of a mapping of a whole shared file; unmaps it. Moving keeps the address.
class RegionMapping {
 public:
  RegionMapping() = default;
  RegionMapping(std::byte* address, std::size_t bytes) : address_(address), bytes_(bytes) {}
  RegionMapping(RegionMapping&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  RegionMapping& operator=(RegionMapping&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  RegionMapping(const RegionMapping&) = delete;
  RegionMapping& operator=(const RegionMapping&) = delete;
  ~RegionMapping();

  [[nodiscard]] std::span<const std::byte> bytes() const { return {address_, bytes_}; }
  /// Only meaningful where the mapping was made writable.
  [[nodiscard]] std::span<std::byte> writable_bytes() const { return {address_, bytes_}; }

 private:
  std::byte* address_ = nullptr;
  std::size_t bytes_ = 0;
};

/// A shared file together with this process's mapping of it.
struct SharedMemory {
  OwnedFd fd;
  RegionMapping mapping;
};

/// Makes a region of `bytes` zeroed bytes that this process can write and nobody who gets the descriptor can.
[[nodiscard]] std::expected<SharedMemory, std::string> create_region(const char* name, std::size_t bytes);

/// Makes a page-like file that everybody who gets the descriptor can write, but not resize.
[[nodiscard]] std::expected<SharedMemory, std::string> create_shared_page(const char* name,
                                                                          std::size_t bytes);

/// Maps a region or page of a peer: `bytes` must be its size and it must be sealed against shrinking.
/// `writable` only succeeds for a page.
[[nodiscard]] std::expected<RegionMapping, std::string> map_peer_region(int fd, std::size_t bytes,
                                                                        bool writable);

}  // namespace byway::shm
