#include "control/shm/memfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace byway::shm {

namespace {

constexpr int seals_required = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

}  // namespace

OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) ::close(fd_);
}

std::expected<OwnedFd, int> make_sealed_memfd(const std::string& name, std::span<const std::byte> bytes) {
  OwnedFd memfd{::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (!memfd.is_open()) return std::unexpected(errno);
  while (!bytes.empty()) {
    const ssize_t written = ::write(memfd.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return std::unexpected(written == 0 ? ENOSPC : errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  if (::fcntl(memfd.get(), F_ADD_SEALS, seals_required) != 0) return std::unexpected(errno);
  return memfd;
}

MappedBlob& MappedBlob::operator=(MappedBlob&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedBlob::~MappedBlob() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

std::expected<MappedBlob, VerifyError> MappedBlob::map(int fd) {
  // F_GET_SEALS fails on anything that is no memfd. Seals can only be added, so a look before mapping is
  // enough, and the size cannot change any more either.
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & seals_required) != seals_required) {
    return std::unexpected(VerifyError{VerifyReason::not_sealed, 0});
  }
  struct stat status{};
  if (::fstat(fd, &status) != 0) return std::unexpected(VerifyError{VerifyReason::cannot_map, 0});
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size < sizeof(BlobHeader)) return std::unexpected(VerifyError{VerifyReason::too_small, 0});
  if (size > blob_bytes_max) return std::unexpected(VerifyError{VerifyReason::too_large, 0});
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) return std::unexpected(VerifyError{VerifyReason::cannot_map, 0});
  return MappedBlob{{static_cast<const std::byte*>(mapped), size}};
}

}  // namespace byway::shm
