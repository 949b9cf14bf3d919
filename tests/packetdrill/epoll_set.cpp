#include "tests/packetdrill/epoll_set.h"

#include <algorithm>
#include <cerrno>

namespace byway::packetdrill {

int EpollSet::control(int operation, int fd, const std::shared_ptr<TcpSocket>& socket,
                      const epoll_event* event) {
  const bool present = watches_.contains(fd) && watches_[fd].socket.lock() == socket;
  switch (operation) {
    case EPOLL_CTL_ADD:
      if (present) return -EEXIST;
      break;
    case EPOLL_CTL_MOD:
      if (!present) return -ENOENT;
      break;
    case EPOLL_CTL_DEL:
      if (!present) return -ENOENT;
      watches_.erase(fd);
      return 0;
    default:
      return -EINVAL;
  }
  if (event == nullptr) return -EFAULT;
  watches_[fd] = Watch{socket, *event, UINT64_MAX, false};
  return 0;
}

std::uint32_t EpollSet::ready_bits(const Watch& watch) {
  const auto socket = watch.socket.lock();
  if (socket == nullptr || watch.is_spent) return 0;
  if ((watch.event.events & EPOLLET) != 0 && socket->changes == watch.changes_told) return 0;
  return socket->readiness() & (watch.event.events | EPOLLERR | EPOLLHUP);
}

bool EpollSet::has_ready() const {
  return std::any_of(watches_.begin(), watches_.end(),
                     [](const auto& entry) { return ready_bits(entry.second) != 0; });
}

int EpollSet::collect(std::span<epoll_event> out) {
  std::size_t count = 0;
  std::erase_if(watches_, [](const auto& entry) { return entry.second.socket.expired(); });
  for (auto& [fd, watch] : watches_) {
    const std::uint32_t bits = ready_bits(watch);
    if (bits == 0) continue;
    if (count == out.size()) break;
    out[count] = watch.event;
    out[count++].events = bits;
    watch.changes_told = watch.socket.lock()->changes;
    if ((watch.event.events & EPOLLONESHOT) != 0) watch.is_spent = true;
  }
  return static_cast<int>(count);
}

}  // namespace byway::packetdrill
