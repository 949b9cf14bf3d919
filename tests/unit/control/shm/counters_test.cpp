#include "control/shm/counters.h"

#include <catch2/catch_test_macros.hpp>
#include <cstring>

namespace byway::shm {
namespace {

constexpr MetricDescription metrics[] = {
    {"net_rx_packets", MetricKind::counter, "Frames received."},
    {"http_duration", MetricKind::histogram, "From the first byte in to the last byte out."},
    {"tcp_connections", MetricKind::gauge, "Connections that are open."},
};

std::vector<std::byte> copy_of(const CounterRegion& region) {
  const auto bytes = region.memory().mapping.bytes();
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("a reader finds each metric by the directory and sums it over workers", "[counters]") {
  auto region = CounterRegion::create(metrics, 3);
  REQUIRE(region.has_value());
  add_to_cell(region->worker_cells(0)[region->first_cell(0)], 5);
  add_to_cell(region->worker_cells(2)[region->first_cell(0)], 7);
  set_cell(region->worker_cells(1)[region->first_cell(2)], 4);
  HistogramWriter(&region->worker_cells(1)[region->first_cell(1)]).record(3'000);
  HistogramWriter(&region->worker_cells(2)[region->first_cell(1)]).record(9'000);

  const std::size_t bytes = region->memory().mapping.bytes().size();
  const auto peer = map_peer_region(region->memory().fd.get(), bytes, false);
  REQUIRE(peer.has_value());
  const auto reader = CounterReader::open(peer->bytes());
  REQUIRE(reader.has_value());
  REQUIRE(reader->metrics().size() == 3);
  CHECK(reader->worker_count() == 3);
  CHECK(reader->find("nothing") == nullptr);
  const auto* packets = reader->find("net_rx_packets");
  REQUIRE(packets != nullptr);
  CHECK(packets->help == "Frames received.");
  CHECK(packets->kind == MetricKind::counter);
  CHECK(reader->sum(*packets) == 12);
  CHECK(reader->value(*packets, 2) == 7);
  CHECK(reader->sum(*reader->find("tcp_connections")) == 4);
  const auto* duration = reader->find("http_duration");
  CHECK(reader->histogram(*duration).count() == 2);
  CHECK(reader->histogram(*duration, 1).sum_ns() == 3'000);
}

TEST_CASE("workers share no cache line", "[counters]") {
  auto region = CounterRegion::create(metrics, 2);
  REQUIRE(region.has_value());
  const auto first = region->worker_cells(0);
  const auto second = region->worker_cells(1);
  CHECK(reinterpret_cast<std::uintptr_t>(first.data()) % cache_line_bytes == 0);
  CHECK(reinterpret_cast<std::uintptr_t>(second.data()) % cache_line_bytes == 0);
  CHECK(second.data() >= first.data() + first.size());
}

TEST_CASE("a list of metrics that a reader could not trust is refused", "[counters]") {
  const std::string long_name(metric_name_bytes_max + 1, 'a');
  const std::string longest_name(metric_name_bytes_max, 'a');
  const auto create = [](std::vector<MetricDescription> list) {
    return CounterRegion::create(list, 1).has_value();
  };
  CHECK(create({{longest_name, MetricKind::counter, "h"}}));
  CHECK_FALSE(create({{long_name, MetricKind::counter, "h"}}));
  CHECK_FALSE(create({{"", MetricKind::counter, "h"}}));
  CHECK_FALSE(create({{"a", MetricKind::counter, ""}}));
  CHECK_FALSE(create({{"a", MetricKind::counter, "one\ntwo"}}));
  CHECK_FALSE(create({{"a", MetricKind::counter, "h"}, {"a", MetricKind::gauge, "h"}}));
  CHECK_FALSE(create({}));
  CHECK_FALSE(CounterRegion::create(metrics, 0).has_value());
  CHECK_FALSE(CounterRegion::create(metrics, workers_max + 1).has_value());
}

TEST_CASE("a region whose head or directory lies is refused", "[counters]") {
  const auto region = CounterRegion::create(metrics, 2);
  REQUIRE(region.has_value());
  const auto original = copy_of(*region);
  REQUIRE(CounterReader::open(original).has_value());
  // Each word of the head and of the first entry that is a number, set to something large.
  const auto opens_with = [&](std::size_t offset) {
    auto bytes = original;
    const std::uint32_t large = 0x7fff'ffff;
    std::memcpy(bytes.data() + offset, &large, sizeof large);
    return CounterReader::open(bytes).has_value();
  };
  for (const std::size_t offset : {0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 64, 68, 72}) {
    CAPTURE(offset);
    CHECK_FALSE(opens_with(offset));
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{63}, std::size_t{64}, original.size() - 1}) {
    const std::vector<std::byte> cut(original.begin(), original.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK_FALSE(CounterReader::open(cut).has_value());
  }
}

}  // namespace byway::shm
