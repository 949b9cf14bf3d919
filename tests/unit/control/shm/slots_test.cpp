#include "control/shm/slots.h"

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <thread>

#include "control/shm/endpoint_stats.h"

namespace byway::shm {

TEST_CASE("users of one stable id share a slot, other ids have their own", "[slots]") {
  auto region = SlotRegion::create(4);
  REQUIRE(region.has_value());
  const auto first = region->acquire(100);
  const auto again = region->acquire(100);
  const auto other = region->acquire(200);
  REQUIRE((first && again && other));
  CHECK(*first == *again);
  CHECK(first->index != other->index);
  CHECK(region->used_count() == 2);
  region->release(*first);
  CHECK(region->used_count() == 2);
  region->release(*again);
  CHECK(region->used_count() == 1);
}

TEST_CASE("an endpoint that comes back finds its values, unless the slot was needed for another", "[slots]") {
  auto region = SlotRegion::create(2);
  REQUIRE(region.has_value());
  const SlotTable table = region->table();
  const SlotHandle first = *region->acquire(100);
  table.eject_until(first, 5'000);
  region->release(first);
  CHECK(*region->acquire(100) == first);
  CHECK(table.is_ejected(first, 4'999));
  CHECK_FALSE(table.is_ejected(first, 5'000));

  region->release(first);
  const SlotHandle second = *region->acquire(200);
  CHECK(second.index != first.index);  // never used before, so longest free
  const SlotHandle third = *region->acquire(300);
  CHECK(third.index == first.index);
  CHECK_FALSE(table.is_ejected(third, 0));
  CHECK_FALSE(region->acquire(100).has_value());
}

TEST_CASE("a handle of a slot's former owner does nothing", "[slots]") {
  auto region = SlotRegion::create(1);
  REQUIRE(region.has_value());
  const SlotTable table = region->table();
  const SlotHandle old = *region->acquire(100);
  CHECK(table.begin_request(old));
  CHECK(table.in_flight(old) == 1);
  region->release(old);
  const SlotHandle now = *region->acquire(200);
  table.end_request(old);
  table.record_latency(old, 1'000);
  table.record_failure(old);
  table.eject_until(old, 1'000'000);
  CHECK_FALSE(table.begin_request(old));
  CHECK(table.in_flight(now) == 0);
  CHECK(table.latency_ewma_ns(now) == 0);
  CHECK_FALSE(table.is_ejected(now, 0));
  CHECK(table.record_failure(now) == 1);
  CHECK_FALSE(table.begin_request(SlotHandle{}));
  CHECK_FALSE(table.begin_request(SlotHandle{7, 1}));
}

TEST_CASE("requests in flight come out even when workers count at the same time", "[slots]") {
  auto region = SlotRegion::create(1);
  REQUIRE(region.has_value());
  const SlotTable table = region->table();
  const SlotHandle handle = *region->acquire(100);
  {
    std::vector<std::jthread> workers;
    for (int worker = 0; worker < 3; ++worker) {
      workers.emplace_back([table, handle] {
        for (int round = 0; round < 20'000; ++round) {
          table.begin_request(handle);
          if (round % 100 != 0) table.end_request(handle);
        }
      });
    }
  }
  CHECK(table.in_flight(handle) == 3 * 200);
}

TEST_CASE("latency moves by an eighth of the difference, a success ends a row of failures", "[slots]") {
  auto region = SlotRegion::create(1);
  const SlotTable table = region->table();
  const SlotHandle handle = *region->acquire(1);
  table.record_latency(handle, 8'000);
  CHECK(table.latency_ewma_ns(handle) == 8'000);
  table.record_latency(handle, 16'000);
  CHECK(table.latency_ewma_ns(handle) == 9'000);
  table.record_latency(handle, 1'000);
  CHECK(table.latency_ewma_ns(handle) == 8'000);
  CHECK(table.record_failure(handle) == 1);
  CHECK(table.record_failure(handle) == 2);
  table.record_success(handle);
  CHECK(table.record_failure(handle) == 1);
}

TEST_CASE("a lease takes slots for all endpoints or for none", "[slots]") {
  auto region = SlotRegion::create(3);
  REQUIRE(region.has_value());
  const std::uint64_t two[] = {1, 2};
  const std::uint64_t four[] = {2, 3, 4, 5};
  {
    const auto lease = SlotLease::take(*region, two);
    REQUIRE(lease.has_value());
    CHECK(lease->handles().size() == 2);
    CHECK_FALSE(SlotLease::take(*region, four).has_value());
    CHECK(region->used_count() == 2);
  }
  CHECK(region->used_count() == 0);
}

TEST_CASE("the agent reads slots by index and refuses a region that lies about its size", "[slots]") {
  auto region = SlotRegion::create(3);
  REQUIRE(region.has_value());
  const SlotHandle handle = *region->acquire(42);
  region->table().begin_request(handle);
  const auto bytes = region->memory().mapping.bytes();
  const auto reader = SlotReader::open(bytes);
  REQUIRE(reader.has_value());
  REQUIRE(reader->slot_count() == 3);
  const auto endpoint = reader->read(handle.index);
  REQUIRE(endpoint.has_value());
  CHECK(endpoint->stable_id == 42);
  CHECK(endpoint->in_flight == 1);
  CHECK(endpoint->slot == handle);
  CHECK_FALSE(reader->read(handle.index == 0 ? 1 : 0).has_value());
  CHECK_FALSE(SlotReader::open(bytes.first(bytes.size() - 64)).has_value());
  CHECK_FALSE(SlotReader::open(bytes.first(8)).has_value());
  CHECK_FALSE(SlotRegion::create(0).has_value());
  CHECK_FALSE(SlotRegion::create(slots_max + 1).has_value());
}

TEST_CASE("endpoint statistics sum over workers and begin anew with a slot's next owner", "[slots]") {
  auto slots = SlotRegion::create(1);
  auto region = EndpointStatsRegion::create(2, 1);
  REQUIRE((slots && region));
  const SlotHandle old = *slots->acquire(1);
  region->table(0).count_request(old);
  region->table(1).count_request(old);
  region->table(0).count_response(old, 204, 1'000);
  region->table(1).count_response(old, 503, 3'000);
  region->table(1).count_response(old, 100, 9);
  region->table(1).count_failure(old);
  const auto reader = EndpointStatsReader::open(region->memory().mapping.bytes());
  REQUIRE(reader.has_value());
  EndpointStats sum = reader->sum(old);
  CHECK(sum.requests == 2);
  CHECK(sum.responses[0] == 1);
  CHECK(sum.responses[3] == 1);
  CHECK(sum.failures == 1);
  CHECK(sum.latency_sum_ns == 4'000);

  slots->release(old);
  const SlotHandle now = *slots->acquire(2);
  CHECK(reader->sum(now).requests == 0);
  region->table(0).count_request(now);
  region->table(0).count_request(old);  // an exchange that began before: its endpoint is gone
  sum = reader->sum(now);
  CHECK(sum.requests == 1);
  CHECK(sum.responses[0] == 0);
  CHECK(reader->sum(old).requests == 1);  // worker 1 has not seen the new owner yet
  CHECK_FALSE(EndpointStatsReader::open(region->memory().mapping.bytes().first(64)).has_value());
}

}  // namespace byway::shm
