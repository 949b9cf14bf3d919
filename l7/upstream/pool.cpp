#include "l7/upstream/pool.h"

#include <bit>

#include "dataplane/assert.h"

namespace byway::l7::upstream {

// Twice as many entries as there can be keys: linear probing stays short.
Pool::Pool(std::uint32_t connections_max)
    : mask_(std::bit_ceil(connections_max * 2 + 1) - 1),
      connections_max_(connections_max),
      entries_(std::make_unique<Entry[]>(std::size_t{mask_} + 1)) {
  BYWAY_ASSERT(connections_max <= 1u << 24);
}

Pool::~Pool() {
  BYWAY_ASSERT(count_ == 0);
}

// Ids are hashes already (shm::stable_id), but the low bits alone would make tables of equal size collide.
std::uint32_t Pool::home_of(std::uint64_t endpoint_id) const {
  return static_cast<std::uint32_t>((endpoint_id * 0x9e37'79b9'7f4a'7c15ULL) >> 32) & mask_;
}

// The entry of the endpoint, or the free one where it would be put.
std::uint32_t Pool::find(std::uint64_t endpoint_id) const {
  std::uint32_t place = home_of(endpoint_id);
  while (entries_[place].newest != nullptr && entries_[place].endpoint_id != endpoint_id) {
    place = (place + 1) & mask_;
  }
  return place;
}

// Frees an entry and closes the gap, so that no probe sequence breaks (Knuth vol. 3, 6.4, algorithm R).
void Pool::erase(std::uint32_t place) {
  entries_[place] = {};
  for (std::uint32_t next = (place + 1) & mask_; entries_[next].newest != nullptr;
       next = (next + 1) & mask_) {
    const std::uint32_t home = home_of(entries_[next].endpoint_id);
    // Does `home` lie cyclically behind the gap? Then the entry is findable where it is.
    if (((next - home) & mask_) < ((next - place) & mask_)) continue;
    entries_[place] = entries_[next];
    entries_[next] = {};
    place = next;
  }
}

IdleLinks* Pool::take(std::uint64_t endpoint_id) {
  IdleLinks* newest = entries_[find(endpoint_id)].newest;
  if (newest != nullptr) remove(*newest);
  return newest;
}

bool Pool::put(IdleLinks& connection, std::uint64_t endpoint_id) {
  BYWAY_ASSERT(!connection.is_pooled_ && count_ < connections_max_);
  Entry& entry = entries_[find(endpoint_id)];
  if (entry.count >= idle_per_endpoint_max) return false;

  connection.is_pooled_ = true;
  connection.endpoint_id_ = endpoint_id;
  connection.endpoint_newer_ = nullptr;
  connection.endpoint_older_ = entry.newest;
  if (entry.newest != nullptr) entry.newest->endpoint_newer_ = &connection;
  entry.endpoint_id = endpoint_id;
  entry.newest = &connection;
  ++entry.count;

  connection.newer_ = nullptr;
  connection.older_ = newest_;
  (newest_ != nullptr ? newest_->newer_ : oldest_) = &connection;
  newest_ = &connection;
  ++count_;
  return true;
}

void Pool::remove(IdleLinks& connection) {
  BYWAY_ASSERT(connection.is_pooled_);
  const std::uint32_t place = find(connection.endpoint_id_);
  Entry& entry = entries_[place];
  if (connection.endpoint_older_ != nullptr) {
    connection.endpoint_older_->endpoint_newer_ = connection.endpoint_newer_;
  }
  if (connection.endpoint_newer_ != nullptr) {
    connection.endpoint_newer_->endpoint_older_ = connection.endpoint_older_;
  } else {
    BYWAY_ASSERT(entry.newest == &connection);
    entry.newest = connection.endpoint_older_;
  }
  --entry.count;
  if (entry.newest == nullptr) erase(place);

  (connection.older_ != nullptr ? connection.older_->newer_ : oldest_) = connection.newer_;
  (connection.newer_ != nullptr ? connection.newer_->older_ : newest_) = connection.older_;
  connection.is_pooled_ = false;
  --count_;
}

std::uint32_t Pool::count_of(std::uint64_t endpoint_id) const {
  return entries_[find(endpoint_id)].count;
}

}  // namespace byway::l7::upstream
