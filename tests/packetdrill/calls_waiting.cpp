// poll and epoll.
#include <sys/epoll.h>

#include <algorithm>
#include <span>

#include "tests/packetdrill/machine.h"

namespace byway::packetdrill {

namespace {

/// A negative time-out waits for ever.
Instant deadline_of(const Machine& machine, int timeout_ms) {
  return timeout_ms < 0 ? Instant::never() : machine.host.now() + std::chrono::milliseconds(timeout_ms);
}

int fill_in(const Machine& machine, std::span<pollfd> entries) {
  int ready = 0;
  for (pollfd& entry : entries) {
    const auto socket = machine.socket_of(entry.fd);
    const std::uint32_t bits = socket != nullptr ? socket->readiness() : std::uint32_t{POLLNVAL};
    const auto wanted = static_cast<std::uint16_t>(entry.events) | POLLERR | POLLHUP | POLLNVAL;
    entry.revents = entry.fd < 0 ? short{0} : static_cast<short>(bits & static_cast<std::uint32_t>(wanted));
    if (entry.revents != 0) ++ready;
  }
  return ready;
}

int poll_sockets(void* userdata, pollfd* entries, nfds_t count, int timeout_ms) {
  return run_call<int>(userdata, [=](Machine& machine, Lock& lock) -> int {
    const std::span all(entries, count);
    const auto ready = [&] { return fill_in(machine, all) > 0; };
    machine.host.wait(lock, deadline_of(machine, timeout_ms), ready);
    return machine.host.is_ending() ? -EINTR : fill_in(machine, all);
  });
}

std::shared_ptr<EpollSet> epoll_of(const Machine& machine, int fd) {
  const auto found = machine.descriptors.find(fd);
  return found != machine.descriptors.end() ? found->second.epoll : nullptr;
}

int create_epoll(void* userdata, int size) {
  return run_call<int>(userdata, [=](Machine& machine, Lock&) -> int {
    if (size <= 0) return -EINVAL;
    return machine.add({nullptr, std::make_shared<EpollSet>()});
  });
}

int control_epoll(void* userdata, int epoll_fd, int operation, int fd, epoll_event* event) {
  return run_call<int>(userdata, [=](Machine& machine, Lock&) -> int {
    const auto epoll = epoll_of(machine, epoll_fd);
    const auto socket = machine.socket_of(fd);
    if (epoll == nullptr || socket == nullptr) return -EBADF;
    return epoll->control(operation, fd, socket, event);
  });
}

int wait_epoll(void* userdata, int epoll_fd, epoll_event* events, int events_max, int timeout_ms) {
  return run_call<int>(userdata, [=](Machine& machine, Lock& lock) -> int {
    const auto epoll = epoll_of(machine, epoll_fd);
    if (epoll == nullptr) return -EBADF;
    if (events_max <= 0) return -EINVAL;
    machine.host.wait(lock, deadline_of(machine, timeout_ms), [&] { return epoll->has_ready(); });
    if (machine.host.is_ending()) return -EINTR;
    return epoll->collect({events, static_cast<std::size_t>(events_max)});
  });
}

}  // namespace

void register_waiting_calls(Interface& table) {
  table.poll = poll_sockets;
  table.epoll_create = create_epoll;
  table.epoll_ctl = control_epoll;
  table.epoll_wait = wait_epoll;
}

}  // namespace byway::packetdrill
