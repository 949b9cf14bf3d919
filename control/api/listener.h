// Listening sockets and what is known about a peer before it has said a word.
#pragma once
#include <expected>
#include <optional>
#include <string>

#include "control/api/connection.h"
#include "control/api/http_server.h"

namespace byway::control::api {

/// One socket that takes connections, and the rules for those who come by it.
struct Listener {
  shm::OwnedFd fd;
  std::optional<UnixPolicy> unix_policy;  ///< set: a Unix socket
  std::string unix_path;
  TcpOptions tcp;
  SslContext ssl;
};

std::expected<Listener, std::string> open_unix_listener(const std::string& path, const UnixPolicy& policy);
std::expected<Listener, std::string> open_tcp_listener(TcpOptions options);
/// The port that was bound, for port 0.
std::uint16_t bound_port(int fd);

/// The other end of a TCP connection, without its port.
std::string peer_address(int fd);
/// SO_PEERCRED and SO_PEERGROUPS; nothing: the kernel does not say.
std::optional<UnixPeer> peer_of(int fd);

}  // namespace byway::control::api
