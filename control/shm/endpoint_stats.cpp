#include "control/shm/endpoint_stats.h"

#include <cstring>
#include <new>

namespace byway::shm {
namespace {

constexpr std::uint64_t region_magic = 0x3130'7470'6573'7762;  // "bwsept01", little endian

struct alignas(cache_line_bytes) RegionHead {
  std::uint64_t magic;
  std::uint32_t worker_count;
  std::uint32_t slot_count;
};
static_assert(sizeof(RegionHead) == cache_line_bytes);

}  // namespace

EndpointStats* EndpointStatsTable::entry_of(SlotHandle handle) const {
  if (handle.is_none() || handle.index >= entries_.size()) return nullptr;
  EndpointStats& entry = entries_[handle.index];
  const std::uint64_t current = read_cell(entry.slot_generation);
  if (current == handle.generation) [[likely]]
    return &entry;
  if (current > handle.generation) return nullptr;
  // The slot has a new endpoint: the reader must not take the old counts for its own.
  set_cell(entry.slot_generation, 0);
  set_cell(entry.requests, 0);
  for (std::uint64_t& responses : entry.responses) set_cell(responses, 0);
  set_cell(entry.failures, 0);
  set_cell(entry.latency_sum_ns, 0);
  std::atomic_ref<std::uint64_t>(entry.slot_generation).store(handle.generation, std::memory_order_release);
  return &entry;
}

void EndpointStatsTable::count_request(SlotHandle handle) const {
  if (EndpointStats* entry = entry_of(handle)) add_to_cell(entry->requests, 1);
}

void EndpointStatsTable::count_response(SlotHandle handle, std::uint32_t status,
                                        std::uint64_t latency_ns) const {
  if (status < 200 || status > 599) return;
  if (EndpointStats* entry = entry_of(handle)) {
    add_to_cell(entry->responses[status / 100 - 2], 1);
    add_to_cell(entry->latency_sum_ns, latency_ns);
  }
}

void EndpointStatsTable::count_failure(SlotHandle handle) const {
  if (EndpointStats* entry = entry_of(handle)) add_to_cell(entry->failures, 1);
}

std::expected<EndpointStatsRegion, std::string> EndpointStatsRegion::create(std::uint32_t worker_count,
                                                                            std::uint32_t slot_count) {
  if (worker_count == 0 || worker_count > workers_max || slot_count == 0 || slot_count > slots_max) {
    return std::unexpected(std::string("endpoint statistics: impossible number of workers or slots"));
  }
  const std::size_t entry_count = std::size_t{worker_count} * slot_count;
  auto memory =
      create_region("byway-endpoint-stats", sizeof(RegionHead) + entry_count * sizeof(EndpointStats));
  if (!memory) return std::unexpected(memory.error());
  new (memory->mapping.writable_bytes().data()) RegionHead{region_magic, worker_count, slot_count};
  EndpointStatsRegion region;
  region.memory_ = std::move(*memory);
  region.slot_count_ = slot_count;
  return region;
}

EndpointStatsTable EndpointStatsRegion::table(std::uint32_t worker) {
  std::byte* const entries = memory_.mapping.writable_bytes().data() + sizeof(RegionHead);
  auto* const first = reinterpret_cast<EndpointStats*>(entries) + std::size_t{worker} * slot_count_;
  return EndpointStatsTable({first, slot_count_});
}

std::expected<EndpointStatsReader, std::string> EndpointStatsReader::open(std::span<const std::byte> region) {
  RegionHead head{};
  if (region.size() < sizeof head) return std::unexpected(std::string("endpoint statistics are too short"));
  std::memcpy(&head, region.data(), sizeof head);
  if (head.magic != region_magic)
    return std::unexpected(std::string("not endpoint statistics of a known layout"));
  const std::size_t entry_count = std::size_t{head.worker_count} * head.slot_count;
  if (head.worker_count == 0 || head.worker_count > workers_max || head.slot_count > slots_max ||
      region.size() != sizeof head + entry_count * sizeof(EndpointStats)) {
    return std::unexpected(std::string("endpoint statistics have impossible sizes"));
  }
  EndpointStatsReader reader;
  reader.entries_ = {reinterpret_cast<const EndpointStats*>(region.data() + sizeof head), entry_count};
  reader.worker_count_ = head.worker_count;
  reader.slot_count_ = head.slot_count;
  return reader;
}

EndpointStats EndpointStatsReader::sum(SlotHandle handle) const {
  EndpointStats sum{handle.generation, 0, {}, 0, 0};
  if (handle.is_none() || handle.index >= slot_count_) return sum;
  for (std::uint32_t worker = 0; worker < worker_count_; ++worker) {
    const EndpointStats& entry = entries_[std::size_t{worker} * slot_count_ + handle.index];
    const auto generation = std::atomic_ref<std::uint64_t>(const_cast<std::uint64_t&>(entry.slot_generation));
    if (generation.load(std::memory_order_acquire) != handle.generation) continue;
    sum.requests += read_cell(entry.requests);
    for (std::size_t index = 0; index < 4; ++index) sum.responses[index] += read_cell(entry.responses[index]);
    sum.failures += read_cell(entry.failures);
    sum.latency_sum_ns += read_cell(entry.latency_sum_ns);
  }
  return sum;
}

}  // namespace byway::shm
