#include "tests/packetdrill/tcp_socket.h"

#include <poll.h>
#include <sys/epoll.h>

#include <cerrno>
#include <utility>

namespace byway::packetdrill {

// poll and epoll name the same bits.
static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLERR == EPOLLERR && POLLHUP == EPOLLHUP);

namespace {

constexpr std::uint32_t peer_finished_bit = EPOLLRDHUP;

int error_of(StreamEnd end) {
  switch (end) {
    case StreamEnd::finished:
      return 0;
    case StreamEnd::reset:
      return ECONNRESET;
    case StreamEnd::refused:
      return ECONNREFUSED;
    case StreamEnd::timed_out:
      return ETIMEDOUT;
    case StreamEnd::unreachable:
      return EHOSTUNREACH;
    case StreamEnd::no_memory:
      return ENOBUFS;
    case StreamEnd::drained:
      return ECONNABORTED;
  }
  return EIO;
}

}  // namespace

void TcpSocket::let_go(tcp::Stack& stack) {
  if (is_listening) stack.unlisten(local);
  for (const auto& socket : unaccepted) {
    socket->is_abortive = true;
    socket->let_go(stack);
  }
  unaccepted.clear();
  if (stream == nullptr) return;
  if (is_abortive) {
    std::exchange(stream, nullptr)->abort();
  } else {
    std::exchange(stream, nullptr)->close();
  }
}

std::uint32_t TcpSocket::readiness() const {
  if (is_listening) return unaccepted.empty() ? 0 : POLLIN;
  if (!has_begun) return POLLOUT | POLLHUP;
  std::uint32_t bits = 0;
  if (is_readable()) bits |= POLLIN;
  if (is_writable()) bits |= POLLOUT;
  const bool peer_finished = end || (stream != nullptr && stream->peer_finished());
  if (peer_finished) bits |= peer_finished_bit;
  if (end || (peer_finished && has_finished)) bits |= POLLHUP;
  if (error != 0) bits |= POLLERR;
  return bits;
}

bool TcpSocket::is_readable() const {
  if (end || ignores_input) return true;
  return is_connected && (!stream->readable().empty() || stream->peer_finished());
}

bool TcpSocket::is_writable() const {
  return end || (is_connected && (has_finished || stream->writable() > 0));
}

int TcpSocket::take_error() {
  return std::exchange(error, 0);
}

void TcpSocket::on_connected(Stream& connected) {
  is_connected = true;
  local = connected.local_address();
  ++changes;
}

void TcpSocket::on_readable(Stream&) {
  ++changes;
}

void TcpSocket::on_writable(Stream&) {
  ++changes;
}

void TcpSocket::on_closed(Stream&, StreamEnd reason) {
  stream = nullptr;
  end = reason;
  error = error_of(reason);
  ++changes;
}

void TcpSocket::on_accept(Stream& accepted) {
  auto socket = std::make_shared<TcpSocket>(is_v6);
  socket->has_begun = socket->is_connected = true;
  socket->stream = &accepted;
  socket->local = accepted.local_address();
  socket->remote = accepted.remote_address();
  accepted.set_handler(socket.get());
  unaccepted.push_back(std::move(socket));
  ++changes;
}

}  // namespace byway::packetdrill
