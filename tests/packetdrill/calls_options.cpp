// fcntl, ioctl, getsockopt and setsockopt: what the stack has of it. What it has not is refused, never taken
// and ignored.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstdarg>
#include <cstring>

#include "tests/packetdrill/machine.h"
#include "tests/packetdrill/tcp_info.h"

namespace byway::packetdrill {

namespace {

// <linux/sockios.h> names them; it does not go together with <sys/ioctl.h> everywhere.
constexpr unsigned long octets_readable = FIONREAD;
constexpr unsigned long octets_unacknowledged = TIOCOUTQ;

int control_descriptor(void* userdata, int fd, int command, ...) {
  int argument = 0;
  if (command == F_SETFL) {
    va_list rest;
    va_start(rest, command);
    argument = va_arg(rest, int);
    va_end(rest);
  }
  return run_call<int>(userdata, [=](Machine& machine, Lock&) -> int {
    const auto socket = machine.socket_of(fd);
    if (socket == nullptr) return -EBADF;
    if (command == F_GETFL) return O_RDWR | (socket->is_nonblocking ? O_NONBLOCK : 0);
    if (command != F_SETFL || (argument & ~(O_RDWR | O_NONBLOCK)) != 0) return -EINVAL;
    socket->is_nonblocking = (argument & O_NONBLOCK) != 0;
    return 0;
  });
}

int control_device(void* userdata, int fd, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  int* const argument = va_arg(rest, int*);
  va_end(rest);
  return run_call<int>(userdata, [=](Machine& machine, Lock&) -> int {
    const auto socket = machine.socket_of(fd);
    if (socket == nullptr) return -EBADF;
    if (request == octets_readable) {
      *argument = socket->stream != nullptr ? static_cast<int>(socket->stream->readable().size()) : 0;
    } else if (request == octets_unacknowledged) {
      *argument = socket->stream != nullptr ? static_cast<int>(socket->stream->unacknowledged()) : 0;
    } else {
      return -ENOTTY;
    }
    return 0;
  });
}

/// What an integer option says now; negative: there is none such.
int value_of(Machine& machine, TcpSocket& socket, int level, int name) {
  const tcp::StackOptions& options = machine.host.options().stack;
  const auto seconds = [](Nanoseconds time) { return static_cast<int>(time / 1s); };
  if (level == SOL_SOCKET) {
    switch (name) {
      case SO_ERROR:
        return socket.take_error();
      case SO_TYPE:
        return SOCK_STREAM;
      case SO_PROTOCOL:
        return IPPROTO_TCP;
      case SO_DOMAIN:
        return socket.is_v6 ? AF_INET6 : AF_INET;
      case SO_ACCEPTCONN:
        return socket.is_listening ? 1 : 0;
      case SO_REUSEADDR:
        return 1;
      case SO_KEEPALIVE:
        return options.keepalive.enabled ? 1 : 0;
      case SO_SNDBUF:
        return static_cast<int>(options.send_buffer_bytes);
      case SO_RCVBUF:
        return static_cast<int>(options.receive_buffer_bytes);
      default:
        return -ENOPROTOOPT;
    }
  }
  if (level != IPPROTO_TCP) return -ENOPROTOOPT;
  switch (name) {
    case TCP_NODELAY:
      return 1;
    case TCP_MAXSEG:
      return static_cast<int>(info_of(machine.host, socket).tcpi_snd_mss);
    case TCP_KEEPIDLE:
      return seconds(options.keepalive.idle);
    case TCP_KEEPINTVL:
      return seconds(options.keepalive.interval);
    case TCP_KEEPCNT:
      return options.keepalive.probes_max;
    case TCP_USER_TIMEOUT:
      return static_cast<int>(options.user_timeout / 1ms);
    default:
      return -ENOPROTOOPT;
  }
}

template <typename Value>
int hand_out(const Value& from, void* value, socklen_t* length) {
  *length = std::min<socklen_t>(*length, sizeof from);
  std::memcpy(value, &from, *length);
  return 0;
}

int get_option(void* userdata, int fd, int level, int name, void* value, socklen_t* length) {
  return run_call<int>(userdata, [=](Machine& machine, Lock&) -> int {
    const auto socket = machine.socket_of(fd);
    if (socket == nullptr) return -EBADF;
    if (level == IPPROTO_TCP && name == TCP_INFO) {
      return hand_out(info_of(machine.host, *socket), value, length);
    }
    if (level == SOL_SOCKET && name == SO_LINGER) {
      return hand_out(linger{socket->is_abortive, 0}, value, length);
    }
    const int found = value_of(machine, *socket, level, name);
    return found < 0 ? found : hand_out(found, value, length);
  });
}

/// Options of one socket are SO_LINGER with a time of 0; the others are of the whole stack, fixed at its
/// start, so that setting them to what they are is all that can succeed.
int set_option(void* userdata, int fd, int level, int name, const void* value, socklen_t length) {
  return run_call<int>(userdata, [=](Machine& machine, Lock&) -> int {
    const auto socket = machine.socket_of(fd);
    if (socket == nullptr) return -EBADF;
    if (level == SOL_SOCKET && name == SO_LINGER) {
      linger wanted;
      if (length < sizeof wanted) return -EINVAL;
      std::memcpy(&wanted, value, sizeof wanted);
      if (wanted.l_onoff != 0 && wanted.l_linger != 0) return -EOPNOTSUPP;
      socket->is_abortive = wanted.l_onoff != 0;
      return 0;
    }
    int wanted = 0;
    if (length < sizeof wanted) return -EINVAL;
    std::memcpy(&wanted, value, sizeof wanted);
    if (level == SOL_SOCKET && name == SO_ERROR) return -ENOPROTOOPT;
    const int present = value_of(machine, *socket, level, name);
    if (present < 0) return present;
    return present == wanted ? 0 : -EOPNOTSUPP;
  });
}

}  // namespace

void register_option_calls(Interface& table) {
  table.fcntl = control_descriptor;
  table.ioctl = control_device;
  table.getsockopt = get_option;
  table.setsockopt = set_option;
}

}  // namespace byway::packetdrill
