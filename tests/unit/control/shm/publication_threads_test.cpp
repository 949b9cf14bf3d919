// For the thread sanitizer: workers at full speed against a publisher that replaces and frees sets. What a
// worker sees must always be one consistent set that nobody has freed.
#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include "control/shm/publication.h"

namespace byway::shm {
namespace {

constexpr std::uint32_t worker_count = 3;
constexpr std::uint64_t last_generation = 2'000;
constexpr std::size_t words = 64;

/// Stands for a set's three blobs: each holds nothing but the generation, until the set is freed.
class Contents : public SetAttachment {
 public:
  explicit Contents(std::uint64_t generation)
      : policy(words, generation), endpoints(words, generation), secrets(words, generation) {}
  ~Contents() override {
    for (auto* blob : {&policy, &endpoints, &secrets}) std::ranges::fill(*blob, 0);
  }
  [[nodiscard]] bool is_of(std::uint64_t generation) const {
    const auto fits = [generation](const auto& blob) {
      return std::ranges::all_of(blob, [generation](std::uint64_t word) { return word == generation; });
    };
    return fits(policy) && fits(endpoints) && fits(secrets);
  }

  std::vector<std::uint64_t> policy;
  std::vector<std::uint64_t> endpoints;
  std::vector<std::uint64_t> secrets;
};

bool is_consistent(const LiveSet& set) {
  return set.revision == set.generation + 7 &&
         static_cast<const Contents*>(set.attachment)->is_of(set.generation);
}

/// One worker: takes sets up, pins some for a few rounds, looks at what it may look at. Returns what was
/// wrong.
std::uint64_t run_worker(WorkerPolicy& policy, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::deque<GenerationPin> pins;
  std::uint64_t problems = 0;
  std::uint64_t last_seen = 0;
  while (last_seen < last_generation) {
    policy.refresh(last_seen);
    if (const LiveSet* current = policy.current()) {
      if (current->generation < last_seen || !is_consistent(*current)) ++problems;
      last_seen = current->generation;
      if (random() % 4 == 0) pins.push_back(policy.pin());
    }
    for (const GenerationPin& pin : pins) {
      if (!is_consistent(policy.pinned(pin))) ++problems;
    }
    while (!pins.empty() && (pins.size() > 6 || random() % 3 == 0)) {
      policy.unpin(pins.front());
      pins.pop_front();
    }
  }
  for (GenerationPin& pin : pins) policy.unpin(pin);
  policy.leave();
  return problems;
}

}  // namespace

TEST_CASE("workers at full speed only ever see whole sets that are not freed", "[publication]") {
  auto region = create_control_page(worker_count, 1);
  REQUIRE(region.has_value());
  Publication publication(*region->page);
  std::deque<WorkerPolicy> policies;
  for (std::uint32_t worker = 0; worker < worker_count; ++worker) policies.emplace_back(publication, worker);
  std::atomic<std::uint64_t> problems{0};
  std::uint64_t refused = 0;
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t worker = 0; worker < worker_count; ++worker) {
      threads.emplace_back([&, worker] { problems += run_worker(policies[worker], worker); });
    }
    for (std::uint64_t generation = 1; generation <= last_generation; ++generation) {
      OwnedSet set{generation, generation + 7, nullptr, {}, std::make_unique<Contents>(generation)};
      while (publication.publish(set, generation) == PublishResult::stragglers) {
        ++refused;
        std::this_thread::yield();
      }
    }
  }
  publication.reclaim(last_generation);
  CHECK(problems == 0);
  CHECK(publication.live_count() == 1);
  CHECK(publication.is_applied(last_generation));
  INFO("refused for stragglers: " << refused);
}

TEST_CASE("a reader of the control page sees each worker's generation rise", "[publication]") {
  auto region = create_control_page(1, 1);
  REQUIRE(region.has_value());
  Publication publication(*region->page);
  WorkerPolicy policy(publication, 0);
  std::jthread worker([&] { run_worker(policy, 9); });
  std::jthread publisher([&] {
    for (std::uint64_t generation = 1; generation <= last_generation; ++generation) {
      OwnedSet set{generation, generation + 7, nullptr, {}, std::make_unique<Contents>(generation)};
      while (publication.publish(set, generation) != PublishResult::published) std::this_thread::yield();
    }
  });
  // The same mapping on purpose: the sanitizer does not see that two mappings are one memory.
  const WorkerLine& line = region->page->workers[0];
  std::uint64_t last_seen = 0;
  bool is_rising = true;
  while (last_seen != worker_absent) {
    const std::uint64_t running = line.running.load(std::memory_order_acquire);
    is_rising = is_rising && running >= last_seen;
    last_seen = running;
  }
  CHECK(is_rising);
}

}  // namespace byway::shm
