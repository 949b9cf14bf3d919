#include "control/api/listener.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace byway::control::api {
namespace {

constexpr int backlog = 128;
/// Supplementary groups of a peer; more (Linux allows 65,536) are not looked at, and count as no membership.
constexpr std::size_t peer_groups_max = 1024;

std::string error_text(std::string_view what) {
  return fmt::format("{}: {}", what, std::strerror(errno));
}

std::expected<SslContext, std::string> make_context(const TlsFiles& files) {
  SslContext context(SSL_CTX_new(TLS_server_method()));
  if (!context) return std::unexpected("no TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1)
    return std::unexpected(fmt::format("{}: not a certificate in PEM", files.certificate));
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1)
    return std::unexpected(fmt::format("{}: not the key of {}", files.key, files.certificate));
  return context;
}

/// Those whom the policy lets in, and nobody else, can connect.
bool set_access(const std::string& path, const UnixPolicy& policy) {
  const bool has_both = policy.read_group && policy.write_group && *policy.read_group != *policy.write_group;
  const std::optional<gid_t> group = policy.write_group ? policy.write_group : policy.read_group;
  if (group && chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) return false;
  // A file has one group; with two the credentials alone decide, as they do in any case.
  const mode_t mode = has_both ? 0666 : group ? 0660 : 0600;
  return chmod(path.c_str(), mode) == 0;
}

}  // namespace

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

std::expected<Listener, std::string> open_unix_listener(const std::string& path, const UnixPolicy& policy) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path))
    return std::unexpected(
        fmt::format("{}: the path of a socket has 1 to {} bytes", path, sizeof(address.sun_path) - 1));
  path.copy(address.sun_path, path.size());
  Listener listener;
  listener.fd = shm::OwnedFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.fd.is_open()) return std::unexpected(error_text("socket"));
  struct stat info{};
  if (lstat(path.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode)) return std::unexpected(fmt::format("{}: exists and is no socket", path));
    const shm::OwnedFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
      return std::unexpected(fmt::format("{}: another process listens there", path));
    unlink(path.c_str());
  }
  const mode_t before = umask(0177);
  const bool is_bound =
      bind(listener.fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  umask(before);
  if (!is_bound || !set_access(path, policy) || listen(listener.fd.get(), backlog) != 0)
    return std::unexpected(error_text(path));
  listener.unix_policy = policy;
  listener.unix_path = path;
  return listener;
}

std::expected<Listener, std::string> open_tcp_listener(TcpOptions options) {
  const std::string place = fmt::format("{}:{}", options.address, options.port);
  if (options.tokens == nullptr && !options.is_metrics_only)
    return std::unexpected(fmt::format("{}: over TCP a token file is needed (--token-file)", place));
  if (!is_loopback(options.address) && !options.tls && !options.is_metrics_only)
    return std::unexpected(
        fmt::format("{}: beyond loopback TLS is needed (--tls-certificate, --tls-key)", place));
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(options.address.c_str(), std::to_string(options.port).c_str(), &hints, &found) != 0)
    return std::unexpected(fmt::format("{}: not an address", options.address));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  Listener listener;
  listener.fd = shm::OwnedFd(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  setsockopt(listener.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(listener.fd.get(), found->ai_addr, found->ai_addrlen) != 0 ||
      listen(listener.fd.get(), backlog) != 0)
    return std::unexpected(error_text(place));
  if (options.tls) {
    auto context = make_context(*options.tls);
    if (!context) return std::unexpected(context.error());
    listener.ssl = std::move(*context);
  }
  listener.tcp = std::move(options);
  return listener;
}

std::uint16_t bound_port(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  const in_port_t port = address.ss_family == AF_INET6
                             ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                             : reinterpret_cast<const sockaddr_in*>(&address)->sin_port;
  return ntohs(port);
}

std::string peer_address(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  char host[INET6_ADDRSTRLEN] = "";
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host, sizeof(host), nullptr, 0,
                  NI_NUMERICHOST) != 0)
    return "an address that is not known";
  return host;
}

std::optional<UnixPeer> peer_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  UnixPeer peer{credentials.uid, credentials.gid, std::vector<gid_t>(peer_groups_max)};
  size = static_cast<socklen_t>(peer.groups.size() * sizeof(gid_t));
  if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &size) != 0) size = 0;
  peer.groups.resize(size / sizeof(gid_t));
  return peer;
}

}  // namespace byway::control::api
