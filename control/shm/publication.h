// The one protocol by which workers come to run a new set of policy, endpoints and secrets.
//
//   main thread                                   worker i, once a round
//   -----------                                   ----------------------
//   table[index] = the verified set               word = published      (acquire)
//   published = (generation, index)   (release)   if it changed: current = table[index],
//                                                   running = generation (release)
//   reclaim: for each superseded set              an exchange pins the set that it was routed by
//     every worker has running > generation         (++pins[index]) until its upstream head is sent
//     (acquire) and pins[index] == 0 (acquire)       (--pins[index], release)
//     -> unmap, the place is free again
//
// Why "running > generation" and not "!=": a worker that still runs an older one may have loaded this one's
// word and be about to use it. Once it has stored a newer generation it can never load this one again
// (coherence of one atomic), so its pins of this one, which it took before, only fall.
//
// Progress: a set that pins keep alive for longer than straggler_grace_ns is announced as a straggler; the
// worker gives its exchanges notice (refresh() tells it) and they re-route or end with a flag. A publication
// that finds all places taken is refused with PublishResult::stragglers and nothing changes; the agent tries
// again.
//
// No fences anywhere: thread sanitizers do not model them. In shared memory only ControlPage is used; the
// table of sets is the data plane's own.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "control/shm/control_page.h"
#include "control/shm/slots.h"
#include "control/shm/snapshot.h"

namespace byway::shm {

/// What else a set brings along that the main thread made of it (compiled patterns, slot handles). Destroyed
/// by the main thread together with the set.
class SetAttachment {
 public:
  SetAttachment() = default;
  SetAttachment(const SetAttachment&) = delete;
  SetAttachment& operator=(const SetAttachment&) = delete;
  virtual ~SetAttachment() = default;
};

/// A verified set on its way into the table, with what belongs to it.
struct OwnedSet {
  std::uint64_t generation = 0;  ///< 1..generation_max, greater than every one before
  std::uint64_t revision = 0;
  std::unique_ptr<const Snapshot> snapshot;
  SlotLease slots;  ///< one for each of the snapshot's endpoints
  std::unique_ptr<const SetAttachment> attachment;
};

/// What a worker sees of a set. Valid while the worker runs it or holds a pin of it.
struct LiveSet {
  std::uint64_t generation = 0;
  std::uint64_t revision = 0;
  const Snapshot* snapshot = nullptr;
  /// Runtime slots by the endpoint's index in snapshot->endpoints().endpoints(). Handles may be kept for
  /// longer than the set.
  std::span<const SlotHandle> slots;
  const SetAttachment* attachment = nullptr;
};

/// How long pins may hold a superseded set before its exchanges are asked to go: the default connect timeout
/// of 5 s with one retry, so that in ordinary operation nobody is asked.
inline constexpr std::uint64_t straggler_grace_ns = 10'000'000'000;

enum class PublishResult : std::uint8_t {
  published,
  stale_generation,  ///< not greater than the newest, or beyond generation_max
  stragglers,        ///< live_generations_max sets are still in use
};

/// Progress of one generation on one worker.
struct WorkerProgress {
  std::uint64_t running = worker_absent;  ///< worker_absent: it has not begun or has ended
  std::uint64_t applied_at_ns = 0;
};

/// Main thread's side. Owner of the table of live sets; `page` must outlive it and every WorkerPolicy.
class Publication {
 public:
  explicit Publication(ControlPage& page) : page_(page) {}
  Publication(const Publication&) = delete;
  Publication& operator=(const Publication&) = delete;

  /// Makes `set` the one to run. `now_ns` is on the clock that workers hand to refresh(). When it is refused,
  /// `set` is left untouched and everything stays as it was.
  [[nodiscard]] PublishResult publish(OwnedSet& set, std::uint64_t now_ns);

  /// Unmaps sets that nobody uses any more and announces stragglers; returns how many it freed. To be called
  /// every few milliseconds while more than one set is live; publish() calls it when the table is full.
  std::uint32_t reclaim(std::uint64_t now_ns);

