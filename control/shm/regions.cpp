#include "control/shm/regions.h"

#include <utility>

namespace byway::shm {

std::expected<DataPlaneRegions, std::string> DataPlaneRegions::create(
    const RegionSizes& sizes, std::span<const MetricDescription> metrics, std::uint64_t instance) {
  auto control = create_control_page(sizes.worker_count, instance);
  if (!control) return std::unexpected(control.error());
  auto counters = CounterRegion::create(metrics, sizes.worker_count);
  if (!counters) return std::unexpected(counters.error());
  auto slots = SlotRegion::create(sizes.slot_count);
  if (!slots) return std::unexpected(slots.error());
  auto endpoint_stats = EndpointStatsRegion::create(sizes.worker_count, sizes.slot_count);
  if (!endpoint_stats) return std::unexpected(endpoint_stats.error());
  auto rings = RingRegion::create(sizes.worker_count, sizes.ring_bytes);
  if (!rings) return std::unexpected(rings.error());
  return DataPlaneRegions{std::move(*control), std::move(*counters), std::move(*slots),
                          std::move(*endpoint_stats), std::move(*rings)};
}

std::array<int, region_count> DataPlaneRegions::descriptors() const {
  return {control.memory.fd.get(),          counters.memory().fd.get(), slots.memory().fd.get(),
          endpoint_stats.memory().fd.get(), rings.memory().fd.get(),    rings.cursors().fd.get()};
}

std::array<std::uint64_t, region_count> DataPlaneRegions::sizes() const {
  const auto bytes = [](const SharedMemory& memory) { return std::uint64_t{memory.mapping.bytes().size()}; };
  return {bytes(control.memory),          bytes(counters.memory()), bytes(slots.memory()),
          bytes(endpoint_stats.memory()), bytes(rings.memory()),    bytes(rings.cursors())};
}

std::expected<AgentRegions, std::string> AgentRegions::open(const Welcome& welcome,
                                                            std::span<const OwnedFd> descriptors) {
  if (descriptors.size() != region_count) return std::unexpected(std::string("regions are missing"));
  AgentRegions regions;
  for (std::uint32_t kind = 0; kind < region_count; ++kind) {
    const bool is_writable = RegionKind{kind} == RegionKind::ring_cursors;
    auto mapping = map_peer_region(descriptors[kind].get(), welcome.region_bytes[kind], is_writable);
    if (!mapping) return std::unexpected("region " + std::to_string(kind) + ": " + mapping.error());
    regions.mappings_.push_back(std::move(*mapping));
  }
  const auto bytes_of = [&regions](RegionKind kind) {
    return regions.mappings_[static_cast<std::uint32_t>(kind)].bytes();
  };
  const auto control = open_control_page(bytes_of(RegionKind::control_page));
  if (!control) return std::unexpected(control.error());
  auto counters = CounterReader::open(bytes_of(RegionKind::counters));
  if (!counters) return std::unexpected(counters.error());
  auto slots = SlotReader::open(bytes_of(RegionKind::slots));
  if (!slots) return std::unexpected(slots.error());
  auto endpoint_stats = EndpointStatsReader::open(bytes_of(RegionKind::endpoint_stats));
  if (!endpoint_stats) return std::unexpected(endpoint_stats.error());
  auto rings = RingReader::open(
      bytes_of(RegionKind::rings),
      regions.mappings_[static_cast<std::uint32_t>(RegionKind::ring_cursors)].writable_bytes());
  if (!rings) return std::unexpected(rings.error());
  if ((*control)->worker_count != welcome.worker_count || counters->worker_count() != welcome.worker_count ||
      endpoint_stats->worker_count() != welcome.worker_count ||
      rings->worker_count() != welcome.worker_count || endpoint_stats->slot_count() != slots->slot_count() ||
      (*control)->instance != welcome.instance) {
    return std::unexpected(std::string("regions contradict each other"));
  }
  regions.control_ = *control;
  regions.counters_ = std::make_unique<CounterReader>(std::move(*counters));
  regions.slots_ = std::make_unique<SlotReader>(*slots);
  regions.endpoint_stats_ = std::make_unique<EndpointStatsReader>(*endpoint_stats);
  regions.rings_ = std::make_unique<RingReader>(std::move(*rings));
  return regions;
}

}  // namespace byway::shm
