// The sockets that one epoll descriptor watches, level-triggered, edge-triggered or once.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <map>
#include <memory>
#include <span>

#include "tests/packetdrill/tcp_socket.h"

namespace byway::packetdrill {

class EpollSet {
 public:
  /// As epoll_ctl; a negative result is an error number. `event` may be nullptr for EPOLL_CTL_DEL.
  int control(int operation, int fd, const std::shared_ptr<TcpSocket>& socket, const epoll_event* event);
  /// Fills in what is ready; returns how many. What is reported counts as told.
  int collect(std::span<epoll_event> out);
  [[nodiscard]] bool has_ready() const;

 private:
  struct Watch {
    std::weak_ptr<TcpSocket> socket;
    epoll_event event;
    std::uint64_t changes_told = UINT64_MAX;
    bool is_spent = false;  ///< EPOLLONESHOT has fired.
  };
  [[nodiscard]] static std::uint32_t ready_bits(const Watch& watch);

  std::map<int, Watch> watches_;
};

}  // namespace byway::packetdrill
