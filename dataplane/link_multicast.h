// All multicast of an interface of the kernel. A port that takes over such an interface (AF_PACKET, AF_XDP)
// sees what the interface's filter lets pass, and that filter knows only the groups of the kernel, which has
// no address there: neighbour solicitations of IPv6 would not come through a real network card. DPDK's
// drivers for these have no call for it, and the interface's own flag would stay when the program has ended;
// a membership (packet(7), PACKET_MR_ALLMULTI) goes with its socket.
#pragma once

#include <expected>
#include <string>

namespace byway {

/// Main thread. Needs CAP_NET_RAW when it is made, nothing later.
class LinkMulticast {
 public:
  /// The error says why not, as the system does.
  [[nodiscard]] static std::expected<LinkMulticast, std::string> receive_all(const std::string& interface);
  ~LinkMulticast();
  LinkMulticast(LinkMulticast&& other) noexcept;
  LinkMulticast& operator=(LinkMulticast&&) = delete;

 private:
  explicit LinkMulticast(int socket) : socket_(socket) {}

  int socket_;
};

}  // namespace byway
