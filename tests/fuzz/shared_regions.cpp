// Any bytes as the regions of a data plane: the agent's readers refuse them, or read within their bounds.
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "control/shm/control_page.h"
#include "control/shm/counters.h"
#include "control/shm/endpoint_stats.h"
#include "control/shm/ring.h"
#include "control/shm/slots.h"

namespace {

using namespace byway::shm;

using Region = std::span<const std::byte>;

constexpr std::align_val_t region_alignment{cache_line_bytes};

struct AlignedDelete {
  void operator()(std::byte* memory) const { ::operator delete(memory, region_alignment); }
};

void read_counters(Region region) {
  const auto reader = CounterReader::open(region);
  if (!reader) return;
  for (const CounterReader::Metric& metric : reader->metrics()) {
    if (metric.kind == MetricKind::histogram) {
      static_cast<void>(reader->histogram(metric).quantile_ns(0.5));
    } else {
      static_cast<void>(reader->sum(metric));
    }
  }
}

void read_slots(Region region) {
  const auto reader = SlotReader::open(region);
  for (std::uint32_t index = 0; reader && index < reader->slot_count(); ++index)
    static_cast<void>(reader->read(index));
}

void read_endpoint_stats(Region region) {
  const auto reader = EndpointStatsReader::open(region);
  for (std::uint32_t index = 0; reader && index < reader->slot_count(); ++index) {
    static_cast<void>(reader->sum({index, 1}));
  }
}

void read_rings(Region region, std::uint64_t consumed) {
  std::vector<std::byte> cursors(cursor_page_bytes, std::byte{0});
  std::memcpy(cursors.data(), &consumed, sizeof consumed);
  auto reader = RingReader::open(region, cursors);
  for (std::uint32_t worker = 0; reader && worker < reader->worker_count(); ++worker) {
    static_cast<void>(reader->read(worker, 64));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Byte 0 says which region, bytes 8..15 are a cursor; the rest, on a boundary as mappings have it, is the
  // region.
  if (size < 16) return 0;
  const std::size_t bytes = size - 16;
  // Exactly as long as it says, so that the address sanitizer sees one byte too far.
  const std::unique_ptr<std::byte, AlignedDelete> owner(
      static_cast<std::byte*>(::operator new(bytes, region_alignment)));
  std::memcpy(owner.get(), data + 16, bytes);
  const Region region(owner.get(), bytes);
  std::uint64_t consumed = 0;
  std::memcpy(&consumed, data + 8, sizeof consumed);
  switch (data[0] % 5) {
    case 0:
      static_cast<void>(open_control_page(region));
      break;
    case 1:
      read_counters(region);
      break;
    case 2:
      read_slots(region);
      break;
    case 3:
      read_endpoint_stats(region);
      break;
    case 4:
      read_rings(region, consumed);
      break;
  }
  return 0;
}
