#include "dataplane/worker.h"

#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_prefetch.h>
#include <sys/prctl.h>

#include <algorithm>
#include <ctime>

#include "dataplane/net/cursor.h"

namespace byway {

namespace {

/// Where a TCP header has its sequence number (RFC 9293 3.1).
constexpr std::size_t sequence_offset = 4;

bool is_hard(net::ErrorKind kind) {
  switch (kind) {
    case net::ErrorKind::host_unreachable:
    case net::ErrorKind::protocol_unreachable:
    case net::ErrorKind::port_unreachable:
    case net::ErrorKind::prohibited:
      return true;
    case net::ErrorKind::net_unreachable:
    case net::ErrorKind::packet_too_big:
      break;
  }
  return false;
}

/// For a table that outsiders must not be able to aim at: of the stack's secret, and another one than its own
/// keys, which are hashes of it.
std::uint64_t key_of(const std::array<std::uint8_t, 16>& secret) {
  return tcp::SipHash(secret)(std::span<const std::uint8_t>(secret));
}

}  // namespace

Worker::Worker(const WorkerOptions& options, WorkerShared& shared, BufferPool& buffers,
               Application& application, WorkerCounterBlocks counters)
    : options_(options),
      shared_(shared),
      buffers_(buffers),
      application_(application),
      counters_(counters),
      slices_(options.slices),
      timers_(shared.clock.now()),
      host_({slices_, buffers}, timers_, *this, counters.net, key_of(options.stack.secret)),
      path_mtus_(counters.net, key_of(options.stack.secret)),
      stack_(options.stack, {slices_, buffers}, timers_, *this, counters.tcp, shared.clock.now()),
      idle_(options.poll),
      frames_per_check_(std::min(frames_per_check_max, buffers.capacity() / tcp::supply_floor_parts)),
      lanes_(shared.links.size()),
      segment_(slices_),
      next_segment_(slices_),
      round_began_(shared.clock.now()) {
  configure();
}

Worker::~Worker() = default;

void Worker::configure_lane(Lane& lane, Port& port) const {
  lane.port = &port;
  lane.polls = options_.index < port.info().queue_pairs;
  lane.queue = static_cast<std::uint16_t>(options_.index);
  lane.owner = options_.index % port.info().queue_pairs;
}

void Worker::configure() {
  const Instant now = shared_.clock.now();
  kernel_lanes_.reserve(lanes_.size());
  host_.set_announcing(options_.index == 0);
  host_.set_duplicate_detection(options_.detects_duplicates);
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const LinkSetup& link = shared_.links[i];
    Lane& lane = lanes_[i];
    while (shared_.links[lane.device].port != link.port) ++lane.device;
    lane.vlan = link.vlan;
    if (link.vlan != net::vlan_none) lanes_[lane.device].has_tags = true;
    configure_lane(lane, *link.port);
    lane.polls = lane.polls && lane.device == i;
    const Offloads& offloads = link.port->info().offloads;
    has_cutter_ = has_cutter_ || offloads.has_tso();
    const std::uint16_t mtu = link.mtu != 0 ? link.mtu : link.port->info().mtu;
    const auto index =
        host_.add_link({link.port->info().mac, mtu, offloads.tx_ip_checksum, offloads.tx_tcp_checksum});
    BYWAY_ASSERT(index && *index == i);  // the configuration's reader checks all of this
    if (link.kernel != nullptr) {
      lane.kernel = &kernel_lanes_.emplace_back();
      lane.kernel->link = *index;
      configure_lane(lane.kernel->lane, *link.kernel);
      host_.share_link(*index);
    }
    for (const net::Prefix& address : link.addresses) {
      const net::AddressError error = host_.add_interface_address(*index, address, now);
      BYWAY_ASSERT(error == net::AddressError::none);
    }
  }
  for (const StaticRoute& route : shared_.routes) {
    const net::RouteError error = host_.add_route(route.destination, route.gateway, route.link);
    BYWAY_ASSERT(error == net::RouteError::none);
  }
}

// ---- the loop --------------------------------------------------------------------------------------------

void Worker::run() {
  prctl(PR_SET_TIMERSLACK, 1);  // else each sleep takes 50 us longer
  round_began_ = shared_.clock.now();
  application_.on_start({options_.index, stack_, host_, timers_, {slices_, buffers_}}, round_began_);

  while (running_) {
    const Instant now = shared_.clock.now();
    begin_round(now);
    std::uint32_t work = poll_ports(now);
    if (!kernel_lanes_.empty()) work += poll_kernel();
    work += take_mail(now);
    work += application_.on_round(now) ? 1 : 0;
    work += deliver_events(now);
    work += timers_.advance(now, timers_per_round);
    work += flush_connections(now);
    flush_ports();
    if (!kernel_lanes_.empty()) flush_kernel();
    if (rounds_until_check_-- == 0 || frames_until_check_ == 0) check_memory(now);
    check_drain(now);
    wait(work != 0, now);
  }

  end(shared_.clock.now());
}

