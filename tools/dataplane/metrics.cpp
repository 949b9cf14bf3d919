#include "tools/dataplane/metrics.h"

namespace byway::tools {

namespace {

// Names end as Prometheus wants it: _total for what only rises. Kinds are words of the .def files.
#define BYWAY_ENDING_counter "_total"
#define BYWAY_ENDING_gauge ""

constexpr shm::MetricDescription descriptions[] = {
#define BYWAY_COUNTER(name, kind, help) \
  {"byway_worker_" #name BYWAY_ENDING_##kind, shm::MetricKind::kind, help},
#include "dataplane/worker_counters.def"
#undef BYWAY_COUNTER

#define BYWAY_DROP(reason, help) {"byway_net_drop_" #reason "_total", shm::MetricKind::counter, help},
#define BYWAY_COUNTER(name, kind, help) {"byway_net_" #name BYWAY_ENDING_##kind, shm::MetricKind::kind, help},
#include "dataplane/net/counters.def"
#undef BYWAY_COUNTER
#undef BYWAY_DROP

#define BYWAY_COUNTER(name, kind, help) {"byway_tcp_" #name BYWAY_ENDING_##kind, shm::MetricKind::kind, help},
#include "dataplane/tcp/counters.def"
#undef BYWAY_COUNTER

#define BYWAY_HISTOGRAM(name, help)
#define BYWAY_COUNTER(name, kind, help) \
  {"byway_http_" #name BYWAY_ENDING_##kind, shm::MetricKind::kind, help},
#include "l7/counters.def"
#undef BYWAY_COUNTER
#undef BYWAY_HISTOGRAM

// l7/counters.h: the histograms have their own cells, behind the counters.
#define BYWAY_COUNTER(name, kind, help)
#define BYWAY_HISTOGRAM(name, help) {"byway_http_" #name "_seconds", shm::MetricKind::histogram, help},
#include "l7/counters.def"
#undef BYWAY_COUNTER
#undef BYWAY_HISTOGRAM
};

constexpr std::uint32_t net_first = WorkerCounters::size;
constexpr std::uint32_t tcp_first = net_first + net::Counters::size;
constexpr std::uint32_t http_first = tcp_first + tcp::Counters::size;
constexpr std::uint32_t histograms_first = http_first + l7::Counters::size;
static_assert(std::size(descriptions) == histograms_first + static_cast<std::size_t>(l7::Histogram::count),
              "one description for each cell, in the order of the enumerations");

template <std::size_t Size>
std::span<std::uint64_t, Size> part(const shm::CounterRegion& region, std::span<std::uint64_t> cells,
                                    std::uint32_t first_metric) {
  return cells.subspan(region.first_cell(first_metric)).first<Size>();
}

}  // namespace

std::span<const shm::MetricDescription> metric_descriptions() {
  return descriptions;
}

WorkerCells cells_of_worker(shm::CounterRegion& region, std::uint32_t worker) {
  const std::span<std::uint64_t> cells = region.worker_cells(worker);
  return {{WorkerCounters(part<WorkerCounters::size>(region, cells, 0)),
           net::Counters(part<net::Counters::size>(region, cells, net_first)),
           tcp::Counters(part<tcp::Counters::size>(region, cells, tcp_first))},
          l7::Telemetry(part<l7::Counters::size>(region, cells, http_first),
                        part<l7::histogram_cells_count>(region, cells, histograms_first))};
}

}  // namespace byway::tools
