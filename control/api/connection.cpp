#include "control/api/connection.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace byway::control::api {

void FreeSsl::operator()(SSL* ssl) const {
  SSL_free(ssl);
}
void FreeSslContext::operator()(SSL_CTX* context) const {
  SSL_CTX_free(context);
}

Connection::Connection(shm::OwnedFd fd, SSL_CTX* context)
    : fd_(std::move(fd)), deadline_(Clock::now() + handshake_timeout) {
  fcntl(fd_.get(), F_SETFL, fcntl(fd_.get(), F_GETFL) | O_NONBLOCK);
  if (context == nullptr) return;
  ssl_.reset(SSL_new(context));
  if (ssl_) SSL_set_fd(ssl_.get(), fd_.get());
}

Connection::Wanted Connection::wanted_after(int result) const {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Wanted::readable;
    case SSL_ERROR_WANT_WRITE:
      return Wanted::writable;
    default:
      return Wanted::nothing;
  }
}

bool Connection::wait(Wanted wanted) const {
  if (wanted == Wanted::nothing) return false;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
  if (left <= 0) return false;
  pollfd poll_fd{fd_.get(), static_cast<short>(wanted == Wanted::readable ? POLLIN : POLLOUT), 0};
  const int ready = poll(&poll_fd, 1, static_cast<int>(left));
  return ready > 0 || (ready < 0 && errno == EINTR);
}

bool Connection::handshake() {
  if (!ssl_) return true;
  for (;;) {
    ERR_clear_error();
    const int result = SSL_accept(ssl_.get());
    if (result == 1) return true;
    if (!wait(wanted_after(result))) return false;
  }
}

void Connection::begin_request() {
  has_begun_ = has_buffered();
  is_answering_ = false;
  deadline_ = Clock::now() + (has_begun_ ? request_timeout : idle_timeout);
  budget_ = head_bytes_max;
}

void Connection::allow_body(std::size_t bytes_max) {
  budget_ = bytes_max;
}

ssize_t Connection::fill() {
  for (;;) {
    ssize_t got = 0;
    Wanted wanted = Wanted::nothing;
    if (ssl_) {
      ERR_clear_error();
      const int result = SSL_read(ssl_.get(), buffer_.data(), static_cast<int>(buffer_.size()));
      got = result;
      if (result <= 0) {
        if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_ZERO_RETURN) return 0;
        wanted = wanted_after(result);
      }
    } else {
      got = recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
      if (got == 0) return 0;
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) wanted = Wanted::readable;
    }
    if (got > 0) {
      buffer_first_ = 0;
      buffer_end_ = static_cast<std::size_t>(got);
      return got;
    }
    if (!wait(wanted)) return -1;
  }
}

ssize_t Connection::read(char* buffer, std::size_t size) {
  if (budget_ == 0) return -1;
  if (!has_buffered()) {
    const ssize_t got = fill();
    if (got <= 0) return got;
  }
  if (!has_begun_) {
    has_begun_ = true;
    deadline_ = Clock::now() + request_timeout;
  }
  const std::size_t count = std::min({size, buffer_end_ - buffer_first_, budget_});
  std::memcpy(buffer, buffer_.data() + buffer_first_, count);
  buffer_first_ += count;
  budget_ -= count;
  return static_cast<ssize_t>(count);
}

bool Connection::is_peer_gone() const {
  pollfd poll_fd{fd_.get(), POLLRDHUP, 0};
  return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

ssize_t Connection::write(std::string_view bytes) {
  if (!is_answering_) {
    is_answering_ = true;
    deadline_ = Clock::now() + response_timeout;
  }
  std::size_t done = 0;
  while (done < bytes.size()) {
    ssize_t sent = 0;
    Wanted wanted = Wanted::nothing;
    if (ssl_) {
      ERR_clear_error();
      const int result = SSL_write(ssl_.get(), bytes.data() + done,
                                   static_cast<int>(std::min<std::size_t>(bytes.size() - done, 1 << 30)));
      sent = result;
      if (result <= 0) wanted = wanted_after(result);
    } else {
      sent = send(fd_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
      if (sent < 0 && (errno == EAGAIN || errno == EINTR)) wanted = Wanted::writable;
    }
    if (sent > 0)
      done += static_cast<std::size_t>(sent);
    else if (!wait(wanted))
      return -1;
  }
  return static_cast<ssize_t>(bytes.size());
}

}  // namespace byway::control::api
