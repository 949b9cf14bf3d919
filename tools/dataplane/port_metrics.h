// What devices count themselves, as metrics byway_port_*: read by the main thread once a second, beside the
// counters of the workers. They stand in the first worker's block of the counter region, in cells that no
// worker writes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "control/shm/counters.h"
#include "dataplane/port.h"

namespace byway::tools {

enum class PortCounter : std::uint32_t {
#define BYWAY_COUNTER(name, kind, help) name,
#include "tools/dataplane/port_counters.def"
#undef BYWAY_COUNTER
  count
};
inline constexpr std::size_t port_counters_count = static_cast<std::size_t>(PortCounter::count);

/// A count that only rises, made of one that begins at 0 again at times: the statistics of a memif port when
/// its peer has gone, those of a card that was reset. What was counted between the last look and that is
/// lost.
class RisingCount {
 public:
  std::uint64_t update(std::uint64_t counted) {
    if (counted < last_) base_ += last_;
    last_ = counted;
    return base_ + counted;
  }

 private:
  std::uint64_t base_ = 0;
  std::uint64_t last_ = 0;
};

/// Main thread.
class PortMetrics {
 public:
  /// `ports`: names of the devices' (first) ports.
  explicit PortMetrics(const std::vector<std::string>& ports);

  /// In the order of their cells; the texts live as long as this.
  [[nodiscard]] std::vector<shm::MetricDescription> descriptions() const;
  /// `position`: of the first of them among all metrics of the region.
  void attach(shm::CounterRegion& region, std::uint32_t position);
  /// After attach(). `port`: its place among the names.
  void update(std::size_t port, const PortStatistics& statistics, bool is_link_up);

 private:
  [[nodiscard]] std::size_t place(PortCounter counter, std::size_t port) const {
    return static_cast<std::size_t>(counter) * port_count_ + port;  // samples of one metric follow each other
  }

  std::size_t port_count_;
  std::vector<std::string> names_;  ///< by place()
  std::vector<std::array<RisingCount, port_counters_count>> counts_;
  std::vector<std::uint64_t*> cells_;  ///< by place()
};

}  // namespace byway::tools
