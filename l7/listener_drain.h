// Ends the connections of listeners that a new set no longer has: those that wait for a request at once, the
// others after their current response, and what is left when the listener's drain time is over by a reset.
//
// There may be a million connections, and the worker cannot stop for them: a sweep over the table goes on for
// a piece in each round. One sweep tells connections to end, a second one at the deadline cuts them.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/net/address.h"
#include "dataplane/slab.h"
#include "l7/http1/server_codec.h"
#include "l7/worker_context.h"

namespace byway::l7 {

/// Listening sockets that drain at the same time; as many as one set may have. Connections of further ones go
/// on until they end by themselves.
inline constexpr std::size_t draining_sockets_max = 1024;

/// Places of the table that one round looks at: some 10 us when they are not in the cache.
inline constexpr std::uint32_t drain_places_per_round = 64;

/// Owner: the Proxy. Allocates at construction only.
class ListenerDrain {
 public:
  ListenerDrain(WorkerContext& context, Slab<http1::ServerCodec>& downstreams);

  /// Connections to `local` end by `deadline`.
  void begin(const net::SocketAddress& local, Instant deadline);
  /// There is a listener again: what was not told to end yet stays, what was told is not cut.
  void cancel(const net::SocketAddress& local);
  /// A piece of the work that is due, each round. True: there was some.
  bool step() { return !draining_.empty() && sweep(); }

 private:
  struct Draining {
    net::SocketAddress local;
    Instant deadline;
    friend bool operator<(const Draining& a, const Draining& b) { return a.local < b.local; }
  };

  bool sweep();
  void end_sweep();
  void visit(http1::ServerCodec& codec);
  [[nodiscard]] std::vector<Draining>::iterator place_of(const net::SocketAddress& local);

  WorkerContext& context_;
  Slab<http1::ServerCodec>& downstreams_;
  std::vector<Draining> draining_;  ///< sorted by address
  Instant next_sweep_ = Instant::never();
  Instant sweep_began_;
  std::uint32_t cursor_ = 0;
  bool is_sweeping_ = false;
};

}  // namespace byway::l7
