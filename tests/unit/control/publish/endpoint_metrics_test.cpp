#include "control/publish/endpoint_metrics.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "control/shm/endpoints_builder.h"
#include "tests/unit/control/support/prometheus_text.h"

namespace byway::control {
namespace {

struct Regions {
  explicit Regions(std::uint32_t slot_count)
      : slots(shm::SlotRegion::create(slot_count).value()),
        stats(shm::EndpointStatsRegion::create(2, slot_count).value()) {}
  shm::SlotRegion slots;
  shm::EndpointStatsRegion stats;

  [[nodiscard]] std::string text(const shm::BlobBytes& endpoints) const {
    return endpoint_metrics_text(shm::EndpointsView(endpoints.data()),
                                 shm::SlotReader::open(slots.memory().mapping.bytes()).value(),
                                 shm::EndpointStatsReader::open(stats.memory().mapping.bytes()).value());
  }
};

shm::EndpointSpec at(std::uint32_t ipv4, std::uint16_t tcp_port) {
  return {shm::IpAddress::from_ipv4(ipv4), tcp_port, 1};
}

shm::SlotHandle slot_of(Regions& regions, std::string_view backend, const shm::EndpointSpec& endpoint) {
  return regions.slots.acquire(shm::endpoint_id(backend, endpoint.address, endpoint.tcp_port)).value();
}

TEST_CASE("what workers count about an endpoint is summed under the names of its backend and its address") {
  Regions regions(8);
  const auto blob =
      shm::build_endpoints(
          {{"shop/web:80", shm::BalancePolicy::round_robin, {at(0x0A510002, 8080), at(0x0A510003, 8080)}}})
          .value();
  const shm::SlotHandle first = slot_of(regions, "shop/web:80", at(0x0A510002, 8080));
  slot_of(regions, "shop/web:80", at(0x0A510003, 8080));
  for (std::uint32_t worker : {0u, 1u}) {
    const shm::EndpointStatsTable table = regions.stats.table(worker);
    table.count_request(first);
    table.count_request(first);
    table.count_response(first, 200, 1'500'000);
    table.count_failure(first);
  }
  regions.stats.table(1).count_response(first, 503, 500'000);
  const auto parsed = parse_prometheus(regions.text(blob));
  INFO((parsed ? "" : parsed.error()));
  REQUIRE(parsed.has_value());
  const std::string labels =
      R"(backend_namespace="shop",backend_name="web",backend_port="80",endpoint="10.81.0.2:8080")";
  CHECK(parsed->at("byway_endpoint_requests_total{" + labels + "}") == 4);
  CHECK(parsed->at("byway_endpoint_failures_total{" + labels + "}") == 2);
  CHECK(parsed->at("byway_endpoint_responses_total{" + labels + ",class=\"2xx\"}") == 2);
  CHECK(parsed->at("byway_endpoint_responses_total{" + labels + ",class=\"4xx\"}") == 0);
  CHECK(parsed->at("byway_endpoint_responses_total{" + labels + ",class=\"5xx\"}") == 1);
  CHECK(parsed->at("byway_endpoint_first_byte_seconds_sum{" + labels + "}") == 0.0035);
  CHECK(parsed->at("byway_endpoint_first_byte_seconds_count{" + labels + "}") == 3);
  CHECK(
      parsed->at("byway_endpoint_requests_total{backend_namespace=\"shop\",backend_name=\"web\",backend_port="
                 "\"80\",endpoint=\"10.81.0.3:8080\"}") == 0);
  CHECK(parsed->types.at("byway_endpoint_first_byte_seconds") == "summary");
}

TEST_CASE("an endpoint without a slot is not shown, nor are counts of a slot's former endpoint") {
  Regions regions(1);
  const auto blob =
      shm::build_endpoints(
          {{"shop/web:80", shm::BalancePolicy::round_robin, {at(0x0A510002, 8080), at(0x0A510003, 8080)}}})
          .value();
  const shm::SlotHandle first = slot_of(regions, "shop/web:80", at(0x0A510002, 8080));
  regions.stats.table(0).count_request(first);
  regions.slots.release(first);
  slot_of(regions, "shop/web:80", at(0x0A510003, 8080));
  const auto parsed = parse_prometheus(regions.text(blob));
  REQUIRE(parsed.has_value());
  CHECK(parsed->samples.size() == 9);
  CHECK(
      parsed->at("byway_endpoint_requests_total{backend_namespace=\"shop\",backend_name=\"web\",backend_port="
                 "\"80\",endpoint=\"10.81.0.3:8080\"}") == 0);
}

TEST_CASE("endpoints beyond the bound are left out and counted") {
  constexpr std::uint32_t more = 3;
  Regions regions(endpoint_metrics_max + more);
  shm::BackendSpec backend{"shop/web:80", shm::BalancePolicy::round_robin, {}};
  for (std::uint32_t i = 0; i < endpoint_metrics_max + more; ++i) {
    backend.endpoints.push_back(at(0x0A000001 + i, 80));
    slot_of(regions, backend.name, backend.endpoints.back());
  }
  const auto parsed = parse_prometheus(regions.text(shm::build_endpoints({backend}).value()));
  REQUIRE(parsed.has_value());
  CHECK(parsed->samples.size() == endpoint_metrics_max * 8 + 1);
  CHECK(parsed->at("byway_endpoints_left_out") == more);
}

TEST_CASE("the reader of these tests takes what Prometheus takes, and nothing else") {
  const std::string head = "# HELP a A.\n# TYPE a counter\n";
  CHECK(parse_prometheus(head + "a 1\na{b=\"c\\\"d\",e=\"\"} 2.5\n").has_value());
  for (const char* wrong :
       {"a{b=\"c} 1\n", "a{b=c} 1\n", "a{b=\"c\",b=\"d\"} 1\n", "a x\n", "a\n", "b 1\n", "a 1\na 2\n",
        "a{b=\"\\x\"} 1\n", "a 1", "1a 1\n", "# TYPE a counter\n", "# HELP a B.\n"}) {
    INFO(wrong);
    CHECK_FALSE(parse_prometheus(head + wrong).has_value());
  }
  CHECK_FALSE(parse_prometheus("a 1\n").has_value());
  const std::string histogram = "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\n";
  CHECK(parse_prometheus(histogram + "h_bucket{le=\"+Inf\"} 3\nh_sum 1\nh_count 3\n").has_value());
  CHECK_FALSE(parse_prometheus(histogram + "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n").has_value());
  CHECK_FALSE(parse_prometheus(histogram + "h_bucket{le=\"+Inf\"} 3\nh_sum 1\nh_count 4\n").has_value());
}

}  // namespace
}  // namespace byway::control
