// One machine in virtual time: the TCP stack, its memory and timers, a clock that only moves when somebody
// waits, and the packets that have left. The socket calls stand on it (socket_table.h).
//
// One lock guards all of it: whoever calls anything here holds it. A call that blocks is a Waiter. Whoever
// lets something happen (a packet, a timer) then hands over to the waiters that it concerns, and goes on when
// their calls have ended; so what a script sees does not depend on how threads are scheduled.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <span>
#include <thread>
#include <vector>

#include "dataplane/clock.h"
#include "dataplane/rope.h"
#include "dataplane/tcp/stack.h"
#include "dataplane/timer_wheel.h"
#include "tests/packetdrill/host_options.h"

namespace byway::packetdrill {

using Lock = std::unique_lock<std::mutex>;

/// A packet that has left, from its IP header on.
struct Departure {
  Instant when;
  std::vector<std::uint8_t> packet;
};

class VirtualHost final : private tcp::RouteSource {
 public:
  explicit VirtualHost(const HostOptions& options);

  // ---- The wire ----

  /// What is no TCP packet with right checksums is dropped, as a network card would; ICMP errors about TCP
  /// are told to the stack.
  void on_packet(std::span<const std::uint8_t> packet);
  /// The next packet that leaves, and lets time pass until one does. False: none ever will.
  [[nodiscard]] bool next_departure(Lock& lock, Departure& out);

  // ---- Time ----

  [[nodiscard]] Instant now() const { return now_; }
  void sleep(Lock& lock, Nanoseconds time);

  // ---- Calls ----

  /// Every call begins with this. Time stands still for a thread that has come back from a blocking call,
  /// until it calls again: it will ask what the time is.
  void enter();
  /// And ends with this: events are told, segments leave, others that wait have their turn.
  void settle(Lock& lock);
  /// Blocks until `ready`, or virtual time has come to `deadline`. Returns whether it is ready; is_ending()
  /// says that nothing more will happen.
  bool wait(Lock& lock, Instant deadline, const std::function<bool()>& ready);
  /// Ends all calls that block, and waits until they have.
  void end(Lock& lock);
  [[nodiscard]] bool is_ending() const { return ending_; }

  /// Connections come from this address from now on (HostOptions).
  void set_local(const net::IpAddress& address);

  [[nodiscard]] tcp::Stack& stack() { return stack_; }
  [[nodiscard]] const HostOptions& options() const { return options_; }
  /// Appends a copy of `data` to `rope`, which is from slices().
  void append_copy(std::span<const std::uint8_t> data, Rope& rope);
  [[nodiscard]] SlicePool& slices() { return slices_; }

  std::mutex mutex;

 private:
  struct Waiter {
    Instant deadline;
    const std::function<bool()>& ready;
    bool is_woken = false;
  };

  [[nodiscard]] std::optional<tcp::Route> route_to(const net::IpAddress& remote) const override;
  void flush();
  [[nodiscard]] bool wake_waiters();
  [[nodiscard]] Instant next_event() const;
  void advance_to(Lock& lock, Instant when);

  const HostOptions options_;
  HeapProvider heap_;
  SlicePool slices_;
  Instant now_;
  net::IpAddress local_v4_;
  net::IpAddress local_v6_;
  TimerWheel wheel_;
  OwnCounters<tcp::CounterIndex> counters_;
  tcp::Stack stack_;
  tcp::SegmentOut segment_;
  std::deque<Departure> departures_;
  std::condition_variable changed_;
  std::vector<Waiter*> waiters_;
  std::uint32_t woken_ = 0;             ///< Waiters that are to go on and have not yet.
  std::set<std::thread::id> returned_;  ///< See enter().
  bool ending_ = false;
};

}  // namespace byway::packetdrill
