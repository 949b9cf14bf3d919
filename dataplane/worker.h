// One worker: a core that takes packets the whole way, from its receive queues through TCP and the
// application to its transmit queues, and shares nothing writable with other workers but mailboxes.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/application.h"
#include "dataplane/buffer_pool.h"
#include "dataplane/capture.h"
#include "dataplane/idle.h"
#include "dataplane/mailbox.h"
#include "dataplane/net/host.h"
#include "dataplane/net/path_mtu.h"
#include "dataplane/net/vlan.h"
#include "dataplane/port.h"
#include "dataplane/round_budget.h"
#include "dataplane/steering.h"
#include "dataplane/tcp/stack.h"
#include "dataplane/timer_wheel.h"
#include "dataplane/tsc_clock.h"
#include "dataplane/worker_counters.h"

namespace byway {

/// A port of node.yaml with its addresses, as all workers see it: a device, or a VLAN of one that others may
/// share. Position in the list: its link index.
struct LinkSetup {
  Port* port = nullptr;  ///< the device
  std::vector<net::Prefix> addresses;
  /// The kernel's interface of this port: what is not ours goes there, and what comes from there is sent. Or
  /// nullptr: the kernel has no part in it.
  Port* kernel = nullptr;
  std::string name{};
  std::uint16_t vlan = net::vlan_none;
  std::uint16_t mtu = 0;  ///< 0: the device's
};

struct StaticRoute {
  net::Prefix destination;
  net::IpAddress gateway;
  std::optional<net::LinkIndex> link = std::nullopt;  ///< of a link-local gateway
};

/// What the owner of a pool last counted in it.
struct alignas(64) PoolLevel {
  std::atomic<std::uint32_t> free{UINT32_MAX};
};

/// What all workers of a process have in common. Outlives them.
struct WorkerShared {
  WorkerShared(const TscClock& of_all, const Steering& by)
      : clock(of_all), steering(by), pools(std::make_unique<PoolLevel[]>(by.worker_count())) {}

  const TscClock& clock;
  const Steering& steering;
  std::vector<LinkSetup> links;
  std::vector<StaticRoute> routes;
  std::vector<std::unique_ptr<Mailbox>> mailboxes;  ///< by worker
  std::unique_ptr<PoolLevel[]> pools;               ///< by worker; all pools are of one size
  /// Workers whose drain is complete. They go on until all are: frames of the others come in by their queues.
  /// A line of its own: what stands above is read in each round.
  alignas(64) std::atomic<std::uint32_t> drained_count{0};
};
static_assert(sizeof(PoolLevel) == 64, "one writer a line");

/// An IPv6 address that was found to be another station's.
struct DuplicateAddress {
  net::LinkIndex link = 0;
  net::IpAddress address;
};
/// Most of them that are kept to be told of. Whoever has more has the same mistake in all.
inline constexpr std::size_t duplicates_kept_max = 32;

struct WorkerOptions {
  std::uint32_t index = 0;
  PollMode poll = PollMode::adaptive;
  tcp::StackOptions stack;
  /// IPv6 addresses of ports are used when nobody else was found to have them, not at once.
  bool detects_duplicates = true;
  /// Chain nodes of ropes: a segment in a queue takes one, the copy of the send queue that is on its way
  /// another.
  std::uint32_t slices = 65'536;
};

/// Counter cells, handed in. They outlive the worker.
struct WorkerCounterBlocks {
  WorkerCounters worker;
  net::Counters net;
  tcp::Counters tcp;
};

/// Made and destroyed by the main thread; everything between on_start and on_stop happens in run(), on the
/// worker's own. Lines of its own, whoever made what lies beside it.
/// worker.cpp: the loop; worker_steering.cpp: frames of other workers; worker_kernel.cpp: frames of the
/// kernel.
class alignas(64) Worker final : private net::FrameSink, private tcp::RouteSource {
 public:
  Worker(const WorkerOptions& options, WorkerShared& shared, BufferPool& buffers, Application& application,
         WorkerCounterBlocks counters);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// The loop. Returns when a drain has ended.
  void run();

