// The control page: which generation is published and which one each worker runs.
//
// Owner: the data plane, which creates it; the agent maps it read-only. Who writes what:
//   head           main thread, once, before anybody else sees the page
//   publication    main thread, a release store for each new set
//   workers[i]     worker i alone, single writer, so plain loads and stores without a lock prefix
//
//   0      head (magic, layout, worker_count, instance)
//   64     publication line
//   128    worker lines, one cache line each
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>

#include "control/shm/region.h"

namespace byway::shm {

/// Bytes that two cores never share for writing. x86-64 and the arm64 cores we know have lines of 64.
inline constexpr std::size_t cache_line_bytes = 64;

/// Most workers in one data plane. A node gateway owns a few cores of its node, 64 is a whole socket; the
/// receipt and the control page hold one entry for each, which stays within one datagram and two pages.
inline constexpr std::uint32_t workers_max = 64;

/// Most sets that are mapped at one time. One is published, one is being left; the others give exchanges
/// that wait for a connection (5 s by default) time to send their head while endpoints change every second.
inline constexpr std::uint32_t live_generations_max = 8;
inline constexpr std::uint32_t generation_index_bits = 3;
static_assert(1U << generation_index_bits == live_generations_max);

/// Generations are numbered from 1; 0 means none. The word that is published carries the place in the
/// table of live sets in its low bits.
inline constexpr std::uint64_t generation_max = (std::uint64_t{1} << (64 - generation_index_bits)) - 2;

/// What a worker line shows before its worker has begun and after it has ended.
inline constexpr std::uint64_t worker_absent = ~std::uint64_t{0};
static_assert(generation_max < worker_absent);

/// A generation together with its place in the table of live sets; 0 is "none published yet".
class GenerationWord {
 public:
  GenerationWord() = default;
  explicit constexpr GenerationWord(std::uint64_t raw) : raw_(raw) {}
  constexpr GenerationWord(std::uint64_t generation, std::uint32_t index)
      : raw_((generation << generation_index_bits) | index) {}
  [[nodiscard]] constexpr std::uint64_t generation() const { return raw_ >> generation_index_bits; }
  [[nodiscard]] constexpr std::uint32_t index() const {
    return static_cast<std::uint32_t>(raw_) & (live_generations_max - 1);
  }
  [[nodiscard]] constexpr std::uint64_t raw() const { return raw_; }
  [[nodiscard]] constexpr bool is_none() const { return raw_ == 0; }
  bool operator==(const GenerationWord&) const = default;

 private:
  std::uint64_t raw_ = 0;
};

/// Written by the main thread, read by every worker once a round: shared in all caches until a set changes.
struct alignas(cache_line_bytes) PublicationLine {
  std::atomic<std::uint64_t> published;             ///< GenerationWord::raw
  std::atomic<std::uint64_t> straggler_generation;  ///< pins up to this one must be given back now; 0: none
  std::atomic<std::uint64_t> published_at_ns;       ///< on the clock of the workers
};

/// Written by one worker only. Pins stand here too: they change twice a request, and nobody else writes here.
struct alignas(cache_line_bytes) WorkerLine {
  std::atomic<std::uint64_t> running;        ///< generation in use; release store, after the switch
  std::atomic<std::uint64_t> applied_at_ns;  ///< when it was taken up
  std::atomic<std::uint32_t> pins[live_generations_max];
};

struct ControlPage {
  static constexpr std::uint64_t magic_value = 0x3130'6c74'6379'7762;  // "bwyctl01", little endian
  static constexpr std::uint32_t layout_version_value = 1;

  std::uint64_t magic;
  std::uint32_t layout_version;
  std::uint32_t worker_count;
  std::uint64_t instance;  ///< differs for each start of a data plane: slots and counters began anew
  PublicationLine publication;
  WorkerLine workers[workers_max];
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free,
              "a lock inside shared memory works in one process only");
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(PublicationLine) == cache_line_bytes && sizeof(WorkerLine) == cache_line_bytes);
static_assert(offsetof(ControlPage, publication) == 64 && offsetof(ControlPage, workers) == 128);
static_assert(sizeof(ControlPage) == 128 + workers_max * cache_line_bytes);

/// The data plane's own page and its descriptor for the agent.
struct ControlRegion {
  SharedMemory memory;
  ControlPage* page = nullptr;  ///< inside memory.mapping
};

/// Makes the page for `worker_count` workers (1..workers_max), all of them absent, nothing published.
[[nodiscard]] std::expected<ControlRegion, std::string> create_control_page(std::uint32_t worker_count,
                                                                            std::uint64_t instance);

/// The agent's view of a page that it has mapped: checks magic, layout version, size and worker_count.
/// The pointer lives as long as the mapping behind `bytes`.
[[nodiscard]] std::expected<const ControlPage*, std::string> open_control_page(
    std::span<const std::byte> bytes);

}  // namespace byway::shm
