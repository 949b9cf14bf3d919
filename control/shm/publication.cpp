#include "control/shm/publication.h"

#include <algorithm>
#include <utility>

namespace byway::shm {
PublishResult Publication::publish(OwnedSet& set, std::uint64_t now_ns) {
  if (set.generation <= newest_.generation() || set.generation > generation_max)
    return PublishResult::stale_generation;
  const auto is_free = [](const Place& place) { return !place.is_used; };
  auto place = std::ranges::find_if(places_, is_free);
  if (place == places_.end()) {
    reclaim(now_ns);
    place = std::ranges::find_if(places_, is_free);
    if (place == places_.end()) return PublishResult::stragglers;
  }
  place->live =
      LiveSet{set.generation, set.revision, set.snapshot.get(), set.slots.handles(), set.attachment.get()};
  place->set = std::move(set);
  place->is_used = true;
  if (!newest_.is_none()) places_[newest_.index()].superseded_at_ns = now_ns;
  newest_ = GenerationWord(place->live.generation, static_cast<std::uint32_t>(place - places_.begin()));
  page_.publication.published_at_ns.store(now_ns, std::memory_order_relaxed);
  page_.publication.published.store(newest_.raw(), std::memory_order_release);
  return PublishResult::published;
}

bool Publication::is_in_use(const Place& place, std::uint32_t index) const {
  for (std::uint32_t worker = 0; worker < page_.worker_count; ++worker) {
    const WorkerLine& line = page_.workers[worker];
    if (line.running.load(std::memory_order_acquire) <= place.live.generation) return true;
    if (line.pins[index].load(std::memory_order_acquire) != 0) return true;
  }
  return false;
}

std::uint32_t Publication::reclaim(std::uint64_t now_ns) {
  std::uint32_t freed = 0;
  std::uint64_t overdue = 0;
  for (std::uint32_t index = 0; index < live_generations_max; ++index) {
    Place& place = places_[index];
    if (!place.is_used || index == newest_.index()) continue;
    if (is_in_use(place, index)) {
      if (now_ns - place.superseded_at_ns > straggler_grace_ns)
        overdue = std::max(overdue, place.live.generation);
      continue;
    }
    place.live = {};
    place.set = {};
    place.is_used = false;
    ++freed;
  }
  // Never falls: an exchange that pins an old set is overdue until it is gone.
  std::atomic<std::uint64_t>& announced = page_.publication.straggler_generation;
  if (overdue > announced.load(std::memory_order_relaxed))
    announced.store(overdue, std::memory_order_relaxed);
  return freed;
}

const OwnedSet* Publication::newest() const {
  return newest_.is_none() ? nullptr : &places_[newest_.index()].set;
}

std::uint32_t Publication::live_count() const {
  return static_cast<std::uint32_t>(
      std::ranges::count_if(places_, [](const Place& place) { return place.is_used; }));
}

bool Publication::is_applied(std::uint64_t generation) const {
  for (std::uint32_t worker = 0; worker < page_.worker_count; ++worker) {
    // worker_absent is greater than every generation.
    if (page_.workers[worker].running.load(std::memory_order_acquire) < generation) return false;
  }
  return true;
}

WorkerProgress Publication::progress(std::uint32_t worker) const {
  const WorkerLine& line = page_.workers[worker];
  const std::uint64_t running = line.running.load(std::memory_order_acquire);
  return {running, line.applied_at_ns.load(std::memory_order_relaxed)};
}

WorkerPolicy::WorkerPolicy(const Publication& publication, std::uint32_t worker)
    : publication_(&publication), page_(&publication.page_), line_(&publication.page_.workers[worker]) {
  line_->running.store(0, std::memory_order_release);
}

void WorkerPolicy::take_up(GenerationWord word, std::uint64_t now_ns) {
  current_ = word;
  line_->applied_at_ns.store(now_ns, std::memory_order_relaxed);
  line_->running.store(word.generation(), std::memory_order_release);
}

void WorkerPolicy::leave() {
  for (std::atomic<std::uint32_t>& pins : line_->pins) pins.store(0, std::memory_order_release);
  current_ = {};
  line_->running.store(worker_absent, std::memory_order_release);
}

}  // namespace byway::shm
