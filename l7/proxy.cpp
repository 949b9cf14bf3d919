#include "l7/proxy.h"

namespace byway::l7 {

Proxy::Proxy(const ProxySeams& seams, const ProxyOptions& options)
    : context_{.connector = seams.connector,
               .timers = seams.timers,
               .memory = seams.memory,
               .telemetry = seams.telemetry,
               .slots = seams.slots,
               .endpoint_stats = seams.endpoint_stats,
               .records = options.records,
               .node_addresses = options.node_addresses,
               .random = Random(options.random_seed),
               .wall_seconds = seams.wall_seconds,
               .held_heads = {.buffers_max = options.held_head_buffers_max},
               .pool = upstream::Pool(options.upstream_max),
               .balancer = upstream::Balancer(seams.slots)},
      downstreams_(options.downstream_max),
      upstreams_(options.upstream_max),
      exchanges_(options.exchanges_max),
      listener_drain_(context_, downstreams_) {
  context_.downstreams = &downstreams_;
  context_.upstreams = &upstreams_;
  context_.exchanges = &exchanges_;
}

Proxy::~Proxy() {
  close_idle_upstreams();
  BYWAY_ASSERT(downstreams_.in_use() == 0 && upstreams_.in_use() == 0 && exchanges_.in_use() == 0);
}

void Proxy::on_accept(Stream& stream) {
  if (context_.is_draining) {
    context_.telemetry.count(Counter::downstream_refused_draining);
    return stream.abort();
  }
  if (downstreams_.acquire(context_, stream) == nullptr) {
    context_.telemetry.count(Counter::downstream_refused_full);
    return stream.abort();
  }
  context_.telemetry.count(Counter::downstream_accepted);
}

void Proxy::drain() {
  context_.is_draining = true;
  static_cast<void>(
      downstreams_.visit_some(0, downstreams_.capacity(), [](http1::ServerCodec& codec) { codec.drain(); }));
  close_idle_upstreams();
}

void Proxy::abort_all() {
  context_.is_draining = true;
  static_cast<void>(
      downstreams_.visit_some(0, downstreams_.capacity(), [](http1::ServerCodec& codec) { codec.abort(); }));
  close_idle_upstreams();
}

void Proxy::close_idle_upstreams() {
  while (upstream::IdleLinks* oldest = context_.pool.oldest()) {
    static_cast<http1::ClientCodec*>(oldest)->close_idle(Counter::upstream_idle_evicted);
  }
}

}  // namespace byway::l7
