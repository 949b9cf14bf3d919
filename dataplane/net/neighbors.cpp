#include "dataplane/net/neighbors.h"

#include <bit>
#include <cstddef>
#include <cstring>

#include "dataplane/mix.h"

namespace byway::net {

namespace {

/// Places looked at for one to evict: enough for a good choice, few enough for a packet's budget.
constexpr std::uint32_t eviction_candidates = 16;

}  // namespace

Neighbors::Neighbors(TimerWheel& wheel, Counters counters, NeighborOutput& output, std::uint64_t key,
                     std::uint32_t capacity)
    : wheel_(wheel),
      counters_(counters),
      output_(output),
      key_(key),
      buckets_(std::make_unique<Entry*[]>(std::bit_ceil(capacity))),
      bucket_count_(std::bit_ceil(capacity)),
      entries_(capacity) {}

Neighbors::~Neighbors() {
  entries_.visit_some(0, entries_.capacity(), [this](Entry& entry) {
    wheel_.cancel(entry);
    while (entry.pending != nullptr)
      pending_places_.release(std::exchange(entry.pending, entry.pending->next));
  });
}

/// The halves may be joined before the key comes in: stations differ in one, the networks are ours.
Neighbors::Entry*& Neighbors::bucket_of(LinkIndex link, const IpAddress& address) {
  const std::uint64_t joined = address.half(0) ^ std::rotl(address.half(1), 32) ^ link;
  return buckets_[mix(joined ^ key_) & (bucket_count_ - 1)];
}

Neighbors::Entry* Neighbors::lookup(LinkIndex link, const IpAddress& address) {
  const auto is_it = [&](const Entry* entry) { return entry->address == address && entry->link == link; };
  if (found_last_ != nullptr && is_it(found_last_)) return found_last_;
  for (Entry* entry = bucket_of(link, address); entry != nullptr; entry = entry->next_in_bucket) {
    if (is_it(entry)) return found_last_ = entry;
  }
  return nullptr;
}

Neighbors::Entry* Neighbors::create(LinkIndex link, const IpAddress& address, Instant now) {
  if (entries_.is_full() && !make_room()) return nullptr;
  Entry* entry = entries_.acquire(*this, link, address);
  entry->last_used = now;
  Entry*& bucket = bucket_of(link, address);
  entry->next_in_bucket = bucket;
  bucket = entry;
  counters_.set(Counter::neighbors, entries_.in_use());
  return entry;
}

/// Gives up the least recently used of some neighbours; one for which packets wait stays.
bool Neighbors::make_room() {
  Entry* victim = nullptr;
  const std::uint32_t next = entries_.visit_some(hand_, eviction_candidates, [&victim](Entry& entry) {
    if (entry.pending != nullptr) return;
    if (victim == nullptr || entry.last_used < victim->last_used) victim = &entry;
  });
  hand_ = next >= entries_.capacity() ? 0 : next;
  if (victim == nullptr) return false;
  remove(*victim);
  counters_.add(Counter::neighbors_evicted);
  return true;
}

void Neighbors::remove(Entry& entry) {
  BYWAY_ASSERT(entry.pending == nullptr);
  wheel_.cancel(entry);
  Entry** at = &bucket_of(entry.link, entry.address);
  while (*at != &entry) at = &(*at)->next_in_bucket;
  *at = entry.next_in_bucket;
  if (found_last_ == &entry) found_last_ = nullptr;
  entries_.release(&entry);
  counters_.set(Counter::neighbors, entries_.in_use());
}

NeighborLookup Neighbors::find(LinkIndex link, const IpAddress& address, Instant now, MacAddress& mac) {
  Entry* entry = lookup(link, address);
  if (entry == nullptr) {
    entry = create(link, address, now);
    if (entry == nullptr) return NeighborLookup::table_full;
    begin(*entry, State::incomplete, now);
    return NeighborLookup::incomplete;
  }
  entry->last_used = now;
  switch (entry->state) {
    case State::reachable:
      if (now > entry->reachable_until) begin(*entry, State::probing, now);
      break;
    case State::stale:
      begin(*entry, State::probing, now);
      break;
    case State::probing:
      break;
    case State::incomplete:
      return NeighborLookup::incomplete;
    case State::failed:
      return NeighborLookup::unreachable;
  }
  mac = entry->mac;
  return NeighborLookup::known;
}

bool Neighbors::wait(LinkIndex link, const IpAddress& address, std::span<const std::uint8_t> header,
                     Rope&& payload) {
  BYWAY_ASSERT(header.size() <= frame_header_bytes_max);
  Entry* entry = lookup(link, address);
  BYWAY_ASSERT(entry != nullptr && entry->state == State::incomplete);
  Rope held = std::move(payload);
  Pending* place =
      entry->pending_count < neighbor_pending_max ? pending_places_.acquire(std::move(held)) : nullptr;
  if (place == nullptr) {
    counters_.add(Counter::drop_tx_neighbor_queue);
    return false;
  }
  std::memcpy(place->header.data(), header.data(), header.size());
  place->header_bytes = static_cast<std::uint8_t>(header.size());
  Pending** end = &entry->pending;
  while (*end != nullptr) end = &(*end)->next;
  *end = place;
  ++entry->pending_count;
  return true;
}

void Neighbors::on_heard(LinkIndex link, const IpAddress& address, const MacAddress& mac, bool solicited,
                         bool may_create, Instant now) {
  Entry* entry = lookup(link, address);
  if (entry == nullptr) {
    if (!may_create) return;
    entry = create(link, address, now);
    if (entry == nullptr) return;  // it will ask again, and by then a place may be free
    entry->state = State::stale;
  }
  settle(*entry, mac, solicited, now);
}

void Neighbors::on_advertised(LinkIndex link, const IpAddress& address, const MacAddress* mac, bool solicited,
                              bool override_known, Instant now) {
  Entry* entry = lookup(link, address);
  if (entry == nullptr) return;
  const bool has_mac = entry->state != State::incomplete && entry->state != State::failed;
  if (!has_mac) {
    if (mac != nullptr) settle(*entry, *mac, solicited, now);
    return;
  }
  if (mac != nullptr && *mac != entry->mac && !override_known) {
    // Somebody else has an answer too: what was known is doubtful now, but stays.
    if (entry->state == State::reachable) entry->state = State::stale;
    return;
  }
  settle(*entry, mac != nullptr ? *mac : entry->mac, solicited, now);
}

/// Takes what a neighbour said as true.
void Neighbors::settle(Entry& entry, const MacAddress& mac, bool solicited, Instant now) {
  const bool changed = entry.mac != mac;
  entry.mac = mac;
  if (solicited) {
    entry.state = State::reachable;
    entry.reachable_until = now + neighbor_reachable_time;
    wheel_.cancel(entry);
  } else if (entry.state == State::incomplete || entry.state == State::failed || changed) {
    // It exists, and is used, but only an answer proves that it hears us (RFC 4861 7.2.5).
    entry.state = State::stale;
    wheel_.cancel(entry);
  }
  flush_pending(entry);
}

void Neighbors::begin(Entry& entry, State state, Instant now) {
  entry.state = state;
  entry.tries = 0;
  solicit(entry, now);
}

void Neighbors::solicit(Entry& entry, Instant now) {
  // The known address first: it costs nobody else anything. Then everybody, in case it has moved.
  const bool to_known = entry.state == State::probing && entry.tries < neighbor_unicast_tries;
  ++entry.tries;
  wheel_.arm(entry, now + neighbor_retry_interval);
  output_.solicit(entry.link, entry.address, to_known ? &entry.mac : nullptr);
}

void Neighbors::fire(Timer& timer, Instant now) {
  auto& entry = static_cast<Entry&>(timer);
  entry.table.on_timer(entry, now);
}

void Neighbors::on_timer(Entry& entry, Instant now) {
  if (entry.state == State::failed) {
    remove(entry);
    return;
  }
  const int tries_max = entry.state == State::probing ? neighbor_unicast_tries + neighbor_broadcast_tries
                                                      : neighbor_broadcast_tries;
  if (entry.tries < tries_max) {
    solicit(entry, now);
    return;
  }
  entry.state = State::failed;
  counters_.add(Counter::neighbors_failed);
  drop_pending(entry, now);
  wheel_.arm(entry, now + neighbor_failed_time);
}

void Neighbors::flush_pending(Entry& entry) {
  entry.pending_count = 0;
  while (Pending* place = entry.pending) {
    entry.pending = place->next;
    output_.send_waiting(entry.link, entry.mac, {place->header.data(), place->header_bytes},
                         std::move(place->payload));
    pending_places_.release(place);
  }
}

void Neighbors::drop_pending(Entry& entry, Instant now) {
  entry.pending_count = 0;
  while (Pending* place = entry.pending) {
    entry.pending = place->next;
    output_.give_up({place->header.data(), place->header_bytes}, now);
    pending_places_.release(place);
    counters_.add(Counter::drop_tx_unreachable);
  }
}

}  // namespace byway::net
