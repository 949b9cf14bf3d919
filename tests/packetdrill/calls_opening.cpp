// socket, bind, listen, accept, connect, shutdown, close.
#include <netinet/in.h>

#include <cstring>

#include "tests/packetdrill/machine.h"
#include "tests/packetdrill/socket_address.h"

namespace byway::packetdrill {

namespace {

int open_socket(void* userdata, int domain, int type, int protocol) {
  return run_call<int>(userdata, [=](Machine& machine, Lock&) -> int {
    if (domain != AF_INET && domain != AF_INET6) return -EAFNOSUPPORT;
    if ((type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != SOCK_STREAM) return -EPROTONOSUPPORT;
    if (protocol != 0 && protocol != IPPROTO_TCP) return -EPROTONOSUPPORT;
    auto socket = std::make_shared<TcpSocket>(domain == AF_INET6);
    socket->is_nonblocking = (type & SOCK_NONBLOCK) != 0;
    return machine.add({std::move(socket), nullptr});
  });
}

int bind_socket(void* userdata, int fd, const sockaddr* address, socklen_t length) {
  return run_call<int>(userdata, [=](Machine& machine, Lock&) -> int {
    const auto socket = machine.socket_of(fd);
    if (socket == nullptr) return -EBADF;
    const auto wanted = read_address(address, length);
    if (!wanted || socket->has_begun || socket->is_listening) return -EINVAL;
    socket->local = *wanted;
    if (!is_unspecified(wanted->ip)) machine.host.set_local(wanted->ip);
    return 0;
  });
}

/// The backlog is the stack's own (limits.h): what is asked for here changes nothing.
int listen_socket(void* userdata, int fd, int) {
  return run_call<int>(userdata, [=](Machine& machine, Lock&) -> int {
    const auto socket = machine.socket_of(fd);
    if (socket == nullptr) return -EBADF;
    if (socket->has_begun || socket->local.tcp_port == 0) return -EINVAL;
    if (is_unspecified(socket->local.ip)) socket->local.ip = net::IpAddress{};
    if (!machine.host.stack().listen(socket->local, *socket)) return -ENOBUFS;
    socket->is_listening = true;
    return 0;
  });
}

int accept_socket(void* userdata, int fd, sockaddr* address, socklen_t* length) {
  return run_call<int>(userdata, [=](Machine& machine, Lock& lock) -> int {
    const auto listener = machine.socket_of(fd);
    if (listener == nullptr) return -EBADF;
    if (!listener->is_listening) return -EINVAL;
    if (listener->unaccepted.empty()) {
      if (listener->is_nonblocking) return -EAGAIN;
      const auto ready = [&] { return !listener->unaccepted.empty(); };
      if (!machine.host.wait(lock, Instant::never(), ready)) return -EINTR;
    }
    auto socket = listener->unaccepted.front();
    listener->unaccepted.pop_front();
    write_address(socket->remote, socket->is_v6, address, length);
    return machine.add({std::move(socket), nullptr});
  });
}

int connect_socket(void* userdata, int fd, const sockaddr* address, socklen_t length) {
  return run_call<int>(userdata, [=](Machine& machine, Lock& lock) -> int {
    const auto socket = machine.socket_of(fd);
    if (socket == nullptr) return -EBADF;
    const auto remote = read_address(address, length);
    if (!remote) return -EINVAL;
    if (socket->is_connecting()) return -EALREADY;
    if (socket->has_begun) return -EISCONN;
    if (socket->is_listening || socket->local.tcp_port != 0) return -EOPNOTSUPP;  // the stack chooses ports
    socket->stream = machine.host.stack().connect(*remote, *socket);
    if (socket->stream == nullptr) return -ENETUNREACH;
    socket->has_begun = true;
    socket->remote = *remote;
    socket->local = socket->stream->local_address();
    if (socket->is_nonblocking) return -EINPROGRESS;
    machine.host.wait(lock, Instant::never(), [&] { return !socket->is_connecting(); });
    if (socket->is_connected && !socket->end) return 0;
    const int error = socket->take_error();
    return error != 0 ? -error : -EINTR;
  });
}

int shut_down(void* userdata, int fd, int how) {
  return run_call<int>(userdata, [=](Machine& machine, Lock&) -> int {
    const auto socket = machine.socket_of(fd);
    if (socket == nullptr) return -EBADF;
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) return -EINVAL;
    if (!socket->is_connected || socket->end) return -ENOTCONN;
    if (how != SHUT_WR) socket->ignores_input = true;
    if (how != SHUT_RD && !socket->has_finished) {
      socket->has_finished = true;
      socket->stream->finish();
    }
    return 0;
  });
}

int close_descriptor(void* userdata, int fd) {
  return run_call<int>(userdata, [=](Machine& machine, Lock&) -> int {
    const auto found = machine.descriptors.find(fd);
    if (found == machine.descriptors.end()) return -EBADF;
    const auto socket = found->second.tcp;
    machine.descriptors.erase(found);
    if (socket != nullptr) socket->let_go(machine.host.stack());
    return 0;
  });
}

}  // namespace

void register_opening_calls(Interface& table) {
  table.socket = open_socket;
  table.bind = bind_socket;
  table.listen = listen_socket;
  table.accept = accept_socket;
  table.connect = connect_socket;
  table.shutdown = shut_down;
  table.close = close_descriptor;
}

}  // namespace byway::packetdrill
