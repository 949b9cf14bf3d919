// One datagram with descriptors over a Unix SOCK_SEQPACKET socket: the system calls under the channel.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "control/shm/memfd.h"
#include "control/shm/messages.h"

namespace byway::shm {

enum class ReceiveStatus : std::uint8_t {
  message,
  nothing_yet,
  closed,     ///< the peer is gone, or the socket failed
  malformed,  ///< cut datagram, undecodable message, wrong number of descriptors; `problem` says which
};

/// A datagram as it came, decoded. Descriptors that do not belong to a sound message are closed.
struct Received {
  ReceiveStatus status = ReceiveStatus::nothing_yet;
  Message message;
  std::vector<OwnedFd> descriptors;  ///< exactly descriptor_count(message)
  std::string problem;
};

/// Takes the next datagram off a socket, without waiting.
[[nodiscard]] Received receive_message(int socket);

enum class SendStatus : std::uint8_t { sent, would_block, closed };

/// Sends one datagram, without waiting and without SIGPIPE. The descriptors stay the caller's.
[[nodiscard]] SendStatus send_datagram(int socket, std::span<const std::byte> datagram,
                                       std::span<const int> descriptors);

/// Makes a non-blocking, close-on-exec seqpacket socket.
[[nodiscard]] std::expected<OwnedFd, std::string> make_seqpacket_socket();

/// A path as a socket address is at most 107 bytes; an error says so. `connect` and `bind` in one word each.
[[nodiscard]] std::expected<void, std::string> connect_to(int socket, const std::string& path);
[[nodiscard]] std::expected<void, std::string> bind_to(int socket, const std::string& path);

/// Who is at the other end, by the kernel's word (SO_PEERCRED): credentials at the time of connect().
struct PeerCredentials {
  uid_t user = 0;
  gid_t group = 0;
  pid_t process = 0;
};
[[nodiscard]] std::expected<PeerCredentials, std::string> peer_credentials(int socket);

}  // namespace byway::shm
