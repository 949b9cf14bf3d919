// A simulated network: hosts with the real TCP stack each, links that lose, delay, reorder, duplicate and
// corrupt by seed, and virtual time that jumps from one event to the next. One seed, one run, on any machine.
//
// A run is a loop of rounds as the worker's: packets in, timers, events, segments out. Packets travel as
// exact heap blocks, so that the address sanitizer sees one byte too far.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "dataplane/clock.h"
#include "dataplane/net/address.h"
#include "dataplane/rope.h"
#include "dataplane/tcp/stack.h"
#include "dataplane/timer_wheel.h"
#include "tests/sim/random.h"

namespace byway::sim {

/// What the path between two hosts does to each packet, both ways.
struct LinkOptions {
  Nanoseconds delay = 500us;
  Nanoseconds jitter{0};  ///< Added at random: packets overtake each other when it exceeds their spacing.
  double loss = 0;
  double duplicate = 0;
  double corrupt = 0;  ///< One bit flipped: the checksum must notice.
  double reorder = 0;  ///< Held back by reorder_delay.
  Nanoseconds reorder_delay = 5ms;
  std::uint64_t bits_per_second = 0;  ///< 0: no limit. Packets queue at the sender's end.
  Bytes queue_bytes = 256 * 1024;     ///< What does not fit is dropped.
};

struct HostOptions {
  tcp::StackOptions stack;
  std::uint16_t mtu = 1500;
  std::uint32_t slices = 65'536;
};

class Network;

/// One machine: memory, timers, a stack.
class Host final : private tcp::RouteSource {
 public:
  Host(Network& network, const net::IpAddress& address, const HostOptions& options);

  [[nodiscard]] const net::IpAddress& address() const { return address_; }
  /// Prints its connections and what memory is in use, for a run that failed.
  void print_state();
  /// Told the time at the start of every round, before timers fire.
  std::function<void(Instant)> on_time;
  /// Something to do in every round, before segments leave (an application that polls).
  std::function<void(Instant)> on_round;
  /// Most timers that fired in one second of virtual time: what waits must not do so by spinning.
  [[nodiscard]] std::uint32_t timers_per_second_max() const { return fires_max_; }

  /// Buffers in use, received ones included.
  [[nodiscard]] std::uint64_t buffers_live() const { return heap.live() + arrivals.live(); }

  HeapProvider arrivals;  ///< What packets arrive in: a port holds its buffers before others can take them.
  HeapProvider heap;      ///< What the stack and its users allocate.
  SlicePool slices;
  TimerWheel wheel;
  OwnCounters<tcp::CounterIndex> counters;
  tcp::Stack stack;

 private:
  friend class Network;
  [[nodiscard]] std::optional<tcp::Route> route_to(const net::IpAddress& remote) const override;
  void on_packet(const net::IpAddress& source, std::uint8_t ecn, std::span<const std::uint8_t> bytes,
                 Instant now);
  void run_round(Instant now);
  void flush(Instant now);

  Network& network_;
  net::IpAddress address_;
  std::uint16_t mtu_;
  tcp::SegmentOut segment_;
  std::int64_t second_ = 0;  ///< In which fires_ were counted.
  std::uint32_t fires_ = 0;
  std::uint32_t fires_max_ = 0;
};

class Network {
 public:
  explicit Network(std::uint64_t seed);
  ~Network();

  Host& add_host(const net::IpAddress& address, const HostOptions& options = {});
  void set_link(const LinkOptions& link) { link_ = link; }
  /// Prints every packet to standard output, one a line.
  void set_trace(bool on) { trace_ = on; }
  [[nodiscard]] bool is_traced() const { return trace_; }
  /// Prints a line of an application between the packets, if packets are printed.
  void note(const std::string& line) const;

  [[nodiscard]] Instant now() const { return now_; }
  /// Calls `action` at `when` (or as soon as possible), between rounds.
  void at(Instant when, std::function<void()> action);
  /// Goes to the next thing that happens, at most to `limit`, and runs it. False: nothing happens before.
  bool step(Instant limit);
  /// Steps until `done` says so or `limit` is reached; returns done().
  bool run_until(Instant limit, const std::function<bool()>& done);

  /// Takes a segment from a stack onto the wire.
  void send(const net::IpAddress& source, const net::IpAddress& target, std::uint8_t ecn,
            std::vector<std::uint8_t> tcp);

  [[nodiscard]] std::uint64_t packets_sent() const { return packets_sent_; }
  [[nodiscard]] std::uint64_t packets_lost() const { return packets_lost_; }

 private:
  struct Packet {
    Instant arrival;
    std::uint64_t order;  ///< Breaks ties: first sent, first to arrive.
    net::IpAddress source;
    net::IpAddress target;
    std::uint8_t ecn;
    std::vector<std::uint8_t> tcp;
    friend bool operator>(const Packet& a, const Packet& b) {
      return a.arrival != b.arrival ? a.arrival > b.arrival : a.order > b.order;
    }
  };
  struct Action {
    Instant when;
    std::uint64_t order;
    std::function<void()> call;
    friend bool operator>(const Action& a, const Action& b) {
      return a.when != b.when ? a.when > b.when : a.order > b.order;
    }
  };
  template <typename T>
  using Queue = std::priority_queue<T, std::vector<T>, std::greater<>>;

  [[nodiscard]] Instant next_event() const;
  [[nodiscard]] Instant departure(std::size_t bytes);
  void enqueue(const Packet& packet, Instant arrival);
  void deliver_due();
  void print(const char* verdict, const net::IpAddress& source, const net::IpAddress& target,
             std::span<const std::uint8_t> tcp) const;
  Host* find(const net::IpAddress& address);

  Random random_;
  LinkOptions link_;
  Instant now_;
  Instant link_free_;  ///< When the link has sent what is queued.
  std::uint64_t order_ = 0;
  std::uint64_t packets_sent_ = 0;
  std::uint64_t packets_lost_ = 0;
  bool trace_ = false;
  std::vector<std::unique_ptr<Host>> hosts_;
  Queue<Packet> packets_;
  Queue<Action> actions_;
};

}  // namespace byway::sim
