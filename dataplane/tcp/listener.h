// TCP ports that take connections (RFC 9293 3.10.1, passive OPEN).
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/clock.h"
#include "dataplane/net/address.h"
#include "dataplane/slab.h"
#include "dataplane/stream.h"
#include "dataplane/tcp/socket.h"

namespace byway::tcp {

/// One listening address and TCP port. `local.ip` of all zeros stands for any address.
struct Listener {
  net::SocketAddress local;
  Acceptor* acceptor = nullptr;
  Listener* next = nullptr;  ///< In the same bucket.
  std::uint32_t half_open_count = 0;
  std::uint32_t unaccepted_count = 0;
  Instant cookies_until;   ///< Until then an ACK may bring back a cookie (syn_cookie.h).
  SocketQueue half_open;   ///< Connections in SYN-RECEIVED.
  SocketQueue unaccepted;  ///< Established ones that Acceptor::on_accept has not seen.
};

/// All listeners of a stack: a fixed number, found by TCP port and address.
class ListenerTable {
 public:
  explicit ListenerTable(std::uint32_t capacity) : slab_(capacity) {}

  /// Adds one, or changes the acceptor of the one that is there. nullptr: the table is full.
  Listener* add(const net::SocketAddress& local, Acceptor& acceptor);
  /// The listener of exactly `local`, or nullptr.
  [[nodiscard]] Listener* find_exact(const net::SocketAddress& local) const;
  /// The listener that a SYN to `target` goes to: the exact address first, then any address.
  [[nodiscard]] Listener* find(const net::SocketAddress& target) const;
  void remove(Listener& listener);

 private:
  static constexpr std::size_t buckets = 256;

  Slab<Listener> slab_;
  std::array<Listener*, buckets> heads_{};
};

}  // namespace byway::tcp
