#include "tools/dataplane/proxy_application.h"

#include <algorithm>

namespace byway::tools {

namespace {

/// The share of packet buffers for long heads that are incomplete: 68 of the longest, or 1,024 of 4 KiB, with
/// the default of 16,384; too little to make memory short for the others.
constexpr std::uint32_t held_heads_parts = 8;

/// Calls `gone(x)` for what only `before` has and `come(x)` for what only `after` has; both are sorted.
template <typename T, typename Gone, typename Come>
void compare_sorted(std::span<const T> before, std::span<const T> after, Gone&& gone, Come&& come) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < before.size() || j < after.size()) {
    if (j == after.size() || (i < before.size() && before[i] < after[j])) {
      gone(before[i++]);
    } else if (i == before.size() || after[j] < before[i]) {
      come(after[j++]);
    } else {
      ++i;
      ++j;
    }
  }
}

}  // namespace

ProxyApplication::ProxyApplication(const ProxyApplicationOptions& options, shm::DataPlaneRegions& regions,
                                   const shm::Publication& publication, l7::Telemetry telemetry)
    : options_(options),
      slots_(regions.slots.table()),
      endpoint_stats_(regions.endpoint_stats.table(options.worker)),
      telemetry_(telemetry),
      policy_(publication, options.worker) {
  // Sized for what a plan may hold, so that taking one up allocates nothing.
  listening_.reserve(listen_sockets_max);
  addresses_.reserve(virtual_addresses_max);
  retired_.reserve(virtual_addresses_max);
}

void ProxyApplication::on_start(const WorkerServices& services, Instant now) {
  stack_ = &services.stack;
  host_ = &services.host;
  l7::ProxyOptions proxy_options;
  proxy_options.downstream_max = options_.connections_max;
  proxy_options.exchanges_max = options_.connections_max;
  proxy_options.upstream_max = options_.connections_max;
  proxy_options.held_head_buffers_max = options_.buffers / held_heads_parts;
  proxy_options.node_addresses = options_.node_addresses;
  proxy_options.random_seed = options_.random_seed;
  proxy_ =
      std::make_unique<l7::Proxy>(l7::ProxySeams{services.stack, services.timers, services.memory, telemetry_,
                                                 slots_, endpoint_stats_, options_.wall_seconds},
                                  proxy_options);
  proxy_->set_now(now);
  static_cast<void>(policy_.refresh(static_cast<std::uint64_t>(now.ns)));
  take_up(policy_.current(), now);
}

bool ProxyApplication::on_round(Instant now) {
  proxy_->set_now(now);
  if (!retired_.empty()) drop_retired(now);
  const bool drained_some = proxy_->step_drains();
  if (!policy_.refresh(static_cast<std::uint64_t>(now.ns))) [[likely]]
    return drained_some;
  take_up(policy_.current(), now);
  return true;
}

void ProxyApplication::take_up(const shm::LiveSet* set, Instant now) {
  proxy_->use_set(set);
  if (set == nullptr || draining_) return;
  const auto& plan = static_cast<const ListenPlan&>(*set->attachment);
  change_listeners(plan.sockets, now);
  change_addresses(plan.virtual_addresses, now);
}

void ProxyApplication::change_addresses(std::span<const net::IpAddress> wanted, Instant now) {
  compare_sorted<net::IpAddress>(
      addresses_, wanted,
      [&](const net::IpAddress& gone) {
        // Nobody is connected to one that another station has; when it comes again, it is looked for again.
        if (!host_->owns(gone)) return host_->remove_address(gone);
        retired_.push_back({gone, now + drain_longest_ + address_retirement});
      },
      [&](const net::IpAddress& come) {
        // One that comes back while it retires is ours still. Any other reason not to have it was ruled out
        // by the plan, or is that the table is full, which leaves this address unreachable and counts nothing
        // else.
        const auto erased =
            std::erase_if(retired_, [&](const Retired& retired) { return retired.address == come; });
        if (erased == 0) static_cast<void>(host_->add_address(come, now));
      });
  addresses_.assign(wanted.begin(), wanted.end());
}

void ProxyApplication::change_listeners(std::span<const ListenSocket> wanted, Instant now) {
  drain_longest_ = Nanoseconds::zero();
  compare_sorted<ListenSocket>(
      listening_, wanted,
      [&](const ListenSocket& gone) {
        stack_->unlisten(gone.local);
        proxy_->drain_listener(gone.local, now + gone.drain);
        drain_longest_ = std::max(drain_longest_, gone.drain);
      },
      [&](const ListenSocket& come) {
        proxy_->keep_listener(come.local);
        static_cast<void>(stack_->listen(come.local, *proxy_));
      });
  listening_.assign(wanted.begin(), wanted.end());
}

void ProxyApplication::drop_retired(Instant now) {
  std::erase_if(retired_, [&](const Retired& retired) {
    if (now < retired.until) return false;
    host_->remove_address(retired.address);
    return true;
  });
}

void ProxyApplication::on_drain(Instant) {
  draining_ = true;
  for (const ListenSocket& socket : listening_) stack_->unlisten(socket.local);
  listening_.clear();
  proxy_->drain();
}

bool ProxyApplication::is_drained() const {
  return proxy_->is_idle();
}

void ProxyApplication::on_stop(Instant now) {
  proxy_->set_now(now);
  proxy_->abort_all();
  proxy_.reset();
  policy_.leave();
}

}  // namespace byway::tools
