// All memory that a data plane shares, as one thing: made at start, handed to each agent, opened by it.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "control/shm/control_page.h"
#include "control/shm/counters.h"
#include "control/shm/endpoint_stats.h"
#include "control/shm/messages.h"
#include "control/shm/ring.h"
#include "control/shm/slots.h"

namespace byway::shm {

/// How large the regions are.
struct RegionSizes {
  std::uint32_t worker_count = 1;
  std::uint32_t slot_count = 8192;         ///< 4,096 endpoints, twice while sets change
  std::uint32_t ring_bytes = 1024 * 1024;  ///< of each worker
};

/// The data plane's regions. Owner: the main thread; the addresses in it do not change when it is moved.
struct DataPlaneRegions {
  ControlRegion control;
  CounterRegion counters;
  SlotRegion slots;
  EndpointStatsRegion endpoint_stats;
  RingRegion rings;

  /// Makes all of them. `instance` differs for each start (a random number, or the time).
  [[nodiscard]] static std::expected<DataPlaneRegions, std::string> create(
      const RegionSizes& sizes, std::span<const MetricDescription> metrics, std::uint64_t instance);

  /// Descriptors and sizes, by RegionKind.
  [[nodiscard]] std::array<int, region_count> descriptors() const;
  [[nodiscard]] std::array<std::uint64_t, region_count> sizes() const;
};

/// The agent's view of the regions of one data plane. Valid after that data plane has died, too (its last
/// figures).
class AgentRegions {
 public:
  /// Maps and checks everything that came with a Welcome.
  [[nodiscard]] static std::expected<AgentRegions, std::string> open(const Welcome& welcome,
                                                                     std::span<const OwnedFd> descriptors);

  [[nodiscard]] const ControlPage& control() const { return *control_; }
  [[nodiscard]] const CounterReader& counters() const { return *counters_; }
  [[nodiscard]] const SlotReader& slots() const { return *slots_; }
  [[nodiscard]] const EndpointStatsReader& endpoint_stats() const { return *endpoint_stats_; }
  [[nodiscard]] RingReader& rings() { return *rings_; }

 private:
  AgentRegions() = default;
  std::vector<RegionMapping> mappings_;
  const ControlPage* control_ = nullptr;
  // Behind pointers, because readers have no empty state.
  std::unique_ptr<CounterReader> counters_;
  std::unique_ptr<SlotReader> slots_;
  std::unique_ptr<EndpointStatsReader> endpoint_stats_;
  std::unique_ptr<RingReader> rings_;
};

}  // namespace byway::shm
