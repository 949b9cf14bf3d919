#include "control/shm/slots.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace byway::shm {
namespace {

constexpr std::uint64_t region_magic = 0x3130'746f'6c73'7762;  // "bwslot01", little endian

struct alignas(cache_line_bytes) RegionHead {
  std::uint64_t magic;
  std::uint32_t slot_count;
  std::uint32_t slot_bytes;
};
static_assert(sizeof(RegionHead) == cache_line_bytes);

constexpr std::uint64_t occupancy_of(std::uint32_t generation, std::uint32_t in_flight) {
  return (std::uint64_t{generation} << 32) | in_flight;
}
constexpr std::uint32_t generation_of(std::uint64_t occupancy) {
  return static_cast<std::uint32_t>(occupancy >> 32);
}
constexpr std::uint32_t in_flight_of(std::uint64_t occupancy) {
  return static_cast<std::uint32_t>(occupancy);
}

constexpr auto relaxed = std::memory_order_relaxed;

}  // namespace

EndpointSlot* SlotTable::live_slot(SlotHandle handle) const {
  if (handle.is_none() || handle.index >= slots_.size()) return nullptr;
  EndpointSlot& slot = slots_[handle.index];
  return generation_of(slot.occupancy.load(relaxed)) == handle.generation ? &slot : nullptr;
}

bool SlotTable::add_in_flight(SlotHandle handle, std::int32_t change) const {
  if (handle.is_none() || handle.index >= slots_.size()) return false;
  std::atomic<std::uint64_t>& occupancy = slots_[handle.index].occupancy;
  std::uint64_t seen = occupancy.load(relaxed);
  for (;;) {
    if (generation_of(seen) != handle.generation) return false;
    const std::uint32_t in_flight = in_flight_of(seen) + static_cast<std::uint32_t>(change);
    if (occupancy.compare_exchange_weak(seen, occupancy_of(handle.generation, in_flight), relaxed))
      return true;
  }
}

std::uint32_t SlotTable::in_flight(SlotHandle handle) const {
  const EndpointSlot* slot = live_slot(handle);
  return slot == nullptr ? 0 : in_flight_of(slot->occupancy.load(relaxed));
}

void SlotTable::record_latency(SlotHandle handle, std::uint64_t latency_ns) const {
  EndpointSlot* slot = live_slot(handle);
  if (slot == nullptr) return;
  const auto average = static_cast<std::int64_t>(slot->latency_ewma_ns.load(relaxed));
  const auto sample = static_cast<std::int64_t>(latency_ns);
  const std::int64_t next = average == 0 ? sample : average + (sample - average) / 8;
  slot->latency_ewma_ns.store(static_cast<std::uint64_t>(next), relaxed);
}

std::uint64_t SlotTable::latency_ewma_ns(SlotHandle handle) const {
  const EndpointSlot* slot = live_slot(handle);
  return slot == nullptr ? 0 : slot->latency_ewma_ns.load(relaxed);
}

std::uint32_t SlotTable::record_failure(SlotHandle handle) const {
  EndpointSlot* slot = live_slot(handle);
  return slot == nullptr ? 0 : slot->consecutive_failures.fetch_add(1, relaxed) + 1;
}

void SlotTable::record_success(SlotHandle handle) const {
  EndpointSlot* slot = live_slot(handle);
  if (slot != nullptr && slot->consecutive_failures.load(relaxed) != 0)
    slot->consecutive_failures.store(0, relaxed);
}

void SlotTable::eject_until(SlotHandle handle, std::int64_t until_ns) const {
  EndpointSlot* slot = live_slot(handle);
  if (slot == nullptr) return;
  slot->ejected_until_ns.store(until_ns, relaxed);
  slot->ejection_count.fetch_add(1, relaxed);
}

bool SlotTable::is_ejected(SlotHandle handle, std::int64_t now_ns) const {
  const EndpointSlot* slot = live_slot(handle);
  return slot != nullptr && slot->ejected_until_ns.load(relaxed) > now_ns;
}

std::expected<SlotRegion, std::string> SlotRegion::create(std::uint32_t slot_count) {
  if (slot_count == 0 || slot_count > slots_max) {
    return std::unexpected("slot count " + std::to_string(slot_count) + " is not within 1.." +
                           std::to_string(slots_max));
  }
  auto memory = create_region("byway-slots", sizeof(RegionHead) + slot_count * sizeof(EndpointSlot));
  if (!memory) return std::unexpected(memory.error());
  std::byte* const start = memory->mapping.writable_bytes().data();
  new (start) RegionHead{region_magic, slot_count, sizeof(EndpointSlot)};
  SlotRegion region;
  // The new file's zeros are the value of every atomic in it; touching each would allocate all pages at once.
  region.slots_ = {std::launder(reinterpret_cast<EndpointSlot*>(start + sizeof(RegionHead))), slot_count};
  region.table_ = SlotTable(region.slots_);
  region.memory_ = std::move(*memory);
  region.owners_.resize(slot_count);
  for (std::uint32_t index = 0; index < slot_count; ++index)
    region.free_.emplace(region.next_freed_at_, index);
  return region;
}

