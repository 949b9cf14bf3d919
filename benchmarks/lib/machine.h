// A host of a benchmark: IP, TCP and memory as a worker has them, on a wire that is a list of frames. No
// DPDK, no clock, no heap on the way, so the number of instructions is the same in every run.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/net/host.h"
#include "dataplane/rope.h"
#include "dataplane/round_budget.h"
#include "dataplane/tcp/stack.h"
#include "dataplane/timer_wheel.h"

namespace byway::benchmark {

/// Equal blocks in a free list, as cheap as a mempool.
class BlockProvider final : public BufferProvider {
 public:
  explicit BlockProvider(std::uint32_t count);
  [[nodiscard]] Buffer* allocate(Bytes size) override;
  [[nodiscard]] Bytes buffer_bytes_max() const override { return block_bytes; }

 private:
  static constexpr Bytes block_bytes = 2048;
  struct Block {
    Buffer buffer;
    BlockProvider* provider = nullptr;
    Block* next = nullptr;
    alignas(64) std::uint8_t memory[block_bytes];
  };
  static void release(Buffer* buffer);

  std::unique_ptr<Block[]> blocks_;
  Block* free_ = nullptr;
};

class Machine;

/// Where a machine's frames go: into the input of the machine that is at the link's other end.
struct Wire {
  Machine* peer = nullptr;
  net::LinkIndex peer_link = 0;
};

struct MachineOptions {
  tcp::StackOptions stack{};
  std::uint32_t slices = 65'536;
};

/// Thread: one for all machines that are connected. Time is handed in.
class Machine final : public net::FrameSink, private tcp::RouteSource {
 public:
  Machine(BlockProvider& buffers, Instant now, const MachineOptions& options = {});

  /// A link with an address; returns its index.
  net::LinkIndex add_link(const net::Prefix& address, Instant now);
  static void connect(Machine& a, net::LinkIndex a_link, Machine& b, net::LinkIndex b_link);

  /// Frames that have come and are not taken yet.
  [[nodiscard]] std::size_t waiting() const { return input_.size() - taken_; }
  /// Of the burst that was taken.
  [[nodiscard]] std::size_t burst_count() const { return burst_count_; }
  /// The stages of a round, as Worker::run has them; each takes up where the one before left off.
  void take_burst();  ///< Not a stage of its own: what the port would do.
  void parse(Instant now);
  void tcp_in(Instant now);
  void events(Instant now) { static_cast<void>(stack.deliver_events(now)); }
  void timers(Instant now) { wheel.advance(now, timers_per_round); }
  void tcp_out(Instant now);  ///< Builds frames and queues them.
  void flush();               ///< Not a stage either: the port takes what is queued, and it is there.
  /// All of them.
  void round(Instant now) {
    take_burst();
    parse(now);
    tcp_in(now);
    events(now);
    timers(now);
    tcp_out(now);
    flush();
  }

  Memory memory() { return {slices, buffers_}; }

  SlicePool slices;
  TimerWheel wheel;

 private:
  bool transmit(net::LinkIndex link, std::span<const std::uint8_t> header, Rope&& payload) override;
  [[nodiscard]] std::optional<tcp::Route> route_to(const net::IpAddress& remote) const override;

  BlockProvider& buffers_;
  OwnCounters<net::Counter> net_counters_;
  OwnCounters<tcp::CounterIndex> tcp_counters_;
  /// A frame as it is queued.
  struct Built {
    Buffer* buffer = nullptr;
    Bytes size = 0;
    net::LinkIndex link = 0;
  };
  std::array<Built, tx_backlog_frames> backlog_;
  std::size_t queued_ = 0;
  std::vector<Wire> wires_;
  std::vector<net::RxFrame> input_;
  std::size_t taken_ = 0;
  std::array<net::RxFrame, net::burst_frames_max> burst_;
  std::size_t burst_count_ = 0;
  std::array<tcp::Incoming, net::burst_frames_max> segments_;
  net::Ingress ingress_;
  tcp::SegmentOut segment_{slices};

 public:
  net::Host host;
  tcp::Stack stack;
};

}  // namespace byway::benchmark
