#include "benchmarks/tcp/staged_worker.h"

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "benchmarks/lib/ticks.h"
#include "dataplane/eal.h"
#include "dataplane/tx_frame.h"

namespace byway::benchmark {

/// What a worker consists of.
struct StagedWorker::Parts {
  Parts(StagedWorker& worker, const StagedOptions& options)
      : clock(timestamp_ticks_per_second()),
        timers(clock.now()),
        host({slices, *worker.buffers_}, timers, worker, net_counters.block, 1),
        stack({.sockets_max = options.sockets_max}, {slices, *worker.buffers_}, timers, worker,
              tcp_counters.block, clock.now()) {}

  TscClock clock;
  OwnCounters<net::Counter> net_counters;
  OwnCounters<tcp::CounterIndex> tcp_counters;
  SlicePool slices{65'536};
  TimerWheel timers;
  net::Host host;
  tcp::Stack stack;
  std::array<net::RxFrame, rx_burst_frames> frames;
  std::array<tcp::Incoming, rx_burst_frames> segments;
  net::Ingress ingress;
  tcp::Stack::Found found;
  tcp::SegmentOut segment{slices};
};

StagedWorker::StagedWorker(std::unique_ptr<BufferPool> buffers, std::unique_ptr<Port> port,
                           const StagedOptions& options, Application& application)
    : buffers_(std::move(buffers)),
      port_(std::move(port)),
      application_(application),
      parts_(std::make_unique<Parts>(*this, options)) {
  const Instant now = parts_->clock.now();
  const auto link = parts_->host.add_link({port_->info().mac, port_->info().mtu});
  BYWAY_ASSERT(link &&
               parts_->host.add_interface_address(*link, options.address, now) == net::AddressError::none);
}

StagedWorker::~StagedWorker() {
  parts_.reset();
  port_.reset();
}

std::expected<std::unique_ptr<StagedWorker>, std::string> StagedWorker::create(const StagedOptions& options,
                                                                               Application& application) {
  if (auto started =
          start_eal({.program = "staged", .worker_cpus = {options.cpu}, .memory_mib = options.memory_mib});
      !started) {
    return std::unexpected(started.error());
  }
  // Half of the memory is packet buffers, as byway-loadgen has it.
  const auto count =
      static_cast<std::uint32_t>(std::uint64_t{options.memory_mib} * (512 * 1024) / mbuf_bytes);
  auto buffers = BufferPool::create("staged", count);
  if (!buffers) return std::unexpected(buffers.error());
  rte_mempool* const pools[] = {buffers->raw()};
  auto port = Port::open({.name = "staged", .device = options.device}, pools);
  if (!port) return std::unexpected(port.error());
  return std::unique_ptr<StagedWorker>(new StagedWorker(std::make_unique<BufferPool>(std::move(*buffers)),
                                                        std::move(*port), options, application));
}

std::expected<void, std::string> StagedWorker::run(Shared& shared,
                                                   const std::function<std::uint64_t()>& operations) {
  shared_ = &shared;
  operations_ = &operations;
  ns_per_tick_ = measure_ns_per_tick();
  stamp_ticks_ = measure_stamp_ticks();
  if (auto started = port_->start(); !started) return started;
  const auto entry = [](void* worker) {
    static_cast<StagedWorker*>(worker)->loop();
    return 0;
  };
  if (!launch_worker(0, entry, this)) return std::unexpected("the worker does not start");
  shared.has_stages = true;
  shared.ready_count.fetch_add(1);
  while (!ended_.load()) {
    static_cast<void>(port_->retry_link());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  join_worker(0);
  return {};
}

void StagedWorker::loop() {
  Parts& p = *parts_;
  application_.on_start({0, p.stack, p.host, p.timers, {p.slices, *buffers_}}, p.clock.now());
  Phase seen = Phase::starting;
  while (seen != Phase::done) {
    const bool found_work = round(p.clock.now());
    if (found_work) {
      ++counts_.bursts;
      for (std::size_t i = 0; i < all_ticks_.size(); ++i) all_ticks_[i] += round_ticks_[i];
    }
    round_ticks_.fill(0);
    const Phase phase = shared_->phase.load(std::memory_order_relaxed);
    if (phase == seen) continue;
    sample(phase == Phase::measuring ? shared_->server_first : shared_->server_last);
    seen = phase;
  }
  while (!shared_->client_is_done.load(std::memory_order_relaxed)) static_cast<void>(round(p.clock.now()));
  p.stack.abort_all(p.clock.now());
  while (p.stack.deliver_events(p.clock.now())) {
  }
  application_.on_stop(p.clock.now());
  while (send(p.clock.now()) > 0) flush();
  rte_pktmbuf_free_bulk(backlog_.data(), waiting_);
  port_->leave(0);
  ended_.store(true);
}

void StagedWorker::mark(Stage stage) {
  const std::uint64_t now = ticks();
  const std::uint64_t passed = now - last_;
  round_ticks_[static_cast<std::size_t>(stage)] += passed - std::min(passed, stamp_ticks_);
  last_ = now;
}

bool StagedWorker::round(Instant now) {
  Parts& p = *parts_;
  if (!port_->enter(0)) return false;
  std::array<rte_mbuf*, rx_burst_frames> burst;
  last_ = ticks();
  const std::uint16_t count = port_->rx_burst(0, burst);
  mark(Stage::receive);
  if (count > 0) take({burst.data(), count}, now);
  static_cast<void>(application_.on_round(now));
  if (p.stack.has_work()) static_cast<void>(p.stack.deliver_events(now, sockets_per_round));
  mark(Stage::application);
  const std::uint32_t fired = p.timers.advance(now, timers_per_round);
  mark(Stage::timers);
  const std::uint32_t sent = send(now);
  flush();
  mark(Stage::transmit);
  counts_.frames_in += count;
  counts_.frames_out += sent;
  return count + fired + sent > 0;
}

void StagedWorker::take(std::span<rte_mbuf* const> frames, Instant now) {
  Parts& p = *parts_;
  for (rte_mbuf* frame : frames) rte_prefetch0(rte_pktmbuf_mtod(frame, void*));
  auto& views = p.frames;
  for (std::size_t i = 0; i < frames.size(); ++i) views[i].bytes = BufferPool::adopt(frames[i]);
  p.host.on_burst({views.data(), frames.size()}, now, p.ingress);
  mark(Stage::parse);
  auto& segments = p.segments;
  for (std::size_t i = 0; i < p.ingress.segment_count; ++i) {
    net::Packet& packet = p.ingress.segments[i];
    constexpr std::uint8_t ecn_mask = 3;
    segments[i] = {packet.source, packet.destination,
                   static_cast<std::uint8_t>(packet.traffic_class & ecn_mask), std::move(packet.payload)};
  }
  const std::span all(segments.data(), p.ingress.segment_count);
  p.stack.look_up(all, p.found);
  mark(Stage::look_up);
  p.stack.take_in(all, p.found, now);
  mark(Stage::tcp_in);
}

std::uint32_t StagedWorker::send(Instant now) {
  Parts& p = *parts_;
  std::uint32_t sent = 0;
  while (sent < segments_per_round && waiting_ <= backlog_.size() / 2 &&
         p.stack.next_segment(p.segment, now)) {
    mark(Stage::tcp_out);
    net::Outgoing packet;
    packet.source = p.segment.local;
    packet.destination = p.segment.remote;
    packet.traffic_class = p.segment.ecn;
    packet.header = p.segment.header_span();
    static_cast<void>(p.host.send(packet, std::move(p.segment.payload), now));
    mark(Stage::ip_out);
    ++sent;
  }
  mark(Stage::tcp_out);
  return sent;
}

void StagedWorker::flush() {
  if (waiting_ == 0) return;
  const std::uint16_t taken = port_->tx_burst(0, {backlog_.data(), waiting_});
  waiting_ -= taken;
  std::copy_n(backlog_.begin() + taken, waiting_, backlog_.begin());
}

bool StagedWorker::transmit(net::LinkIndex, std::span<const std::uint8_t> header, Rope&& payload) {
  rte_mbuf* frame = build_tx_frame(*buffers_, header, payload, port_->info().offloads.tx_chains);
  payload.clear();
  if (frame == nullptr) return false;
  if (waiting_ == backlog_.size()) flush();
  if (waiting_ == backlog_.size()) {
    rte_pktmbuf_free(frame);
    return false;
  }
  backlog_[waiting_++] = frame;
  return true;
}

std::optional<tcp::Route> StagedWorker::route_to(const net::IpAddress& remote) const {
  const auto path = parts_->host.path(remote);
  if (!path) return std::nullopt;
  return tcp::Route{path->source, path->mtu, path->mtu};
}

void StagedWorker::sample(SideCounts& out) {
  out = counts_;
  out.at_ns = steady_ns();
  out.operations = (*operations_)();
  double all = 0;
  for (std::size_t i = 0; i < all_ticks_.size(); ++i) {
    out.stage_ns[i] = static_cast<double>(all_ticks_[i]) * ns_per_tick_;
    all += out.stage_ns[i];
  }
  out.busy_ns = static_cast<std::uint64_t>(all);
}

}  // namespace byway::benchmark
