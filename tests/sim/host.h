// A machine of the simulated network: memory, timers, the real TCP stack.
//
// A round is as the worker's: packets in, timers, events, segments out. Packets arrive in heap blocks of
// their exact size, so that the address sanitizer sees one byte too far.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/clock.h"
#include "dataplane/net/address.h"
#include "dataplane/rope.h"
#include "dataplane/tcp/stack.h"
#include "dataplane/timer_wheel.h"
#include "tests/sim/node.h"
#include "tests/sim/random.h"
#include "tests/sim/silence.h"

namespace byway::sim {

struct HostOptions {
  tcp::StackOptions stack;
  std::uint16_t mtu = 1500;
  std::uint32_t slices = 65'536;
  /// Packet buffers that there are, for arrivals and for what is written (the worker's pool, which its stack
  /// is told of each round). 0: as many as are asked for, and nothing is said.
  std::uint32_t buffers = 0;
};

class Host final : public Node, private tcp::RouteSource {
 public:
  Host(Network& network, const net::IpAddress& address, const HostOptions& options);

  /// A second stack of the same machine, as another worker's: connections may move between the two. Before
  /// listen().
  void add_second_stack(const tcp::StackOptions& options, Random random);
  /// On every stack that there is. False: no room for a listener.
  [[nodiscard]] bool listen(const net::SocketAddress& local, Acceptor& acceptor);
  /// Moves the connection behind `stream` to the other stack. For a while some packets take the way by the
  /// stack that it has left, and come late. nullptr: it stays, since there is no other, it
  /// is in no state to move, or memory is short.
  [[nodiscard]] Stream* move(Stream& stream, StreamHandler& handler);
  /// On any stack, TIME-WAIT included.
  [[nodiscard]] bool has_connection(const tcp::FlowKey& flow) { return stack_of(flow).has_connection(flow); }
  /// A move that failed without a reason; empty: none.
  [[nodiscard]] const std::string& move_error() const { return move_error_; }

  /// Prints its connections and what memory is in use, for a run that failed.
  void print_state();
  /// Told the time at the start of every round, before timers fire.
  std::function<void(Instant)> on_time;
  /// Something to do in every round, before segments leave (an application that polls).
  std::function<void(Instant)> on_round;
  /// Most timers that fired in one second of virtual time: what waits must not do so by spinning.
  [[nodiscard]] std::uint32_t timers_per_second_max() const { return fires_max_; }
  [[nodiscard]] const Silence& silence() const { return silence_; }

  /// Bytes in a buffer of ours; an empty slice if too few are free.
  [[nodiscard]] Slice copy(std::span<const std::uint8_t> bytes);
  /// Buffers in use, received ones included.
  [[nodiscard]] std::uint64_t buffers_live() const { return heap.live() + arrivals.live(); }
  [[nodiscard]] std::uint64_t buffers_most() const { return buffers_most_; }
  /// Packets that found no buffer: none, since a stack keeps the last ones free (limits.h, rule 3).
  [[nodiscard]] std::uint64_t arrivals_refused() const { return arrivals_refused_; }
  /// What has not come back, by name; nothing once a run is over.
  [[nodiscard]] std::string leftovers();
  /// Of all stacks.
  [[nodiscard]] std::uint64_t counter(tcp::CounterIndex index) const;

  // ---- Node ----
  void on_packet(const PacketView& packet, Instant now) override;
  void on_packet_too_big(const PacketView& packet, std::uint16_t mtu, Instant now) override;
  [[nodiscard]] Instant next_due() const override;
  void run_round(bool had_action, Instant now) override;

  HeapProvider arrivals;  ///< What packets arrive in: a port holds its buffers before others can take them.
  HeapProvider heap;      ///< What the stack and its users allocate.
  SlicePool slices;
  TimerWheel wheel;
  OwnCounters<tcp::CounterIndex> counters;
  tcp::Stack stack;

 private:
  struct SecondStack {
    SecondStack(Host& host, const tcp::StackOptions& options, Instant now)
        : stack(options, Memory{host.slices, host.heap}, host.wheel, host, counters.block, now) {}
    OwnCounters<tcp::CounterIndex> counters;
    tcp::Stack stack;
  };
  /// Peer and own TCP port.
  using Flow = std::pair<net::SocketAddress, std::uint16_t>;

  [[nodiscard]] std::optional<tcp::Route> route_to(const net::IpAddress& remote) const override;
  [[nodiscard]] bool is_home(const tcp::FlowKey& flow) const override;
  /// Where the connection is, or would be made.
  [[nodiscard]] tcp::Stack& stack_of(const tcp::FlowKey& flow);
  template <typename Function>
  void for_each_stack(Function&& function) {
    function(stack);
    if (other_) function(other_->stack);
  }
  [[nodiscard]] bool is_out_of_buffers() const { return buffers_ != 0 && buffers_live() >= buffers_; }
  void take_in(const PacketView& packet, Instant now);
  /// Hands `to` what it must refuse, and what it may; none of it leaves a trace.
  void try_bad_imports(tcp::Stack& from, tcp::Stack& to, std::vector<std::uint8_t> bytes,
                       StreamHandler& handler);
  void fire_timers(Instant now);
  void count_buffers(Instant now);
  void flush(tcp::Stack& from, Instant now);

  std::uint16_t mtu_;
  std::uint32_t buffers_;
  std::uint64_t buffers_most_ = 0;
  std::uint64_t arrivals_refused_ = 0;
  tcp::SegmentOut segment_;
  std::unique_ptr<SecondStack> other_;
  std::set<Flow> at_second_;  ///< Connections that have moved there; some may have ended.
  std::string move_error_;
  Random stray_{0};  ///< For what goes astray around moves.
  Instant stray_until_;
  bool had_packet_ = false;
  Silence silence_;
  std::uint64_t starved_before_ = 0;
  std::int64_t second_ = 0;  ///< In which fires_ were counted.
  std::uint32_t fires_ = 0;
  std::uint32_t fires_max_ = 0;
};

}  // namespace byway::sim
