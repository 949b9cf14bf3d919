// Kept connections to endpoints, for reuse: one pool a worker, nothing shared.
//
//   index   endpoint id -> newest idle connection of it      (only endpoints that have one)
//   lists   newest <-> ... <-> oldest, per endpoint          (reuse takes the newest: it is the warmest, and
//           newest <-> ... <-> oldest, over all endpoints     the rest times out when load falls)
//
// The lists run through the connections themselves, and the index is as large as the worker's table of
// connections, so keeping one never fails for want of memory. Timers, streams and counters are the
// connection's business; the pool only knows which ones are idle.
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/clock.h"

namespace byway::l7::upstream {

/// How long a connection is kept without a request. Must be shorter than what servers wait before they
/// close, or requests meet closing connections: Node.js and Apache wait 5 s, nginx 75 s, Go for ever.
inline constexpr Nanoseconds idle_timeout = 4s;

/// Most idle connections kept for one endpoint: no more than this many requests to it are in flight at a
/// time on one worker in ordinary operation; the one above is closed.
inline constexpr std::uint32_t idle_per_endpoint_max = 1024;

/// What the pool keeps of a connection. The connection derives from it.
class IdleLinks {
 public:
  [[nodiscard]] bool is_pooled() const { return is_pooled_; }

 protected:
  IdleLinks() = default;
  ~IdleLinks() = default;

 private:
  friend class Pool;
  IdleLinks* endpoint_newer_ = nullptr;
  IdleLinks* endpoint_older_ = nullptr;
  IdleLinks* newer_ = nullptr;
  IdleLinks* older_ = nullptr;
  std::uint64_t endpoint_id_ = 0;
  bool is_pooled_ = false;
};

/// The idle connections of one worker. Owner of its index only; connections belong to their slab.
class Pool {
 public:
  /// For at most `connections_max` idle connections.
  explicit Pool(std::uint32_t connections_max);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();  ///< Asserted: empty.

  /// The newest idle connection to the endpoint, no longer pooled; nullptr if there is none.
  [[nodiscard]] IdleLinks* take(std::uint64_t endpoint_id);
  /// Keeps a connection. False: the endpoint has idle_per_endpoint_max already; nothing changed.
  [[nodiscard]] bool put(IdleLinks& connection, std::uint64_t endpoint_id);
  /// Forgets a pooled connection (it timed out or was closed).
  void remove(IdleLinks& connection);
  /// The connection that has been idle for longest, to be evicted; nullptr if none is idle.
  [[nodiscard]] IdleLinks* oldest() const { return oldest_; }

  [[nodiscard]] std::uint32_t count() const { return count_; }
  [[nodiscard]] std::uint32_t count_of(std::uint64_t endpoint_id) const;

 private:
  struct Entry {
    std::uint64_t endpoint_id = 0;
    IdleLinks* newest = nullptr;  ///< nullptr: the entry is free
    std::uint32_t count = 0;
  };

  [[nodiscard]] std::uint32_t home_of(std::uint64_t endpoint_id) const;
  [[nodiscard]] std::uint32_t find(std::uint64_t endpoint_id) const;
  void erase(std::uint32_t place);

  std::uint32_t mask_;
  std::uint32_t connections_max_;
  std::unique_ptr<Entry[]> entries_;
  IdleLinks* newest_ = nullptr;
  IdleLinks* oldest_ = nullptr;
  std::uint32_t count_ = 0;
};

}  // namespace byway::l7::upstream