  /// Newest published set; nullptr before the first.
  [[nodiscard]] const OwnedSet* newest() const;
  [[nodiscard]] std::uint64_t newest_generation() const { return newest_.generation(); }
  [[nodiscard]] std::uint32_t live_count() const;

  /// True when each worker that is present runs `generation` or a newer one.
  [[nodiscard]] bool is_applied(std::uint64_t generation) const;
  [[nodiscard]] WorkerProgress progress(std::uint32_t worker) const;

 private:
  friend class WorkerPolicy;

  struct Place {
    LiveSet live;  ///< read by workers
    OwnedSet set;
    std::uint64_t superseded_at_ns = 0;
    bool is_used = false;
  };

  [[nodiscard]] bool is_in_use(const Place& place, std::uint32_t index) const;

  ControlPage& page_;
  std::array<Place, live_generations_max> places_;
  GenerationWord newest_;
};

/// A pin on a generation, held by an exchange. Trivial, so that an exchange can be moved; exactly one unpin a
/// pin.
struct GenerationPin {
  GenerationWord word;
  [[nodiscard]] bool is_held() const { return !word.is_none(); }
};

/// Worker's side, owned by that worker. Everything here is wait-free, without a lock prefix.
class WorkerPolicy {
 public:
  /// Main thread, before the worker's thread begins: from now on sets wait for this worker.
  WorkerPolicy(const Publication& publication, std::uint32_t worker);
  WorkerPolicy(const WorkerPolicy&) = delete;
  WorkerPolicy& operator=(const WorkerPolicy&) = delete;

  /// Once a round: takes up the newest set. True when it changed (pools and listeners then reconcile).
  /// Costs one load of a line that changes only with a set.
  bool refresh(std::uint64_t now_ns) {
    const GenerationWord word(page_->publication.published.load(std::memory_order_acquire));
    if (word == current_) [[likely]]
      return false;
    take_up(word, now_ns);
    return true;
  }

  /// The set that this worker runs; nullptr before the first one.
  [[nodiscard]] const LiveSet* current() const { return current_.is_none() ? nullptr : set_of(current_); }

  /// Keeps the current set mapped for an exchange. Only while current() is not null.
  [[nodiscard]] GenerationPin pin() {
    add_to_pins(current_.index(), 1);
    return GenerationPin{current_};
  }

  /// Gives a pin back; the exchange must not look at that set again. A pin that is not held is left alone.
  void unpin(GenerationPin& pin) {
    if (!pin.is_held()) return;
    add_to_pins(pin.word.index(), ~std::uint32_t{0});
    pin = {};
  }

  /// The set behind a pin.
  [[nodiscard]] const LiveSet& pinned(const GenerationPin& pin) const { return *set_of(pin.word); }

  /// Pins of this generation and older ones are overdue: re-route their exchanges or end them. 0: none is.
  [[nodiscard]] std::uint64_t straggler_generation() const {
    return page_->publication.straggler_generation.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool must_unpin(const GenerationPin& pin) const {
    return pin.is_held() && pin.word.generation() <= straggler_generation();
  }

  /// The worker has ended its last exchange and runs no set any more; sets no longer wait for it.
  void leave();

 private:
  void take_up(GenerationWord word, std::uint64_t now_ns);
  [[nodiscard]] const LiveSet* set_of(GenerationWord word) const {
    return &publication_->places_[word.index()].live;
  }
  void add_to_pins(std::uint32_t index, std::uint32_t delta) {
    std::atomic<std::uint32_t>& pins = line_->pins[index];
    // Release: what this worker read from the set happens before main unmaps it.
    pins.store(pins.load(std::memory_order_relaxed) + delta, std::memory_order_release);
  }

  const Publication* publication_;
  const ControlPage* page_;
  WorkerLine* line_;
  GenerationWord current_;
};

}  // namespace byway::shm
