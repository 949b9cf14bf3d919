// Runtime slots: what all workers must see about an endpoint at once (requests in flight, latency, ejection).
//
// One cache line an endpoint in a region of its own; the only lines that several workers write. A slot
// belongs to a stable id as long as some live set names it, and keeps its values when the endpoint goes and
// soon comes back. The main thread assigns slots; workers address them by handles, which carry the slot's
// generation: an exchange outlives the set that routed it, so a handle may be older than what the slot is
// used for now, and then does nothing.
//
// Budget: two writes a request (begin, end). All accesses are relaxed: the values steer choices, they order
// nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/shm/control_page.h"
#include "control/shm/endpoints_layout.h"
#include "control/shm/region.h"

namespace byway::shm {

/// Most slots: all endpoints of a set twice, because the old and the new set both hold theirs during a
/// change. 8 MiB of slots, and as much statistics for each worker; pages that no endpoint needed are never
/// allocated.
inline constexpr std::uint32_t slots_max = 2 * endpoints_max;

/// A slot as long as it means one endpoint. Generation 0 is no slot: all operations on it do nothing.
struct SlotHandle {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  [[nodiscard]] bool is_none() const { return generation == 0; }
  bool operator==(const SlotHandle&) const = default;
};

/// The shared line of an endpoint:
///
///   0   occupancy             written at the begin and the end of each request, by whichever worker has it
///   8   stable_id             the main thread's, when the slot changes hands
///   16  latency_ewma_ns       written with each response
///   24  ejected_until_ns      written when an endpoint is ejected
///   32  consecutive_failures  written with a failure, and with the success that ends a row of them
///   36  ejection_count
///   40  unused
///
/// All that a worker asks of an endpoint and all that it tells of a request stands in one line, so that a
/// request fetches it from another core once at its begin and once at its end, and never two of them.
struct alignas(cache_line_bytes) EndpointSlot {
  /// Slot generation in the high half, requests in flight in the low one: one word, so that a late end of an
  /// exchange can never count down for the endpoint that got the slot afterwards.
  std::atomic<std::uint64_t> occupancy;
  std::atomic<std::uint64_t> stable_id;        ///< of the endpoint; kept until the slot is given to another
  std::atomic<std::uint64_t> latency_ewma_ns;  ///< 0: not measured yet
  std::atomic<std::int64_t> ejected_until_ns;  ///< on the workers' clock; 0: never ejected
  std::atomic<std::uint32_t> consecutive_failures;  ///< for outlier detection; a success sets it to 0
  std::atomic<std::uint32_t> ejection_count;        ///< how often in a row, for growing ejection times
};
static_assert(sizeof(EndpointSlot) == cache_line_bytes && alignof(EndpointSlot) == cache_line_bytes,
              "one line, and never two endpoints in it");
static_assert(std::is_standard_layout_v<EndpointSlot> && std::is_trivially_destructible_v<EndpointSlot>,
              "the agent reads it in another process; zeros are its start");
static_assert(offsetof(EndpointSlot, occupancy) == 0 && offsetof(EndpointSlot, stable_id) == 8 &&
              offsetof(EndpointSlot, latency_ewma_ns) == 16 &&
              offsetof(EndpointSlot, ejected_until_ns) == 24 &&
              offsetof(EndpointSlot, consecutive_failures) == 32 &&
              offsetof(EndpointSlot, ejection_count) == 36);

/// What workers do with slots. A view, cheap to copy; the region must outlive it.
class SlotTable {
 public:
  SlotTable() = default;
  explicit SlotTable(std::span<EndpointSlot> slots) : slots_(slots) {}

  /// A request goes to the endpoint: one more in flight. False if the handle is stale.
  bool begin_request(SlotHandle handle) const { return add_in_flight(handle, 1); }
  /// It has ended, however it did.
  void end_request(SlotHandle handle) const { add_in_flight(handle, -1); }
  /// Requests in flight over all workers; 0 for a stale handle.
  [[nodiscard]] std::uint32_t in_flight(SlotHandle handle) const;

  /// Takes a latency into the moving average: 1/8 of the difference, as RFC 6298 2.3 does for SRTT. Two
  /// workers at the same moment may lose one of two samples.
  void record_latency(SlotHandle handle, std::uint64_t latency_ns) const;
  [[nodiscard]] std::uint64_t latency_ewma_ns(SlotHandle handle) const;

