// Blobs as memfds: the writer fills and seals one, the reader checks the seals and maps it read-only. A
// sealed memfd cannot change any more, whoever holds it, which is what makes verifying it once enough.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <utility>

#include "control/shm/verify.h"

namespace byway::shm {

/// Owns a file descriptor; closes it.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept;
  ~OwnedFd();

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  /// Hands the descriptor to the caller.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// Copies the bytes into a new memfd (close-on-exec) and seals it: F_SEAL_WRITE, GROW, SHRINK, SEAL. `name`
/// appears in /proc/PID/fd. Error: errno of the call that failed.
[[nodiscard]] std::expected<OwnedFd, int> make_sealed_memfd(const std::string& name,
                                                            std::span<const std::byte> bytes);

/// A read-only mapping of a sealed blob; unmapped with it. The descriptor may be closed meanwhile.
class MappedBlob {
 public:
  MappedBlob() = default;
  MappedBlob(MappedBlob&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedBlob& operator=(MappedBlob&& other) noexcept;
  ~MappedBlob();

  /// Errors: not_sealed (also for files that are no memfds), too_small, too_large, cannot_map.
  [[nodiscard]] static std::expected<MappedBlob, VerifyError> map(int fd);

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedBlob(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::span<const std::byte> bytes_;
};

}  // namespace byway::shm
