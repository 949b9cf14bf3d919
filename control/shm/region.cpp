#include "control/shm/region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace byway::shm {
namespace {

constexpr int size_seals = F_SEAL_GROW | F_SEAL_SHRINK;
// linux/region.h since 6.3; older kernels refuse the flag and are asked again without it.
constexpr unsigned int memfd_noexec_seal = 0x0008U;

std::unexpected<std::string> system_error(const char* what) {
  return std::unexpected(std::string(what) + ": " + std::strerror(errno));
}

std::expected<OwnedFd, std::string> create_memfd(const char* name, std::size_t bytes) {
  const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  OwnedFd fd(::memfd_create(name, flags | memfd_noexec_seal));
  if (!fd.is_open() && errno == EINVAL) fd = OwnedFd(::memfd_create(name, flags));
  if (!fd.is_open()) return system_error("memfd_create");
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return system_error("ftruncate");
  return fd;
}

std::expected<RegionMapping, std::string> map_file(int fd, std::size_t bytes, int protection, int flags) {
  void* address = ::mmap(nullptr, bytes, protection, flags, fd, 0);
  if (address == MAP_FAILED) return system_error("mmap");
  return RegionMapping(static_cast<std::byte*>(address), bytes);
}

std::expected<SharedMemory, std::string> create_writable(const char* name, std::size_t bytes, int seals) {
  auto fd = create_memfd(name, bytes);
  if (!fd) return std::unexpected(fd.error());
  auto mapping = map_file(fd->get(), bytes, PROT_READ | PROT_WRITE, MAP_SHARED);
  if (!mapping) return std::unexpected(mapping.error());
  if (::fcntl(fd->get(), F_ADD_SEALS, seals | F_SEAL_SEAL) != 0) return system_error("F_ADD_SEALS");
  return SharedMemory{std::move(*fd), std::move(*mapping)};
}

}  // namespace

RegionMapping::~RegionMapping() {
  if (address_ != nullptr) ::munmap(address_, bytes_);
}

std::expected<SharedMemory, std::string> create_region(const char* name, std::size_t bytes) {
  return create_writable(name, bytes, size_seals | F_SEAL_FUTURE_WRITE);
}

std::expected<SharedMemory, std::string> create_shared_page(const char* name, std::size_t bytes) {
  return create_writable(name, bytes, size_seals);
}

std::expected<RegionMapping, std::string> map_peer_region(int fd, std::size_t bytes, bool writable) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) return std::unexpected(std::string("region can shrink"));
  struct stat status{};
  if (::fstat(fd, &status) != 0) return system_error("fstat");
  if (bytes == 0 || status.st_size < 0 || static_cast<std::uint64_t>(status.st_size) != bytes) {
    return std::unexpected(std::string("region has another size than announced"));
  }
  return map_file(fd, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED);
}

}  // namespace byway::shm
