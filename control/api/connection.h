// One client's connection as a byte stream with bounds: a request must arrive, and its answer be taken,
// within fixed times and sizes, however slowly the client trickles. Non-blocking socket plus poll; TLS by
// OpenSSL where the listener has a certificate.
#pragma once
#include <openssl/types.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string_view>

#include "control/shm/memfd.h"

namespace byway::control::api {

/// Silence between requests of one connection.
inline constexpr std::chrono::seconds idle_timeout{30};
/// From a request's first byte to its last: 16 MiB over a slow line.
inline constexpr std::chrono::seconds request_timeout{30};
/// For the whole answer to be taken.
inline constexpr std::chrono::seconds response_timeout{60};
/// TLS handshake.
inline constexpr std::chrono::seconds handshake_timeout{10};
/// Request line and headers. A Kubernetes token has about 1 KB; 32 KiB leave room for cookies nobody needs.
inline constexpr std::size_t head_bytes_max = 32 * 1024;

struct FreeSsl {
  void operator()(SSL* ssl) const;
};
struct FreeSslContext {
  void operator()(SSL_CTX* context) const;
};
using SslContext = std::unique_ptr<SSL_CTX, FreeSslContext>;

/// Owner of the socket. Thread: one.
class Connection {
 public:
  /// Takes a connected socket and makes it non-blocking. `context`: speak TLS.
  Connection(shm::OwnedFd fd, SSL_CTX* context);

  /// TLS handshake, if any. False: it failed or took too long.
  bool handshake();

  /// Next request: idle time, then a head of at most head_bytes_max, may come.
  void begin_request();
  /// The head is complete: so many bytes more.
  void allow_body(std::size_t bytes_max);

  /// As read(2): 0 at the end, -1 on error, timeout or when a bound is passed.
  ssize_t read(char* buffer, std::size_t size);
  /// The next part of an answer that comes over time has as long as an answer has.
  void begin_part() { is_answering_ = false; }
  /// Whether the client has closed the connection, or its half of it.
  [[nodiscard]] bool is_peer_gone() const;
  /// Writes all or fails with -1.
  ssize_t write(std::string_view bytes);

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Bytes that were read from the socket and not yet handed out.
  [[nodiscard]] bool has_buffered() const { return buffer_first_ < buffer_end_; }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Wanted : std::uint8_t { nothing, readable, writable };
  ssize_t fill();
  bool wait(Wanted wanted) const;
  [[nodiscard]] Wanted wanted_after(int result) const;

  shm::OwnedFd fd_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  std::array<char, 4096> buffer_{};
  std::size_t buffer_first_ = 0;
  std::size_t buffer_end_ = 0;
  std::size_t budget_ = 0;     ///< bytes that this request may still bring
  bool has_begun_ = false;     ///< the first byte of the request is here
  bool is_answering_ = false;  ///< the deadline is the answer's
  Clock::time_point deadline_;
};

}  // namespace byway::control::api