  /// Any thread, also a signal handler: stop taking new connections, and end when those that exist have
  /// ended, or at `deadline`. A second call with an earlier deadline hurries.
  void drain(Instant deadline) { drain_deadline_ns_.store(deadline.ns, std::memory_order_release); }
  [[nodiscard]] bool has_ended() const { return ended_.load(std::memory_order_acquire); }
  /// Any thread: the first duplicates_kept_max duplicates, in the order in which they were found.
  [[nodiscard]] std::span<const DuplicateAddress> duplicates() const {
    return std::span(duplicates_).first(duplicate_count_.load(std::memory_order_acquire));
  }
  /// On the worker's thread (commands): what it works with.
  [[nodiscard]] tcp::Stack& stack() { return stack_; }
  [[nodiscard]] net::Host& host() { return host_; }
  /// On the worker's thread: frames go to `capture` as well, until nullptr is given.
  void set_capture(Capture* capture);

 private:
  struct KernelLane;
  /// This worker's part of a port.
  struct Lane {
    Port* port = nullptr;
    std::uint16_t queue = 0;
    std::size_t device = 0;  ///< the lane that sends and receives for this one; itself but for VLANs
    std::uint16_t vlan = net::vlan_none;
    bool has_tags = false;         ///< of a lane that receives: a VLAN is among those that it does it for
    bool polls = false;            ///< it has a queue pair of this port
    bool is_open = false;          ///< in this round
    std::uint32_t owner = 0;       ///< if it polls not: the worker that sends its frames
    std::uint32_t waiting = 0;     ///< frames in `backlog`
    std::uint32_t shown = 0;       ///< of those: the capture that runs has seen them
    std::uint32_t prepared = 0;    ///< of those: ready for a port that fills in checksums
    KernelLane* kernel = nullptr;  ///< the kernel's side of the port, if it has one
    std::array<rte_mbuf*, tx_backlog_frames> backlog{};
  };
  /// This worker's part of the kernel's interface of a port.
  struct KernelLane {
    Lane lane;
    net::LinkIndex link = 0;
    net::RateLimit limit{kernel_frames_per_second, kernel_frames_burst};
  };

  void configure();
  void configure_lane(Lane& lane, Port& port) const;
  void begin_round(Instant now);
  [[nodiscard]] std::uint32_t poll_ports(Instant now);
  [[nodiscard]] std::uint32_t take_mail(Instant now);
  [[nodiscard]] std::uint32_t deliver_events(Instant now);
  [[nodiscard]] std::uint32_t flush_connections(Instant now);
  [[nodiscard]] std::uint32_t flush_joined(Instant now);
  void send_segment(tcp::SegmentOut& segment, std::uint16_t part_bytes, Instant now);
  /// What the port by which `segment` leaves does, if it cuts such segments.
  [[nodiscard]] const Offloads* cutter_of(const tcp::SegmentOut& segment) const;
  void flush_ports();
  void check_memory(Instant now);
  [[nodiscard]] std::uint32_t free_in_all_pools(std::uint32_t own) const;
  void check_drain(Instant now);
  void wait(bool found_work, Instant now);

