// read and write in all their forms. Each becomes a list of parts.
#include <algorithm>
#include <cstring>
#include <vector>

#include "tests/packetdrill/machine.h"
#include "tests/packetdrill/socket_address.h"

namespace byway::packetdrill {

namespace {

constexpr int read_flags_known = MSG_DONTWAIT | MSG_PEEK | MSG_WAITALL;
constexpr int write_flags_known = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_EOR;

using Parts = std::span<const iovec>;

std::size_t size_of(Parts parts) {
  std::size_t sum = 0;
  for (const iovec& part : parts) sum += part.iov_len;
  return sum;
}

// ---- Reading ---------------------------------------------------------------------------------------------

/// Copies the first octets that are readable into `parts`, from `skip` on; returns how many.
std::size_t copy_out(const Rope& readable, Parts parts, std::size_t skip) {
  Bytes copied = 0;
  for (const iovec& part : parts) {
    const std::size_t skipped = std::min(skip, part.iov_len);
    skip -= skipped;
    const std::size_t room = part.iov_len - skipped;
    const auto count = static_cast<Bytes>(std::min<std::size_t>(room, readable.size() - copied));
    if (count == 0) continue;
    readable.copy_to(copied, {static_cast<std::uint8_t*>(part.iov_base) + skipped, count});
    copied += count;
  }
  return copied;
}

ssize_t receive(Machine& machine, Lock& lock, int fd, Parts parts, int flags) {
  const auto socket = machine.socket_of(fd);
  if (socket == nullptr) return -EBADF;
  if ((flags & ~read_flags_known) != 0) return -EOPNOTSUPP;
  if (!socket->is_connected && socket->error == 0) return -ENOTCONN;
  const std::size_t wanted = size_of(parts);
  std::size_t taken = 0;
  while (true) {
    if (socket->stream != nullptr && !socket->stream->readable().empty()) {
      const std::size_t count = copy_out(socket->stream->readable(), parts, taken);
      if ((flags & MSG_PEEK) != 0) return static_cast<ssize_t>(count);
      socket->stream->discard(static_cast<Bytes>(count));
      taken += count;
      machine.host.settle(lock);
    }
    if (taken == wanted || (taken > 0 && (flags & MSG_WAITALL) == 0)) return static_cast<ssize_t>(taken);
    if (socket->is_readable()) {  // the end
      if (taken > 0 || socket->error == 0) return static_cast<ssize_t>(taken);
      return -socket->take_error();
    }
    if (socket->is_nonblocking || (flags & MSG_DONTWAIT) != 0) {
      return taken > 0 ? static_cast<ssize_t>(taken) : -EAGAIN;
    }
    if (!machine.host.wait(lock, Instant::never(), [&] { return socket->is_readable(); })) return -EINTR;
  }
}

ssize_t read_call(void* userdata, int fd, Parts parts, int flags) {
  return run_call<ssize_t>(
      userdata, [&](Machine& machine, Lock& lock) { return receive(machine, lock, fd, parts, flags); });
}

ssize_t read_one(void* userdata, int fd, void* out, size_t count) {
  const iovec part{out, count};
  return read_call(userdata, fd, {&part, 1}, 0);
}

ssize_t read_parts(void* userdata, int fd, const iovec* parts, int part_count) {
  return read_call(userdata, fd, {parts, static_cast<std::size_t>(part_count)}, 0);
}

ssize_t receive_one(void* userdata, int fd, void* out, size_t count, int flags) {
  const iovec part{out, count};
  return read_call(userdata, fd, {&part, 1}, flags);
}

/// TCP has one peer, so that the address is left alone, as Linux does it.
ssize_t receive_from(void* userdata, int fd, void* out, size_t count, int flags, sockaddr*, socklen_t*) {
  return receive_one(userdata, fd, out, count, flags);
}

ssize_t receive_message(void* userdata, int fd, msghdr* message, int flags) {
  const ssize_t count = read_call(userdata, fd, {message->msg_iov, message->msg_iovlen}, flags);
  if (count >= 0) message->msg_flags = 0;
  message->msg_controllen = 0;
  return count;
}

// ---- Writing ---------------------------------------------------------------------------------------------

ssize_t transmit(Machine& machine, Lock& lock, int fd, Parts parts, int flags) {
  const auto socket = machine.socket_of(fd);
  if (socket == nullptr) return -EBADF;
  if ((flags & ~write_flags_known) != 0) return -EOPNOTSUPP;
  if (!socket->has_begun || socket->is_connecting()) {
    return socket->is_connecting() && socket->is_nonblocking ? -EAGAIN : -ENOTCONN;
  }
  const std::size_t wanted = size_of(parts);
  Rope data(machine.host.slices());
  for (const iovec& part : parts) {
    machine.host.append_copy({static_cast<const std::uint8_t*>(part.iov_base), part.iov_len}, data);
  }
  std::size_t taken = 0;
  while (true) {
    if (socket->error != 0) return taken > 0 ? static_cast<ssize_t>(taken) : -socket->take_error();
    if (socket->end || socket->has_finished) return taken > 0 ? static_cast<ssize_t>(taken) : -EPIPE;
    taken += socket->stream->write(data);
    if (taken == wanted) return static_cast<ssize_t>(taken);
    machine.host.settle(lock);
    if (socket->is_nonblocking || (flags & MSG_DONTWAIT) != 0) {
      return taken > 0 ? static_cast<ssize_t>(taken) : -EAGAIN;
    }
    if (!machine.host.wait(lock, Instant::never(), [&] { return socket->is_writable(); })) return -EINTR;
  }
}

ssize_t write_call(void* userdata, int fd, Parts parts, int flags) {
  return run_call<ssize_t>(
      userdata, [&](Machine& machine, Lock& lock) { return transmit(machine, lock, fd, parts, flags); });
}

ssize_t send_one(void* userdata, int fd, const void* data, size_t count, int flags) {
  const iovec part{const_cast<void*>(data), count};
  return write_call(userdata, fd, {&part, 1}, flags);
}

ssize_t write_one(void* userdata, int fd, const void* data, size_t count) {
  return send_one(userdata, fd, data, count, 0);
}

ssize_t write_parts(void* userdata, int fd, const iovec* parts, int part_count) {
  return write_call(userdata, fd, {parts, static_cast<std::size_t>(part_count)}, 0);
}

ssize_t send_to(void* userdata, int fd, const void* data, size_t count, int flags, const sockaddr*,
                socklen_t) {
  return send_one(userdata, fd, data, count, flags);
}

ssize_t send_message(void* userdata, int fd, const msghdr* message, int flags) {
  return write_call(userdata, fd, {message->msg_iov, message->msg_iovlen}, flags);
}

}  // namespace

void register_data_calls(Interface& table) {
  table.read = read_one;
  table.readv = read_parts;
  table.recv = receive_one;
  table.recvfrom = receive_from;
  table.recvmsg = receive_message;
  table.write = write_one;
  table.writev = write_parts;
  table.send = send_one;
  table.sendto = send_to;
  table.sendmsg = send_message;
}

}  // namespace byway::packetdrill
