#include "tools/dataplane/port_metrics.h"

#include <fmt/format.h>

#include <atomic>

namespace byway::tools {

namespace {

#define BYWAY_ENDING_counter "_total"
#define BYWAY_ENDING_gauge ""

struct About {
  const char* name;
  shm::MetricKind kind;
  const char* help;
};
constexpr About about[] = {
#define BYWAY_COUNTER(name, kind, help) \
  {"byway_port_" #name BYWAY_ENDING_##kind, shm::MetricKind::kind, help},
#include "tools/dataplane/port_counters.def"
#undef BYWAY_COUNTER
};
static_assert(std::size(about) == port_counters_count);

}  // namespace

PortMetrics::PortMetrics(const std::vector<std::string>& ports)
    : port_count_(ports.size()), counts_(ports.size()) {
  for (const About& counter : about) {
    for (const std::string& port : ports)
      names_.push_back(fmt::format("{}{{port=\"{}\"}}", counter.name, port));
  }
}

std::vector<shm::MetricDescription> PortMetrics::descriptions() const {
  std::vector<shm::MetricDescription> all;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const About& counter = about[i / port_count_];
    all.push_back({names_[i], counter.kind, counter.help});
  }
  return all;
}

void PortMetrics::attach(shm::CounterRegion& region, std::uint32_t position) {
  const std::span<std::uint64_t> cells = region.worker_cells(0);
  for (std::uint32_t i = 0; i < names_.size(); ++i) cells_.push_back(&cells[region.first_cell(position + i)]);
}

void PortMetrics::update(std::size_t port, const PortStatistics& statistics, bool is_link_up) {
  const auto store = [&](PortCounter counter, std::uint64_t value) {
    std::atomic_ref(*cells_[place(counter, port)]).store(value, std::memory_order_relaxed);
  };
  const auto rise = [&](PortCounter counter, std::uint64_t counted) {
    store(counter, counts_[port][static_cast<std::size_t>(counter)].update(counted));
  };
  rise(PortCounter::rx_frames, statistics.rx_frames);
  rise(PortCounter::rx_bytes, statistics.rx_bytes);
  rise(PortCounter::rx_missed, statistics.rx_missed);
  rise(PortCounter::rx_errors, statistics.rx_errors);
  rise(PortCounter::rx_no_buffer, statistics.rx_no_buffer);
  rise(PortCounter::tx_frames, statistics.tx_frames);
  rise(PortCounter::tx_bytes, statistics.tx_bytes);
  rise(PortCounter::tx_errors, statistics.tx_errors);
  store(PortCounter::link_up, is_link_up ? 1 : 0);
}

}  // namespace byway::tools
