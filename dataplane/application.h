// What runs on a worker above TCP: the proxy, the traffic generator, a test. All calls come on the worker's
// thread; between them the application hears of its streams through StreamHandler and Acceptor.
#pragma once

#include <cstdint>

#include "dataplane/clock.h"
#include "dataplane/net/host.h"
#include "dataplane/rope.h"
#include "dataplane/tcp/stack.h"
#include "dataplane/timer_wheel.h"

namespace byway {

/// What a worker lends to its application, from on_start to the end of on_stop.
struct WorkerServices {
  std::uint32_t worker = 0;  ///< index, from 0
  tcp::Stack& stack;         ///< listen, connect
  net::Host& host;           ///< virtual addresses
  TimerWheel& timers;
  Memory memory;
};

class Application {
 public:
  virtual ~Application() = default;
  /// Before the first round.
  virtual void on_start(const WorkerServices& services, Instant now) = 0;
  /// First in each round, before events are delivered and timers fire. True: it found work of its own.
  virtual bool on_round(Instant now) = 0;
  /// The worker is to stop: take nothing new, end what can be ended. The stack refuses new connections
  /// already.
  virtual void on_drain(Instant now) = 0;
  /// After on_drain: nothing is under way any more.
  [[nodiscard]] virtual bool is_drained() const = 0;
  /// Last call. All streams have ended; gives back every buffer, node and timer.
  virtual void on_stop(Instant now) = 0;
};

}  // namespace byway
