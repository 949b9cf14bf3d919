// Layer 7 of one worker: what accepts connections and answers them.
//
// The worker makes one Proxy on its TCP stack and timer wheel, names it as the Acceptor of every listening
// address, and in each round:
//
//   proxy.set_now(now);                          before events are delivered and timers advance
//   proxy.step_drains();                         a piece of what ends with removed listeners
//   if (policy.refresh(now)) proxy.use_set(policy.current());
//   stack.deliver_events(now); timers.advance(now, ...);
//
// To stop: drain(), go on with rounds until is_idle() or the drain time is over, then abort_all(). The proxy
// must be empty when it is destroyed.
//
// A set is only looked at inside events, so the one before may go as soon as use_set() has returned: no
// exchange pins a generation (it copies what it needs: Plan).
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "control/shm/endpoint_stats.h"
#include "control/shm/publication.h"
#include "control/shm/slots.h"
#include "dataplane/slab.h"
#include "dataplane/stream.h"
#include "dataplane/timer_wheel.h"
#include "l7/exchange.h"
#include "l7/http1/client_codec.h"
#include "l7/http1/server_codec.h"
#include "l7/listener_drain.h"
#include "l7/telemetry/record.h"
#include "l7/telemetry/telemetry.h"
#include "l7/worker_context.h"

namespace byway::l7 {

/// Sizes of one worker's tables. Memory is taken at start and touched when it is used first.
struct ProxyOptions {
  std::uint32_t downstream_max = 16'384;  ///< connections of clients; more are reset
  std::uint32_t exchanges_max = 16'384;   ///< requests in progress; more are answered 503
  std::uint32_t upstream_max = 16'384;  ///< connections to endpoints, kept ones included; more: 503, flag UO
  std::uint32_t held_head_buffers_max = 2048;  ///< for long heads that are incomplete (http1/head_reader.h)
  /// The node's own addresses: listeners without addresses listen there. The memory outlives the proxy.
  std::span<const net::IpAddress> node_addresses{};
  std::uint64_t random_seed = 0;  ///< different for each worker
  /// Hears of every exchange that has ended; may be null.
  RecordSink* records = nullptr;
};

/// What the proxy is given to work with; all of it outlives the proxy.
struct ProxySeams {
  Connector& connector;  ///< tcp::Stack
  TimerWheel& timers;
  Memory memory;
  Telemetry telemetry;
  shm::SlotTable slots;
  shm::EndpointStatsTable endpoint_stats;
  /// Seconds since 1970, which another thread keeps right, for Date; null: responses get none.
  const std::atomic<std::int64_t>* wall_seconds = nullptr;
};

/// Owner: the worker. Thread: the worker's; it is built by the main thread before.
class Proxy final : public Acceptor {
 public:
  Proxy(const ProxySeams& seams, const ProxyOptions& options);
  ~Proxy();  ///< Asserted: abort_all() was called, or nothing is open.
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  /// The time of this round; never decreases.
  void set_now(Instant now) { context_.now = now; }
  /// Requests are routed by `set` from now on; nullptr: there is none (404).
  void use_set(const shm::LiveSet* set) { context_.set = set; }

  /// A client's connection. Which listener it belongs to shows in its local address and in each request.
  void on_accept(Stream& stream) override;

  /// Nobody listens at `local` any more: its connections end as they do in drain(), by `deadline` at the
  /// latest.
  void drain_listener(const net::SocketAddress& local, Instant deadline) {
    listener_drain_.begin(local, deadline);
  }
  /// Somebody listens there again: what drain_listener() has not ended yet stays.
  void keep_listener(const net::SocketAddress& local) { listener_drain_.cancel(local); }
  /// A piece of that work. True: there was some.
  bool step_drains() { return listener_drain_.step(); }

  /// New connections are reset, waiting ones close, the others close after their current response.
  void drain();
  /// No connection of a client is open any more.
  [[nodiscard]] bool is_idle() const { return downstreams_.in_use() == 0; }
  /// Resets what is left.
  void abort_all();

  [[nodiscard]] std::uint32_t downstream_count() const { return downstreams_.in_use(); }
  [[nodiscard]] std::uint32_t exchange_count() const { return exchanges_.in_use(); }
  [[nodiscard]] std::uint32_t upstream_count() const { return upstreams_.in_use(); }
  [[nodiscard]] std::uint32_t idle_upstream_count() const { return context_.pool.count(); }

 private:
  void close_idle_upstreams();

  WorkerContext context_;
  Slab<http1::ServerCodec> downstreams_;
  Slab<http1::ClientCodec> upstreams_;
  Slab<Exchange> exchanges_;
  ListenerDrain listener_drain_;
};

}  // namespace byway::l7
