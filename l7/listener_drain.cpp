#include "l7/listener_drain.h"

#include <algorithm>

namespace byway::l7 {

ListenerDrain::ListenerDrain(WorkerContext& context, Slab<http1::ServerCodec>& downstreams)
    : context_(context), downstreams_(downstreams) {
  draining_.reserve(draining_sockets_max);
}

std::vector<ListenerDrain::Draining>::iterator ListenerDrain::place_of(const net::SocketAddress& local) {
  return std::ranges::lower_bound(draining_, local, {}, &Draining::local);
}

void ListenerDrain::begin(const net::SocketAddress& local, Instant deadline) {
  const auto place = place_of(local);
  if (place != draining_.end() && place->local == local) {
    place->deadline = deadline;
  } else if (draining_.size() == draining_sockets_max) {
    context_.telemetry.count(Counter::listener_drains_full);
    return;
  } else {
    draining_.insert(place, {local, deadline});
  }
  next_sweep_ = context_.now;
}

void ListenerDrain::cancel(const net::SocketAddress& local) {
  const auto place = place_of(local);
  if (place != draining_.end() && place->local == local) draining_.erase(place);
}

bool ListenerDrain::sweep() {
  if (!is_sweeping_) {
    if (context_.now < next_sweep_) return false;
    is_sweeping_ = true;
    sweep_began_ = context_.now;
    next_sweep_ = Instant::never();
    cursor_ = 0;
  }
  cursor_ = downstreams_.visit_some(cursor_, drain_places_per_round,
                                    [this](http1::ServerCodec& codec) { visit(codec); });
  if (cursor_ == downstreams_.capacity()) end_sweep();
  return true;
}

void ListenerDrain::visit(http1::ServerCodec& codec) {
  const net::SocketAddress local = codec.stream().local_address();
  const auto place = place_of(local);
  if (place == draining_.end() || place->local != local) return;
  if (place->deadline <= sweep_began_) {
    context_.telemetry.count(Counter::downstream_drain_cut);
    codec.abort();
  } else if (!codec.is_ending()) {
    context_.telemetry.count(Counter::downstream_drained);
    codec.drain();
  }
}

void ListenerDrain::end_sweep() {
  is_sweeping_ = false;
  std::erase_if(draining_, [this](const Draining& draining) { return draining.deadline <= sweep_began_; });
  for (const Draining& draining : draining_) next_sweep_ = std::min(next_sweep_, draining.deadline);
}

}  // namespace byway::l7
