#include "control/api/access.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>

#include "control/api/status_object.h"

namespace byway::control::api {
namespace {

/// Token files are a few lines.
constexpr std::size_t token_file_bytes_max = 64 * 1024;

std::string sha256(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) return {};
  return {reinterpret_cast<const char*>(digest.data()), size};
}

bool is_member(const UnixPeer& peer, std::optional<gid_t> group) {
  return group && (peer.gid == *group || std::ranges::find(peer.groups, *group) != peer.groups.end());
}

}  // namespace

Caller judge(const UnixPeer& peer, const UnixPolicy& policy) {
  Caller caller{Role::none, fmt::format("uid {}", peer.uid)};
  if (peer.uid == 0 || peer.uid == policy.owner || is_member(peer, policy.write_group))
    caller.role = Role::write;
  else if (is_member(peer, policy.read_group))
    caller.role = Role::read;
  return caller;
}

std::expected<std::unique_ptr<TokenFile>, std::string> TokenFile::open(std::string path) {
  std::unique_ptr<TokenFile> file(new TokenFile(std::move(path)));
  auto entries = file->read();
  if (!entries) return std::unexpected(entries.error());
  if (entries->empty()) return std::unexpected(fmt::format("{}: holds no token", file->path_));
  file->entries_ = std::move(*entries);
  struct stat info{};
  if (stat(file->path_.c_str(), &info) == 0) file->changed_ = info.st_mtim;
  return file;
}

std::expected<std::vector<TokenFile::Entry>, std::string> TokenFile::read() const {
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(fmt::format("{}: {}", path_, std::strerror(errno)));
  struct stat info{};
  std::string text(token_file_bytes_max, '\0');
  const bool has_info = fstat(fd, &info) == 0;
  const ssize_t size = ::read(fd, text.data(), text.size());
  close(fd);
  if (!has_info || size < 0) return std::unexpected(fmt::format("{}: cannot be read", path_));
  if ((info.st_mode & S_IRWXO) != 0)
    return std::unexpected(fmt::format("{}: others may read it; chmod o-rwx", path_));
  text.resize(static_cast<std::size_t>(size));
  std::vector<Entry> entries;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words(line);
    std::string role, name, token, rest;
    words >> role >> name >> token;
    if (token.empty() || words >> rest || (role != "read" && role != "write"))
      return std::unexpected(
          fmt::format("{}:{}: a line is `read NAME TOKEN` or `write NAME TOKEN`", path_, number));
    if (token.size() < token_chars_min)
      return std::unexpected(
          fmt::format("{}:{}: the token has less than {} characters", path_, number, token_chars_min));
    entries.push_back({role == "write" ? Role::write : Role::read, name, sha256(token)});
  }
  return entries;
}

/// A file that has become bad leaves the old tokens; one that is gone takes them away.
void TokenFile::refresh() {
  struct stat info{};
  if (stat(path_.c_str(), &info) != 0) {
    entries_.clear();
    return;
  }
  if (info.st_mtim.tv_sec == changed_.tv_sec && info.st_mtim.tv_nsec == changed_.tv_nsec) return;
  if (auto entries = read()) {
    entries_ = std::move(*entries);
    changed_ = info.st_mtim;
  }
}

Caller TokenFile::judge(std::string_view authorization) {
  constexpr std::string_view scheme = "Bearer ";
  if (!authorization.starts_with(scheme)) return {};
  const std::string digest = sha256(authorization.substr(scheme.size()));
  const std::lock_guard lock(mutex_);
  refresh();
  Caller caller;
  for (const Entry& entry : entries_)
    if (entry.digest.size() == digest.size() &&
        CRYPTO_memcmp(entry.digest.data(), digest.data(), digest.size()) == 0)
      caller = {entry.role, "token " + entry.name};
  return caller;
}

std::string host_of(std::string_view header) {
  if (header.starts_with('[')) return std::string(header.substr(1, header.find(']') - 1));
  return std::string(header.substr(0, header.find(':')));
}

std::optional<Response> check_origin(const Request& request, const HostPolicy& policy) {
  if (!request.header("origin").empty())
    return respond_error(403, "Forbidden", "requests from web pages (with an Origin header) are not taken");
  if (policy.hosts.empty()) return std::nullopt;
  std::string host = host_of(request.header("host"));
  std::ranges::transform(host, host.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (std::ranges::find(policy.hosts, host) != policy.hosts.end()) return std::nullopt;
  return respond_error(
      403, "Forbidden",
      fmt::format("Host \"{}\" is not a name of this agent (--allowed-host adds one)", host));
}

}  // namespace byway::control::api