  /// How many failures in a row there are with this one.
  std::uint32_t record_failure(SlotHandle handle) const;
  /// Ends a row of failures. Writes only if there is one.
  void record_success(SlotHandle handle) const;

  /// No requests until then (unless all endpoints of a backend are ejected, which the balancer decides).
  void eject_until(SlotHandle handle, std::int64_t until_ns) const;
  [[nodiscard]] bool is_ejected(SlotHandle handle, std::int64_t now_ns) const;

 private:
  [[nodiscard]] EndpointSlot* live_slot(SlotHandle handle) const;
  bool add_in_flight(SlotHandle handle, std::int32_t change) const;

  std::span<EndpointSlot> slots_;
};

/// Main thread's side: owner of the region, gives slots to stable ids.
class SlotRegion {
 public:
  /// `slot_count` is 1..slots_max. It should be twice the endpoints that are expected: during a change the
  /// old and the new set both hold theirs.
  [[nodiscard]] static std::expected<SlotRegion, std::string> create(std::uint32_t slot_count);
  SlotRegion(SlotRegion&&) = default;
  SlotRegion& operator=(SlotRegion&&) = default;

  /// The slot of an endpoint, one more user of it. A slot that became free least recently is taken for an id
  /// that has none. Empty when all are in use.
  [[nodiscard]] std::optional<SlotHandle> acquire(std::uint64_t stable_id);
  /// One user less; the values stay until the slot is given to another id.
  void release(SlotHandle handle);

  [[nodiscard]] SlotTable table() const { return table_; }
  [[nodiscard]] const SharedMemory& memory() const { return memory_; }
  [[nodiscard]] std::uint32_t slot_count() const { return static_cast<std::uint32_t>(owners_.size()); }
  [[nodiscard]] std::uint32_t used_count() const;

 private:
  struct Owner {
    std::uint64_t stable_id = 0;
    std::uint64_t freed_at = 0;  ///< position in the order of release; smaller is older
    std::uint32_t user_count = 0;
    std::uint32_t generation = 0;  ///< 0: never used
  };
  SlotRegion() = default;
  [[nodiscard]] SlotHandle reuse(std::uint32_t index, std::uint64_t stable_id);

  SharedMemory memory_;
  std::span<EndpointSlot> slots_;
  SlotTable table_;
  std::vector<Owner> owners_;
  std::unordered_map<std::uint64_t, std::uint32_t> index_of_;  ///< also of free slots that were used
  std::set<std::pair<std::uint64_t, std::uint32_t>> free_;     ///< (freed_at, index)
  std::uint64_t next_freed_at_ = 0;
};

/// The slots that a set needs, one for each of its endpoints; gives them back when it is destroyed.
class SlotLease {
 public:
  SlotLease() = default;
  SlotLease(SlotLease&& other) noexcept
      : region_(std::exchange(other.region_, nullptr)), handles_(std::exchange(other.handles_, {})) {}
  SlotLease& operator=(SlotLease&& other) noexcept {
    std::swap(region_, other.region_);
    std::swap(handles_, other.handles_);
    return *this;
  }
  ~SlotLease();

  /// Slots for all ids, in their order; nothing is taken when one of them cannot be had. `region` must
  /// outlive it.
  [[nodiscard]] static std::optional<SlotLease> take(SlotRegion& region,
                                                     std::span<const std::uint64_t> stable_ids);

  [[nodiscard]] std::span<const SlotHandle> handles() const { return handles_; }

 private:
  SlotRegion* region_ = nullptr;
  std::vector<SlotHandle> handles_;
};

/// The agent's side.
class SlotReader {
 public:
  struct Endpoint {
    std::uint64_t stable_id = 0;
    SlotHandle slot;
    std::uint32_t in_flight = 0;
    std::uint64_t latency_ewma_ns = 0;
    std::int64_t ejected_until_ns = 0;
  };
  /// Checks the head against the size; `region` must outlive the reader.
  [[nodiscard]] static std::expected<SlotReader, std::string> open(std::span<const std::byte> region);
  [[nodiscard]] std::uint32_t slot_count() const { return static_cast<std::uint32_t>(slots_.size()); }
  /// What a slot holds; empty if it was never used or changes hands at this moment.
  [[nodiscard]] std::optional<Endpoint> read(std::uint32_t index) const;

 private:
  std::span<const EndpointSlot> slots_;
};

}  // namespace byway::shm
