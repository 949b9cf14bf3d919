#include "control/shm/counters.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace byway::shm {
namespace {

constexpr std::uint64_t region_magic = 0x3130'7275'6f63'7762;  // "bwcour01", little endian
constexpr std::uint32_t region_layout_version = 1;
constexpr std::size_t page_bytes = 4096;

struct RegionHead {
  std::uint64_t magic;
  std::uint32_t layout_version;
  std::uint32_t worker_count;
  std::uint32_t metric_count;
  std::uint32_t cell_count;  ///< in each block
  std::uint64_t blocks_offset;
  std::uint64_t block_stride;
  std::uint64_t reserved[3];
};
static_assert(sizeof(RegionHead) == 64);

struct DirectoryEntry {
  std::uint32_t kind;
  std::uint32_t first_cell;
  std::uint16_t name_bytes;
  std::uint16_t help_bytes;
  char name[metric_name_bytes_max];
  char help[metric_help_bytes_max];
};
static_assert(sizeof(DirectoryEntry) == 256);

constexpr std::size_t round_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

bool is_text(std::string_view text, std::size_t bytes_max) {
  const auto is_printable = [](char character) { return character >= ' ' && character <= '~'; };
  return !text.empty() && text.size() <= bytes_max && std::ranges::all_of(text, is_printable);
}

bool is_kind(std::uint32_t kind) {
  return kind >= 1 && kind <= 3;
}

/// What is wrong with the list; empty when nothing is.
std::string problem_with(std::span<const MetricDescription> metrics, std::uint32_t worker_count) {
  if (worker_count == 0 || worker_count > workers_max) return "impossible number of workers";
  if (metrics.empty() || metrics.size() > metrics_max) return "no metrics, or too many";
  const auto is_histogram = [](const MetricDescription& metric) {
    return metric.kind == MetricKind::histogram;
  };
  if (std::ranges::count_if(metrics, is_histogram) > histograms_max) return "too many histograms";
  std::set<std::string_view> names;
  for (const MetricDescription& metric : metrics) {
    const std::string name(metric.name);
    if (!is_text(metric.name, metric_name_bytes_max))
      return "metric name is empty, too long or not printable: " + name;
    if (!is_text(metric.help, metric_help_bytes_max))
      return "help is empty, too long or not printable: " + name;
    if (!names.insert(metric.name).second) return "metric name occurs twice: " + name;
  }
  return {};
}

}  // namespace

std::expected<CounterRegion, std::string> CounterRegion::create(std::span<const MetricDescription> metrics,
                                                                std::uint32_t worker_count) {
  if (std::string problem = problem_with(metrics, worker_count); !problem.empty())
    return std::unexpected(problem);
  CounterRegion region;
  for (const MetricDescription& metric : metrics) {
    region.first_cells_.push_back(region.cell_count_);
    region.cell_count_ += metric_cell_count(metric.kind);
  }
  region.blocks_offset_ = round_up(sizeof(RegionHead) + metrics.size() * sizeof(DirectoryEntry), page_bytes);
  // A whole page each: neighbours' lines would otherwise be fetched together by the adjacent-line prefetcher.
  region.block_stride_ = round_up(region.cell_count_ * sizeof(std::uint64_t), page_bytes);
  auto memory = create_region("byway-counters", region.blocks_offset_ + worker_count * region.block_stride_);
  if (!memory) return std::unexpected(memory.error());

  std::byte* const start = memory->mapping.writable_bytes().data();
  const RegionHead head{region_magic,         region_layout_version,
                        worker_count,         static_cast<std::uint32_t>(metrics.size()),
                        region.cell_count_,   region.blocks_offset_,
                        region.block_stride_, {}};
  std::memcpy(start, &head, sizeof head);
  for (std::size_t position = 0; position < metrics.size(); ++position) {
    const MetricDescription& metric = metrics[position];
    DirectoryEntry entry{static_cast<std::uint32_t>(metric.kind),
                         region.first_cells_[position],
                         static_cast<std::uint16_t>(metric.name.size()),
                         static_cast<std::uint16_t>(metric.help.size()),
                         {},
                         {}};
    std::memcpy(entry.name, metric.name.data(), metric.name.size());
    std::memcpy(entry.help, metric.help.data(), metric.help.size());
    std::memcpy(start + sizeof head + position * sizeof entry, &entry, sizeof entry);
  }
  region.memory_ = std::move(*memory);
  return region;
}

