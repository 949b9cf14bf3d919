#include "control/shm/last_good.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <vector>

#include "control/shm/blob.h"
#include "control/shm/control_page.h"

namespace byway::shm {
namespace {

constexpr std::uint64_t file_magic = 0x3130'646f'6f67'7762;  // "bwgood01", little endian

struct FileHead {
  std::uint64_t magic;
  std::uint64_t generation;
  std::uint64_t revision;
  std::uint64_t policy_bytes;
  std::uint64_t endpoints_bytes;
  std::uint64_t checksum;  ///< XXH3-64 of the fields before; the blobs have their own
};
static_assert(sizeof(FileHead) == 48);

std::uint64_t checksum_of_head(const FileHead& head) {
  return XXH3_64bits(&head, offsetof(FileHead, checksum));
}

std::string error_text(const std::string& path) {
  return path + ": " + std::strerror(errno);
}

std::expected<void, std::string> write_all(int fd, std::span<const std::byte> bytes,
                                           const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return std::unexpected(error_text(path));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

std::expected<std::vector<std::byte>, std::string> read_exactly(int fd, std::uint64_t size,
                                                                const std::string& path) {
  std::vector<std::byte> bytes(size);
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count = ::read(fd, bytes.data() + filled, bytes.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(error_text(path));
    if (count == 0) return std::unexpected(path + ": the file ends too early");
    filled += static_cast<std::size_t>(count);
  }
  return bytes;
}

std::expected<void, std::string> write_file(const std::string& path, const FileHead& head,
                                            std::span<const std::byte> policy,
                                            std::span<const std::byte> endpoints) {
  const OwnedFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) return std::unexpected(error_text(path));
  for (const auto part : {std::as_bytes(std::span(&head, 1)), policy, endpoints}) {
    if (auto written = write_all(file.get(), part, path); !written) return written;
  }
  if (::fsync(file.get()) != 0) return std::unexpected(error_text(path));
  return {};
}

std::expected<OwnedFd, std::string> blob_from(int fd, const char* name, std::uint64_t size,
                                              const std::string& path) {
  const auto bytes = read_exactly(fd, size, path);
  if (!bytes) return std::unexpected(bytes.error());
  auto blob = make_sealed_memfd(name, *bytes);
  if (!blob) return std::unexpected("memfd: " + std::string(std::strerror(blob.error())));
  return std::move(*blob);
}

}  // namespace

std::expected<void, std::string> write_last_good(const std::string& path, std::uint64_t generation,
                                                 std::uint64_t revision, std::span<const std::byte> policy,
                                                 std::span<const std::byte> endpoints) {
  FileHead head{file_magic, generation, revision, policy.size(), endpoints.size(), 0};
  head.checksum = checksum_of_head(head);
  const std::string draft = path + ".tmp";
  if (auto written = write_file(draft, head, policy, endpoints); !written) {
    ::unlink(draft.c_str());
    return written;
  }
  if (::rename(draft.c_str(), path.c_str()) != 0) return std::unexpected(error_text(path));
  // The new name is only durable once its folder is.
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? std::string(".") : parent.string();
  const OwnedFd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open() || ::fsync(directory.get()) != 0) return std::unexpected(error_text(folder));
  return {};
}

std::expected<std::optional<LastGoodSet>, std::string> read_last_good(const std::string& path) {
  const OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.is_open()) {
    if (errno == ENOENT) return std::nullopt;
    return std::unexpected(error_text(path));
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return std::unexpected(error_text(path));
  FileHead head{};
  if (!S_ISREG(status.st_mode) || status.st_size < static_cast<off_t>(sizeof head)) {
    return std::unexpected(path + ": not a file with a last good set");
  }
  const auto bytes = read_exactly(file.get(), sizeof head, path);
  if (!bytes) return std::unexpected(bytes.error());
  std::memcpy(&head, bytes->data(), sizeof head);
  if (head.magic != file_magic || head.checksum != checksum_of_head(head)) {
    return std::unexpected(path + ": not a last good set of a layout that this program knows, or damaged");
  }
  if (head.generation == 0 || head.generation > generation_max || head.policy_bytes > blob_bytes_max ||
      head.endpoints_bytes > blob_bytes_max ||
      static_cast<std::uint64_t>(status.st_size) != sizeof head + head.policy_bytes + head.endpoints_bytes) {
    return std::unexpected(path + ": impossible sizes, the file is damaged");
  }
  auto policy = blob_from(file.get(), "byway-policy", head.policy_bytes, path);
  if (!policy) return std::unexpected(policy.error());
  auto endpoints = blob_from(file.get(), "byway-endpoints", head.endpoints_bytes, path);
  if (!endpoints) return std::unexpected(endpoints.error());
  return LastGoodSet{head.generation, head.revision, std::move(*policy), std::move(*endpoints)};
}

}  // namespace byway::shm
