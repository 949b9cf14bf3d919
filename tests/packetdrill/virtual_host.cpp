#include "tests/packetdrill/virtual_host.h"

#include <algorithm>

#include "tests/packetdrill/raw_packet.h"

namespace byway::packetdrill {

namespace {

/// Not 0, since nothing may depend on the clock's start.
constexpr Instant start{1'000'000'000'000};
constexpr std::uint32_t slices_max = 65'536;
constexpr std::uint32_t timers_per_round = 1024;
/// How long, in real time, time stands still for a thread that has come back from a blocking call and asks
/// nothing: a caller that asks does so within microseconds.
constexpr auto patience = std::chrono::milliseconds(20);

}  // namespace

VirtualHost::VirtualHost(const HostOptions& wanted)
    : options_(wanted),
      slices_(slices_max),
      now_(start),
      local_v4_(wanted.local_v4),
      local_v6_(wanted.local_v6),
      wheel_(start),
      stack_(wanted.stack, Memory{slices_, heap_}, wheel_, *this, counters_.block, start),
      segment_(slices_) {}

std::optional<tcp::Route> VirtualHost::route_to(const net::IpAddress& remote) const {
  return tcp::Route{remote.is_v4() ? local_v4_ : local_v6_, options_.mtu, options_.mtu};
}

void VirtualHost::set_local(const net::IpAddress& address) {
  (address.is_v4() ? local_v4_ : local_v6_) = address;
}

// ---- The wire --------------------------------------------------------------------------------------------

void VirtualHost::on_packet(std::span<const std::uint8_t> packet) {
  if (const auto error = read_error(packet)) {
    stack_.on_delivery_error(*error, now_);
    return;
  }
  const auto segment = read_packet(packet);
  if (!segment) return;
  stack_.on_segment(segment->source, segment->target, segment->ecn, heap_.copy(segment->tcp), now_);
}

void VirtualHost::flush() {
  while (stack_.next_segment(segment_, now_)) {
    const auto header = segment_.header_span();
    std::vector<std::uint8_t> tcp(header.begin(), header.end());
    tcp.resize(header.size() + segment_.payload.size());
    segment_.payload.copy_to(0, std::span(tcp).subspan(header.size()));
    segment_.payload.clear();
    departures_.push_back({now_, make_packet(segment_.local, segment_.remote, segment_.ecn, tcp)});
  }
}

bool VirtualHost::next_departure(Lock& lock, Departure& out) {
  while (departures_.empty()) {
    const Instant next = next_event();
    if (next.is_never() || ending_) return false;
    advance_to(lock, next);
  }
  out = std::move(departures_.front());
  departures_.pop_front();
  return true;
}

// ---- Time ------------------------------------------------------------------------------------------------

void VirtualHost::sleep(Lock& lock, Nanoseconds time) {
  const Instant until = now_ + time;
  while (next_event() <= until) advance_to(lock, next_event());
  advance_to(lock, until);
}

Instant VirtualHost::next_event() const {
  Instant next = wheel_.next_due();
  for (const Waiter* waiter : waiters_) next = std::min(next, waiter->deadline);
  return next;
}

void VirtualHost::advance_to(Lock& lock, Instant when) {
  if (!changed_.wait_for(lock, patience, [this] { return returned_.empty(); })) returned_.clear();
  now_ = std::max(now_, when);
  while (wheel_.advance(now_, timers_per_round) == timers_per_round) {
  }
  settle(lock);
}

void VirtualHost::append_copy(std::span<const std::uint8_t> data, Rope& rope) {
  while (!data.empty()) {
    const auto piece = data.first(std::min<std::size_t>(data.size(), heap_.buffer_bytes_max()));
    if (!rope.append(heap_.copy(piece))) return;  // no chain nodes: what fits was appended
    data = data.subspan(piece.size());
  }
}

// ---- Calls -----------------------------------------------------------------------------------------------

void VirtualHost::enter() {
  if (returned_.erase(std::this_thread::get_id()) != 0) changed_.notify_all();
}

void VirtualHost::settle(Lock& lock) {
  do {
    do {
      stack_.deliver_events(now_);
      flush();
    } while (stack_.has_work());
    if (wake_waiters()) changed_.notify_all();
    changed_.wait(lock, [this] { return woken_ == 0; });
  } while (stack_.has_work());
}

/// True: some are to go on.
bool VirtualHost::wake_waiters() {
  for (Waiter* waiter : waiters_) {
    if (waiter->is_woken || (!ending_ && waiter->deadline > now_ && !waiter->ready())) continue;
    waiter->is_woken = true;
    ++woken_;
  }
  return woken_ > 0;
}

bool VirtualHost::wait(Lock& lock, Instant deadline, const std::function<bool()>& ready) {
  settle(lock);
  if (ready()) return true;
  if (deadline <= now_ || ending_) return false;
  returned_.erase(std::this_thread::get_id());
  Waiter waiter{deadline, ready};
  waiters_.push_back(&waiter);
  changed_.wait(lock, [&] { return waiter.is_woken; });
  std::erase(waiters_, &waiter);
  --woken_;
  returned_.insert(std::this_thread::get_id());
  changed_.notify_all();
  return ready();
}

void VirtualHost::end(Lock& lock) {
  ending_ = true;
  if (wake_waiters()) changed_.notify_all();
  changed_.wait(lock, [this] { return waiters_.empty(); });
}

}  // namespace byway::packetdrill
