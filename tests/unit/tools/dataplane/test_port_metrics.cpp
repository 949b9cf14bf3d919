#include <catch2/catch_test_macros.hpp>

#include "tools/dataplane/metrics.h"
#include "tools/dataplane/port_metrics.h"

using namespace byway;
using namespace byway::tools;

TEST_CASE("a port's metrics have a place of their own beside the workers', and never fall") {
  PortMetrics metrics({"clients", "services"});
  std::vector<shm::MetricDescription> all(metric_descriptions().begin(), metric_descriptions().end());
  const auto position = static_cast<std::uint32_t>(all.size());
  for (const shm::MetricDescription& description : metrics.descriptions()) all.push_back(description);
  auto region = shm::CounterRegion::create(all, 2);
  if (!region) FAIL(region.error());
  metrics.attach(*region, position);
  const auto reader = shm::CounterReader::open(region->memory().mapping.bytes());
  REQUIRE(reader.has_value());
  const auto value = [&](const char* name) { return reader->sum(*reader->find(name)); };

  metrics.update(0,
                 {.rx_frames = 1,
                  .rx_bytes = 2,
                  .rx_missed = 3,
                  .rx_errors = 4,
                  .rx_no_buffer = 5,
                  .tx_frames = 6,
                  .tx_bytes = 7,
                  .tx_errors = 8},
                 true);
  metrics.update(1, {.rx_frames = 100}, false);
  CHECK(value("byway_port_rx_frames_total{port=\"clients\"}") == 1);
  CHECK(value("byway_port_rx_bytes_total{port=\"clients\"}") == 2);
  CHECK(value("byway_port_rx_missed_total{port=\"clients\"}") == 3);
  CHECK(value("byway_port_rx_errors_total{port=\"clients\"}") == 4);
  CHECK(value("byway_port_rx_no_buffer_total{port=\"clients\"}") == 5);
  CHECK(value("byway_port_tx_frames_total{port=\"clients\"}") == 6);
  CHECK(value("byway_port_tx_bytes_total{port=\"clients\"}") == 7);
  CHECK(value("byway_port_tx_errors_total{port=\"clients\"}") == 8);
  CHECK(value("byway_port_link_up{port=\"clients\"}") == 1);
  CHECK(value("byway_port_rx_frames_total{port=\"services\"}") == 100);
  CHECK(value("byway_port_link_up{port=\"services\"}") == 0);

  metrics.update(1, {}, false);  // its peer has gone, and with it what it counted
  CHECK(value("byway_port_rx_frames_total{port=\"services\"}") == 100);
  metrics.update(1, {.rx_frames = 30}, true);
  metrics.update(1, {.rx_frames = 40}, true);
  CHECK(value("byway_port_rx_frames_total{port=\"services\"}") == 140);
  metrics.update(1, {.rx_frames = 5}, true);
  CHECK(value("byway_port_rx_frames_total{port=\"services\"}") == 145);
}