  void receive(std::span<rte_mbuf* const> frames, std::size_t device, Instant now);
  void hand_up(std::span<net::RxFrame> frames, Instant now);
  void take_reassembled(Instant now);
  [[nodiscard]] bool hand_over(const net::RxFrame& frame);
  void give_to(std::uint32_t worker, rte_mbuf* frame, net::LinkIndex link);
  /// Hands a frame that is another worker's over. True: it has gone.
  [[nodiscard]] bool steer(rte_mbuf* frame, net::LinkIndex link);
  void share_with_all(rte_mbuf* frame, net::LinkIndex link);
  using TaggedHeader = std::array<std::uint8_t, net::frame_header_bytes_max + net::vlan_tag_bytes>;
  /// `header`, or what it is with the tag of the link's VLAN, in `place`.
  [[nodiscard]] std::span<const std::uint8_t> with_tag(std::span<const std::uint8_t> header,
                                                       net::LinkIndex link, TaggedHeader& place) const {
    const std::uint16_t vlan = lanes_[link].vlan;
    if (vlan == net::vlan_none) [[likely]]
      return header;
    BYWAY_ASSERT(header.size() <= net::frame_header_bytes_max);
    return {place.data(), net::write_tagged(header, vlan, place)};
  }
  [[nodiscard]] bool dispatch(net::LinkIndex link, rte_mbuf* frame);
  [[nodiscard]] bool enqueue(Lane& lane, rte_mbuf* frame);
  void prepare(Lane& lane);
  void flush(Lane& lane);
  [[nodiscard]] std::uint32_t poll_kernel();
  void flush_kernel();
  void give_to_kernel(KernelLane& kernel, rte_mbuf* frame);
  void queue_for_kernel(KernelLane& kernel, rte_mbuf* frame);
  void end_kernel();
  /// `device`: the lane that they come by, or leave by.
  void show(std::span<rte_mbuf* const> frames, std::size_t device, bool are_sent);
  [[nodiscard]] std::optional<net::LinkIndex> link_of(const rte_mbuf* frame, std::size_t device) const;
  [[nodiscard]] std::optional<net::LinkIndex> take_tag(rte_mbuf* frame, std::size_t device);
  [[nodiscard]] std::uint32_t room_to_send() const;
  void end(Instant now);

  // net::FrameSink
  bool transmit(net::LinkIndex link, std::span<const std::uint8_t> header, Rope&& payload) override;
  bool transmit_segments(net::LinkIndex link, std::span<const std::uint8_t> header, Rope&& payload,
                         std::uint16_t segment_bytes) override;
  void undeliverable(const net::IcmpError& error, Instant now) override;
  void address_is_duplicate(net::LinkIndex link, const net::IpAddress& address) override;
  void not_ours(net::LinkIndex link, Slice frame) override;
  // tcp::RouteSource
  [[nodiscard]] std::optional<tcp::Route> route_to(const net::IpAddress& remote) const override;
  [[nodiscard]] bool is_home(const tcp::FlowKey& flow) const override;
  [[nodiscard]] std::optional<std::uint16_t> on_too_big(const net::IpAddress& remote, std::uint16_t mtu,
                                                        std::uint32_t packet_bytes, Instant now) override;
  [[nodiscard]] bool not_ours(tcp::Incoming& incoming) override;

  WorkerOptions options_;
  WorkerShared& shared_;
  BufferPool& buffers_;
  Application& application_;
  WorkerCounterBlocks counters_;
  SlicePool slices_;
  TimerWheel timers_;
  net::Host host_;
  net::PathMtus path_mtus_;
  tcp::Stack stack_;
  IdlePolicy idle_;
  std::uint32_t frames_per_check_;
  std::vector<Lane> lanes_;               ///< by link
  std::vector<KernelLane> kernel_lanes_;  ///< of links that have one; as many as there are from the start
  Capture* capture_ = nullptr;            ///< while one runs; the main thread's
  /// Of the burst that is worked on, empty in between: made once, since 32 of each cost as much as a packet.
  std::array<net::RxFrame, rx_burst_frames> frames_;
  std::array<tcp::Incoming, rx_burst_frames> segments_;
  net::Ingress ingress_;
  tcp::SegmentOut segment_;
  tcp::SegmentOut next_segment_;  ///< while it is open whether it joins the one before
  bool has_cutter_ = false;       ///< a port cuts segments

  Instant round_began_;
  std::uint32_t rounds_until_check_ = 0;
  std::uint32_t frames_until_check_ = 0;
  std::array<DuplicateAddress, duplicates_kept_max> duplicates_;  ///< entries do not change once they count
  std::atomic<std::uint32_t> duplicate_count_{0};
  bool found_work_ = false;  ///< in the last round
  bool draining_ = false;
  bool drained_ = false;
  bool running_ = true;
  std::atomic<std::int64_t> drain_deadline_ns_{Instant::never().ns};
  std::atomic<bool> ended_{false};
};

}  // namespace byway
