#include "control/shm/seqpacket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace byway::shm {
namespace {

// Room for one more than any message carries, so that too many are seen as such.
constexpr std::size_t descriptors_max = std::max(region_count, blob_count) + 1;

std::string error_text(const char* what) {
  return std::string(what) + ": " + std::strerror(errno);
}

/// Takes every descriptor out of the control data, so that none leaks whatever the message is.
std::vector<OwnedFd> take_descriptors(msghdr& header) {
  std::vector<OwnedFd> descriptors;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t index = 0; index < count; ++index) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + index * sizeof(int), sizeof fd);
      descriptors.emplace_back(fd);
    }
  }
  return descriptors;
}

Received malformed(std::string problem) {
  return {ReceiveStatus::malformed, {}, {}, std::move(problem)};
}

std::expected<sockaddr_un, std::string> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return std::unexpected("socket path has " + std::to_string(path.size()) + " bytes, it must have 1 to " +
                           std::to_string(sizeof address.sun_path - 1) + ": " + path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

}  // namespace

Received receive_message(int socket) {
  // One byte more than the largest message: a longer datagram is then seen as cut.
  std::array<std::byte, message_bytes_max + 1> buffer;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int) * descriptors_max)> control;
  iovec vector{buffer.data(), buffer.size()};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size = 0;
  do {
    size = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) {
    const bool is_waiting = errno == EAGAIN || errno == EWOULDBLOCK;
    return {is_waiting ? ReceiveStatus::nothing_yet : ReceiveStatus::closed, {}, {}, error_text("recvmsg")};
  }
  std::vector<OwnedFd> descriptors = take_descriptors(header);
  // An empty datagram cannot be told from the end; nobody who keeps to the protocol sends one.
  if (size == 0) return {ReceiveStatus::closed, {}, {}, "the peer has closed the connection"};
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return malformed("message is too long or has too many descriptors");
  auto message = decode({buffer.data(), static_cast<std::size_t>(size)});
  if (!message) return malformed(std::string(to_string(message.error())));
  if (descriptors.size() != descriptor_count(*message))
    return malformed("message has a wrong number of descriptors");
  return {ReceiveStatus::message, std::move(*message), std::move(descriptors), {}};
}

SendStatus send_datagram(int socket, std::span<const std::byte> datagram, std::span<const int> descriptors) {
  iovec vector{const_cast<std::byte*>(datagram.data()), datagram.size()};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int) * descriptors_max)> control{};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(part), descriptors.data(), descriptors.size_bytes());
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return SendStatus::sent;
  // ETOOMANYREFS: too many descriptors are under way in sockets of this user; they are taken out in time.
  const bool is_waiting =
      errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ETOOMANYREFS;
  return is_waiting ? SendStatus::would_block : SendStatus::closed;
}

std::expected<OwnedFd, std::string> make_seqpacket_socket() {
  OwnedFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return std::unexpected(error_text("socket"));
  return socket;
}

std::expected<void, std::string> connect_to(int socket, const std::string& path) {
  const auto address = address_of(path);
  if (!address) return std::unexpected(address.error());
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return std::unexpected(error_text(path.c_str()));
  }
  return {};
}

std::expected<void, std::string> bind_to(int socket, const std::string& path) {
  const auto address = address_of(path);
  if (!address) return std::unexpected(address.error());
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return std::unexpected(error_text(path.c_str()));
  }
  return {};
}

std::expected<PeerCredentials, std::string> peer_credentials(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return std::unexpected(error_text("SO_PEERCRED"));
  }
  return PeerCredentials{credentials.uid, credentials.gid, credentials.pid};
}

}  // namespace byway::shm