std::span<std::uint64_t> CounterRegion::worker_cells(std::uint32_t worker) {
  std::byte* const block = memory_.mapping.writable_bytes().data() + blocks_offset_ + worker * block_stride_;
  return {reinterpret_cast<std::uint64_t*>(block), cell_count_};
}

std::expected<CounterReader, std::string> CounterReader::open(std::span<const std::byte> region) {
  RegionHead head{};
  if (region.size() < sizeof head) return std::unexpected(std::string("counter region is too short"));
  std::memcpy(&head, region.data(), sizeof head);
  if (head.magic != region_magic || head.layout_version != region_layout_version) {
    return std::unexpected(std::string("not a counter region of a layout that this program knows"));
  }
  const std::size_t directory_end = sizeof head + std::size_t{head.metric_count} * sizeof(DirectoryEntry);
  if (head.worker_count == 0 || head.worker_count > workers_max || head.metric_count > metrics_max ||
      head.blocks_offset % cache_line_bytes != 0 || head.block_stride % cache_line_bytes != 0 ||
      head.blocks_offset < directory_end || head.blocks_offset > region.size() ||
      head.block_stride < std::uint64_t{head.cell_count} * sizeof(std::uint64_t) ||
      head.block_stride > (region.size() - head.blocks_offset) / head.worker_count) {
    return std::unexpected(std::string("counter region has impossible sizes"));
  }
  CounterReader reader;
  reader.region_ = region;
  reader.blocks_offset_ = head.blocks_offset;
  reader.block_stride_ = head.block_stride;
  reader.worker_count_ = head.worker_count;
  for (std::uint32_t position = 0; position < head.metric_count; ++position) {
    const auto* entry = reinterpret_cast<const DirectoryEntry*>(region.data() + sizeof head) + position;
    const bool is_sound = is_kind(entry->kind) && entry->name_bytes <= metric_name_bytes_max &&
                          entry->help_bytes <= metric_help_bytes_max && entry->first_cell < head.cell_count &&
                          head.cell_count - entry->first_cell >= metric_cell_count(MetricKind{entry->kind});
    if (!is_sound)
      return std::unexpected("counter directory entry " + std::to_string(position) + " is impossible");
    reader.metrics_.push_back({std::string_view(entry->name, entry->name_bytes),
                               std::string_view(entry->help, entry->help_bytes), MetricKind{entry->kind},
                               entry->first_cell});
  }
  return reader;
}

const CounterReader::Metric* CounterReader::find(std::string_view name) const {
  const auto found = std::ranges::find(metrics_, name, &Metric::name);
  return found == metrics_.end() ? nullptr : &*found;
}

const std::uint64_t* CounterReader::cells_of(std::uint32_t worker) const {
  return reinterpret_cast<const std::uint64_t*>(region_.data() + blocks_offset_ + worker * block_stride_);
}

std::uint64_t CounterReader::value(const Metric& metric, std::uint32_t worker) const {
  return read_cell(cells_of(worker)[metric.first_cell]);
}

std::uint64_t CounterReader::sum(const Metric& metric) const {
  std::uint64_t sum = 0;
  for (std::uint32_t worker = 0; worker < worker_count_; ++worker) sum += value(metric, worker);
  return sum;
}

HistogramSummary CounterReader::histogram(const Metric& metric, std::optional<std::uint32_t> worker) const {
  HistogramSummary summary;
  const std::uint32_t first = worker.value_or(0);
  const std::uint32_t end = worker ? first + 1 : worker_count_;
  for (std::uint32_t current = first; current < end; ++current) {
    const std::uint64_t* cells = cells_of(current) + metric.first_cell;
    summary.add(std::span<const std::uint64_t, histogram_cell_count>(cells, histogram_cell_count));
  }
  return summary;
}

}  // namespace byway::shm