SlotHandle SlotRegion::reuse(std::uint32_t index, std::uint64_t stable_id) {
  Owner& owner = owners_[index];
  if (owner.generation != 0) index_of_.erase(owner.stable_id);
  // After 2^32 owners of one slot a handle from the first could fit again; 0 stays "no slot".
  owner.generation = owner.generation + 1 == 0 ? 1 : owner.generation + 1;
  owner.stable_id = stable_id;
  index_of_[stable_id] = index;
  EndpointSlot& slot = slots_[index];
  // The word first: from here on handles of the former owner do nothing. One that passed its check just
  // before may still leave a sample of latency or a failure behind; that is noise in an average.
  slot.occupancy.store(occupancy_of(owner.generation, 0), relaxed);
  slot.stable_id.store(stable_id, relaxed);
  slot.latency_ewma_ns.store(0, relaxed);
  slot.ejected_until_ns.store(0, relaxed);
  slot.consecutive_failures.store(0, relaxed);
  slot.ejection_count.store(0, relaxed);
  return {index, owner.generation};
}

std::optional<SlotHandle> SlotRegion::acquire(std::uint64_t stable_id) {
  const auto known = index_of_.find(stable_id);
  if (known != index_of_.end()) {
    Owner& owner = owners_[known->second];
    if (owner.user_count++ == 0) free_.erase({owner.freed_at, known->second});
    return SlotHandle{known->second, owner.generation};
  }
  if (free_.empty()) return std::nullopt;
  const std::uint32_t index = free_.begin()->second;
  free_.erase(free_.begin());
  const SlotHandle handle = reuse(index, stable_id);
  owners_[index].user_count = 1;
  return handle;
}

void SlotRegion::release(SlotHandle handle) {
  Owner& owner = owners_[handle.index];
  if (--owner.user_count != 0) return;
  owner.freed_at = ++next_freed_at_;
  free_.emplace(owner.freed_at, handle.index);
}

std::uint32_t SlotRegion::used_count() const {
  return slot_count() - static_cast<std::uint32_t>(free_.size());
}

SlotLease::~SlotLease() {
  for (const SlotHandle handle : handles_) region_->release(handle);
}

std::optional<SlotLease> SlotLease::take(SlotRegion& region, std::span<const std::uint64_t> stable_ids) {
  SlotLease lease;
  lease.region_ = &region;
  lease.handles_.reserve(stable_ids.size());
  for (const std::uint64_t stable_id : stable_ids) {
    const auto handle = region.acquire(stable_id);
    if (!handle) return std::nullopt;  // the lease gives back what it took
    lease.handles_.push_back(*handle);
  }
  return lease;
}

std::expected<SlotReader, std::string> SlotReader::open(std::span<const std::byte> region) {
  RegionHead head{};
  if (region.size() < sizeof head) return std::unexpected(std::string("slot region is too short"));
  std::memcpy(&head, region.data(), sizeof head);
  if (head.magic != region_magic || head.slot_bytes != sizeof(EndpointSlot)) {
    return std::unexpected(std::string("not a slot region of a layout that this program knows"));
  }
  if (head.slot_count > slots_max ||
      head.slot_count != (region.size() - sizeof head) / sizeof(EndpointSlot)) {
    return std::unexpected(std::string("slot region has impossible sizes"));
  }
  SlotReader reader;
  reader.slots_ = {std::launder(reinterpret_cast<const EndpointSlot*>(region.data() + sizeof head)),
                   head.slot_count};
  return reader;
}

std::optional<SlotReader::Endpoint> SlotReader::read(std::uint32_t index) const {
  const EndpointSlot& slot = slots_[index];
  const std::uint64_t before = slot.occupancy.load(std::memory_order_acquire);
  if (generation_of(before) == 0) return std::nullopt;
  // Acquire on each, so that the second look at the generation comes after all of them.
  const Endpoint endpoint{slot.stable_id.load(std::memory_order_acquire),
                          {index, generation_of(before)},
                          in_flight_of(before),
                          slot.latency_ewma_ns.load(std::memory_order_acquire),
                          slot.ejected_until_ns.load(std::memory_order_acquire)};
  if (generation_of(slot.occupancy.load(relaxed)) != generation_of(before)) return std::nullopt;
  return endpoint;
}

}  // namespace byway::shm
