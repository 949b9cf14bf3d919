#include "dataplane/link_multicast.h"

#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace byway {

std::expected<LinkMulticast, std::string> LinkMulticast::receive_all(const std::string& interface) {
  const auto failed = [&](const char* what) {
    return std::unexpected(fmt::format("{}: {}: {}", interface, what, std::strerror(errno)));
  };
  packet_mreq membership{};
  membership.mr_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
  membership.mr_type = PACKET_MR_ALLMULTI;
  if (membership.mr_ifindex == 0) return failed("no such interface");
  // Of protocol 0: it receives nothing itself.
  const int socket = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (socket < 0) return failed("no packet socket");
  LinkMulticast joined(socket);
  if (::setsockopt(socket, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership) != 0) {
    return failed("multicast cannot be received");
  }
  return joined;
}

LinkMulticast::LinkMulticast(LinkMulticast&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}

LinkMulticast::~LinkMulticast() {
  if (socket_ >= 0) ::close(socket_);
}

}  // namespace byway
