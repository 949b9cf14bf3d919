#include "tests/sim/gateway.h"

#include <algorithm>
#include <cstdio>

namespace byway::sim {

namespace {

constexpr std::uint32_t slots_count = 64;

l7::ProxyOptions options_of(const GatewayPlan& plan, const std::vector<net::IpAddress>& addresses) {
  l7::ProxyOptions options = plan.options;
  options.node_addresses = addresses;
  return options;
}

}  // namespace

Gateway::Gateway(Host& host, const GatewayPlan& plan)
    : host_(host),
      addresses_{host.address()},
      slots_(std::move(*shm::SlotRegion::create(slots_count))),
      stats_(std::move(*shm::EndpointStatsRegion::create(1, slots_count))),
      policy_(plan.policy),
      proxy_(std::make_unique<l7::Proxy>(l7::ProxySeams{.connector = host.stack,
                                                        .timers = host.wheel,
                                                        .memory = {host.slices, host.heap},
                                                        .telemetry = cells_.telemetry,
                                                        .slots = slots_.table(),
                                                        .endpoint_stats = stats_.table(0)},
                                         options_of(plan, addresses_))) {
  change_endpoints(plan.backends);
  host.on_time = [this](Instant now) { on_time(now); };
  for (const shm::ListenerSpec& listener : plan.policy.listeners) {
    BYWAY_ASSERT(host.stack.listen({net::IpAddress{}, listener.tcp_port}, *proxy_));
  }
}

Gateway::~Gateway() {
  proxy_->abort_all();
  host_.on_time = nullptr;
}

void Gateway::on_time(Instant now) {
  proxy_->set_now(now);
  const std::uint64_t waits = count(l7::Counter::memory_waits);
  waits_max_ = std::max(waits_max_, waits - waits_before_);
  constexpr std::int64_t second_ns = 1'000'000'000;
  if (now.ns / second_ns == second_) return;
  second_ = now.ns / second_ns;
  waits_before_ = waits;
}

void Gateway::change_endpoints(const std::vector<shm::BackendSpec>& backends) {
  proxy_->use_set(sets_.emplace_back(policy_, backends, sets_.size() + 1, slots_).live());
}

std::string Gateway::leftovers() const {
  if (proxy_->downstream_count() != 0) return "connections of clients";
  if (proxy_->exchange_count() != 0) return "exchanges";
  if (proxy_->upstream_count() != 0) return "connections to endpoints";
  for (const l7::Counter gauge : {l7::Counter::exchanges_active, l7::Counter::downstream_open,
                                  l7::Counter::upstream_open, l7::Counter::upstream_idle}) {
    if (count(gauge) != 0) return "a gauge that does not stand at 0";
  }
  for (const test::TestSet& set : sets_) {
    for (const shm::SlotHandle slot : set.live()->slots) {
      if (slots_.table().in_flight(slot) != 0) return "requests in flight of an endpoint's slot";
    }
  }
  std::uint64_t records = 0;
  for (int i = 0; i < static_cast<int>(l7::ResponseFlag::count_); ++i) {
    records += count(l7::counter_of(static_cast<l7::ResponseFlag>(i)));
  }
  if (records < count(l7::Counter::requests)) return "requests without a record";
  return {};
}

void Gateway::print_state() const {
  std::printf("gateway: connections of clients %u, exchanges %u, connections to endpoints %u\n",
              proxy_->downstream_count(), proxy_->exchange_count(), proxy_->upstream_count());
#define BYWAY_COUNTER(name, kind, help)                                        \
  if (const auto value = count(l7::Counter::name); value != 0) {               \
    std::printf("  %s %llu\n", #name, static_cast<unsigned long long>(value)); \
  }
#define BYWAY_HISTOGRAM(name, help)
#include "l7/counters.def"
#undef BYWAY_HISTOGRAM
#undef BYWAY_COUNTER
}

}  // namespace byway::sim