/// Accounts for the last round and what was waited after it. Busy is the time from a poll that found work to
/// the next poll that finds none.
void Worker::begin_round(Instant now) {
  const auto passed = static_cast<std::uint64_t>((now - round_began_).count());
  counters_.worker.add(WorkerCounter::rounds);
  counters_.worker.add(WorkerCounter::total_ns, passed);
  if (found_work_) counters_.worker.add(WorkerCounter::busy_ns, passed);
  round_began_ = now;
}

std::uint32_t Worker::poll_ports(Instant now) {
  std::uint32_t frames = 0;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = lanes_[i];
    if (!lane.polls) continue;
    lane.is_open = lane.port->enter(lane.queue);
    if (!lane.is_open) continue;
    std::array<rte_mbuf*, rx_burst_frames> burst;
    const std::uint16_t count = lane.port->rx_burst(lane.queue, burst);
    if (count == 0) continue;
    frames += count;
    if (capture_ != nullptr) [[unlikely]]
      show({burst.data(), count}, i, false);
    receive({burst.data(), count}, i, now);
  }
  return frames;
}

void Worker::receive(std::span<rte_mbuf* const> frames, std::size_t device, Instant now) {
  std::size_t count = 0;
  for (rte_mbuf* frame : frames) rte_prefetch0(rte_pktmbuf_mtod(frame, void*));
  for (rte_mbuf* frame : frames) {
    if (frame->nb_segs > 1 && rte_pktmbuf_linearize(frame) != 0) {
      counters_.worker.add(WorkerCounter::rx_multi_segment);
      rte_pktmbuf_free(frame);
      continue;
    }
    auto link = static_cast<net::LinkIndex>(device);
    if (lanes_[device].has_tags) {
      const auto found = take_tag(frame, device);
      if (!found) continue;
      link = *found;
    }
    if (shared_.steering.worker_count() > 1 && steer(frame, link)) continue;
    net::RxFrame& view = frames_[count++];
    const RxChecksums checksums = checksums_of(frame);
    view.ip_checksum_verified = checksums.ip_is_verified;
    view.transport_checksum_verified = checksums.transport_is_verified;
    view.link = link;
    view.observe_only = false;
    view.bytes = BufferPool::adopt(frame);
  }
  hand_up({frames_.data(), count}, now);
}

void Worker::hand_up(std::span<net::RxFrame> frames, Instant now) {
  if (frames.empty()) return;
  frames_until_check_ -= std::min(frames_until_check_, static_cast<std::uint32_t>(frames.size()));
  host_.on_burst(frames, now, ingress_);
  for (std::size_t i = 0; i < ingress_.segment_count; ++i) {
    net::Packet& packet = ingress_.segments[i];
    constexpr std::uint8_t ecn_mask = 3;
    segments_[i] = {packet.source, packet.destination,
                    static_cast<std::uint8_t>(packet.traffic_class & ecn_mask), std::move(packet.payload)};
  }
  stack_.on_burst({segments_.data(), ingress_.segment_count}, now);
  for (const net::IcmpError& error : std::span(ingress_.errors).first(ingress_.error_count)) {
    undeliverable(error, now);
  }
  if (ingress_.whole_count > 0) [[unlikely]]
    take_reassembled(now);
}

/// Also net::FrameSink: a next hop that does not answer.
void Worker::undeliverable(const net::IcmpError& error, Instant now) {
  if (error.protocol != static_cast<std::uint8_t>(net::Protocol::tcp)) return;
  const std::uint8_t* tcp = error.transport.data();  // two TCP ports and the sequence number
  const tcp::FlowKey flow{error.source, error.destination, net::load_be16(tcp), net::load_be16(tcp + 2)};
  const bool is_too_big = error.kind == net::ErrorKind::packet_too_big;
  stack_.on_delivery_error(
      {flow, tcp::Seq{net::load_be32(tcp + 4)}, is_hard(error.kind), is_too_big, error.mtu}, now);
}

void Worker::address_is_duplicate(net::LinkIndex link, const net::IpAddress& address) {
  const std::uint32_t count = duplicate_count_.load(std::memory_order_relaxed);
  if (count == duplicates_.size()) return;
  duplicates_[count] = {link, address};
  duplicate_count_.store(count + 1, std::memory_order_release);
}

std::uint32_t Worker::deliver_events(Instant now) {
  if (!stack_.has_work()) return 0;
  static_cast<void>(stack_.deliver_events(now, sockets_per_round));
  return 1;
}

std::uint32_t Worker::flush_connections(Instant now) {
  if (has_cutter_) return flush_joined(now);
  std::uint32_t sent = 0;
  std::uint32_t room = 0;  // looked for anew when it is used up: each segment is a frame at most
  while (sent < segments_per_round) {
    if (room == 0) room = room_to_send();
    if (room == 0 || !stack_.next_segment(segment_, now)) break;
    send_segment(segment_, 0, now);
    --room;
    ++sent;
  }
  return sent;
}

void Worker::send_segment(tcp::SegmentOut& segment, std::uint16_t part_bytes, Instant now) {
  net::Outgoing packet;
  packet.source = segment.local;
  packet.destination = segment.remote;
  packet.traffic_class = segment.ecn;
  packet.header = segment.header_span();
  packet.segment_bytes = part_bytes;
  if (host_.send(packet, std::move(segment.payload), now) == net::SendResult::unreachable) {
    const tcp::Seq seq{net::load_be32(&segment.header[sequence_offset])};
    stack_.on_delivery_error({segment.flow(), seq, true}, now);
  }
}

// ---- capture ---------------------------------------------------------------------------------------------

void Worker::set_capture(Capture* capture) {
  capture_ = capture;
  for (Lane& lane : lanes_) lane.shown = 0;
}

/// Frames as they come from a port, or as they are given to one for the first time. Not inlined: the loop
/// keeps nothing of it but the branch.
[[gnu::noinline]] void Worker::show(std::span<rte_mbuf* const> frames, std::size_t device, bool are_sent) {
  const Instant now = shared_.clock.now();  // a round may be 100 us old
  for (const rte_mbuf* frame : frames) {
    auto index = static_cast<net::LinkIndex>(device);  // also of frames whose VLAN nobody has
    if (lanes_[device].has_tags) index = link_of(frame, device).value_or(index);
    if (!capture_->wants(index, are_sent)) continue;
    const std::uint32_t bytes = rte_pktmbuf_pkt_len(frame);
    const std::span<std::byte> scratch = capture_->scratch();
    const auto wanted = std::min(bytes, static_cast<std::uint32_t>(scratch.size()));
    const void* const start = rte_pktmbuf_read(frame, 0, wanted, scratch.data());
    if (start == nullptr) continue;  // only a frame that is shorter than it says
    const CapturedFrame captured{now, bytes, index, are_sent, {static_cast<const std::byte*>(start), wanted}};
    switch (capture_->take(captured)) {
      case CaptureOutcome::passed_over:
        break;
      case CaptureOutcome::kept:
        counters_.worker.add(WorkerCounter::capture_frames);
        break;
      case CaptureOutcome::dropped:
        counters_.worker.add(WorkerCounter::capture_dropped);
        break;
    }
  }
}

// ---- other workers, the main thread ----------------------------------------------------------------------

std::uint32_t Worker::take_mail(Instant now) {
  Mailbox& mailbox = *shared_.mailboxes[options_.index];
  std::uint32_t work = 0;
  if (shared_.steering.worker_count() > 1) {
    for (std::uint32_t taken = 0; taken < messages_per_round;) {
      std::array<rte_mbuf*, rx_burst_frames> mail;
      const std::uint32_t count = mailbox.pop(mail);
      if (count == 0) break;
      std::size_t received = 0;
      for (std::uint32_t i = 0; i < count; ++i) {
        const Errand errand = Mailbox::errand_of(mail[i]);
        const net::LinkIndex link = Mailbox::link_of(mail[i]);
        if (errand == Errand::send) {
          static_cast<void>(enqueue(lanes_[lanes_[link].device], mail[i]));
          continue;
        }
        if (errand == Errand::kernel) {
          queue_for_kernel(*lanes_[link].kernel, mail[i]);
          continue;
        }
        net::RxFrame& frame = frames_[received++];
        frame.link = link;
        frame.observe_only = errand == Errand::observe;
        const RxChecksums checksums = checksums_of(mail[i]);
        frame.ip_checksum_verified = checksums.ip_is_verified;
        frame.transport_checksum_verified = checksums.transport_is_verified;
        frame.bytes = BufferPool::adopt(mail[i]);
      }
      hand_up({frames_.data(), received}, now);
      counters_.worker.add(WorkerCounter::steered_in, count);
      taken += count;
      work += count;
    }
  }
  if (mailbox.step_command()) {
    counters_.worker.add(WorkerCounter::commands);
    ++work;
  }
  return work;
}

std::optional<tcp::Route> Worker::route_to(const net::IpAddress& remote) const {
  const auto path = host_.path(remote);
  if (!path) return std::nullopt;
  return tcp::Route{path->source, path->mtu, path_mtus_.find(remote, path->mtu, round_began_),
                    lanes_[path->link].kernel != nullptr};
}

std::optional<std::uint16_t> Worker::on_too_big(const net::IpAddress& remote, std::uint16_t mtu,
                                                std::uint32_t packet_bytes, Instant now) {
  const auto path = host_.path(remote);
  if (!path) return std::nullopt;
  return path_mtus_.on_too_big(remote, mtu, packet_bytes, path->mtu, now);
}

bool Worker::is_home(const tcp::FlowKey& flow) const {
  if (shared_.steering.worker_count() == 1) return true;
  const auto link = host_.link_towards(flow.remote);
  return link && shared_.steering.owner_of(flow, *link) == options_.index;
}

// ---- housekeeping ----------------------------------------------------------------------------------------

/// In the pool that has the fewest: a frame that was steered here stays in a buffer of the worker that polls
/// its port, so that the connections of all can empty the pool of one.
std::uint32_t Worker::free_in_all_pools(std::uint32_t own) const {
  shared_.pools[options_.index].free.store(own, std::memory_order_relaxed);
  std::uint32_t least = own;
  for (std::uint32_t i = 0; i < shared_.steering.worker_count(); ++i) {
    least = std::min(least, shared_.pools[i].free.load(std::memory_order_relaxed));
  }
  return least;
}

void Worker::check_memory(Instant now) {
  rounds_until_check_ = rounds_per_check - 1;
  frames_until_check_ = frames_per_check_;
  const std::uint32_t free = buffers_.available();
  stack_.set_buffers(free_in_all_pools(free), buffers_.capacity());
  if (stack_.relieve(now)) rounds_until_check_ = rounds_per_relief - 1;
  counters_.worker.set(WorkerCounter::mbufs_free, free);
  counters_.worker.set(WorkerCounter::mbufs_total, buffers_.capacity());
  counters_.worker.set(WorkerCounter::slices_used, slices_.in_use());
  counters_.worker.set(WorkerCounter::timers_armed, timers_.armed_count());
  counters_.worker.set(WorkerCounter::memory_pressure, static_cast<std::uint64_t>(stack_.pressure()));
}

void Worker::check_drain(Instant now) {
  const Instant deadline{drain_deadline_ns_.load(std::memory_order_acquire)};
  if (deadline.is_never()) return;
  if (!draining_) {
    draining_ = true;
    stack_.drain();
    application_.on_drain(now);
  }
  if (!drained_ && application_.is_drained() && stack_.connection_count() == 0) {
    drained_ = true;
    shared_.drained_count.fetch_add(1, std::memory_order_relaxed);
  }
  const bool all_drained =
      shared_.drained_count.load(std::memory_order_relaxed) == shared_.steering.worker_count();
  if (now >= deadline || all_drained) running_ = false;
}

void Worker::wait(bool found_work, Instant now) {
  found_work_ = found_work;
  const IdlePolicy::Wait wait = idle_.after_round(found_work, now, [this] { return timers_.next_due(); });
  if (wait.pause) {
    rte_pause();
    return;
  }
  if (wait.sleep.count() == 0) return;
  const timespec time{0, wait.sleep.count()};
  nanosleep(&time, nullptr);
  const auto slept = static_cast<std::uint64_t>((shared_.clock.now() - now).count());
  const auto wanted = static_cast<std::uint64_t>(wait.sleep.count());
  counters_.worker.add(WorkerCounter::sleeps);
  counters_.worker.add(WorkerCounter::sleep_ns, slept);
  counters_.worker.add(WorkerCounter::oversleep_ns, slept > wanted ? slept - wanted : 0);
}

/// Resets what is left, tells its users, sends the resets, and gives everything back.
void Worker::end(Instant now) {
  stack_.abort_all(now);
  while (stack_.deliver_events(now, sockets_per_round)) {
  }
  application_.on_stop(now);
  while (flush_connections(now) > 0) flush_ports();
  flush_ports();
  for (Lane& lane : lanes_) {
    rte_pktmbuf_free_bulk(lane.backlog.data(), lane.waiting);
    lane.waiting = 0;
    if (lane.polls) lane.port->leave(lane.queue);
  }
  end_kernel();
  check_memory(now);
  ended_.store(true, std::memory_order_release);
}

}  // namespace byway
