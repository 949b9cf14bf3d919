#include "l7/upstream/balance.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace byway::l7::upstream {
namespace {

struct Fixture {
  explicit Fixture(std::vector<std::uint32_t> weights, shm::BalancePolicy policy)
      : region(std::move(*shm::SlotRegion::create(64))), balancer(region.table()) {
    backend.id = 99;
    backend.balance = policy;
    for (std::uint32_t i = 0; i < weights.size(); ++i) {
      shm::Endpoint endpoint{};
      endpoint.id = i + 1;
      endpoint.weight = weights[i];
      endpoints.push_back(endpoint);
      slots.push_back(*region.acquire(endpoint.id));
    }
  }
  std::uint32_t pick(std::uint64_t generation = 1) {
    return balancer.pick(
        {.backend = backend, .endpoints = endpoints, .slots = slots, .generation = generation}, random);
  }
  std::vector<int> pick_many(int count) {
    std::vector<int> chosen(endpoints.size());
    for (int i = 0; i < count; ++i) ++chosen[pick()];
    return chosen;
  }

  shm::SlotRegion region;
  shm::Backend backend{};
  std::vector<shm::Endpoint> endpoints;
  std::vector<shm::SlotHandle> slots;
  Balancer balancer;
  Random random{1};
};

}  // namespace

TEST_CASE("round robin gives each endpoint its turn") {
  Fixture f({1, 1, 1}, shm::BalancePolicy::round_robin);
  const std::uint32_t first = f.pick();
  for (std::uint32_t i = 1; i < 30; ++i) CHECK(f.pick() == (first + i) % 3);
}

TEST_CASE("the round goes on over a change of generation") {
  Fixture f({1, 1, 1, 1}, shm::BalancePolicy::round_robin);
  const std::uint32_t first = f.pick(1);
  CHECK(f.pick(2) == (first + 1) % 4);
  CHECK(f.pick(3) == (first + 2) % 4);
}

TEST_CASE("backends do not share a round") {
  Fixture f({1, 1}, shm::BalancePolicy::round_robin);
  shm::Backend other = f.backend;
  other.id = 100;
  std::vector<int> chosen(2);
  for (int i = 0; i < 100; ++i) {
    ++chosen[f.pick()];
    static_cast<void>(f.balancer.pick(
        {.backend = other, .endpoints = f.endpoints, .slots = f.slots, .generation = 1}, f.random));
  }
  CHECK(chosen == std::vector<int>{50, 50});
}

TEST_CASE("weighted round robin keeps every run close to the shares") {
  Fixture f({90, 10}, shm::BalancePolicy::round_robin);
  int first = 0;
  for (int i = 1; i <= 10'000; ++i) {
    if (f.pick() == 0) ++first;
    REQUIRE(std::abs(first - 0.9 * i) < 3);
  }
}

TEST_CASE("least request avoids the endpoint that has more in flight") {
  Fixture f({1, 1}, shm::BalancePolicy::least_request);
  REQUIRE(f.region.table().begin_request(f.slots[0]));
  CHECK(f.pick_many(100) == std::vector<int>{0, 100});
}

TEST_CASE("least request draws idle endpoints evenly, and the most loaded of many never") {
  Fixture f({1, 1, 1, 1, 1}, shm::BalancePolicy::least_request);
  for (int i = 0; i < 3; ++i) REQUIRE(f.region.table().begin_request(f.slots[2]));
  const std::vector<int> chosen = f.pick_many(10'000);
  CHECK(chosen[2] == 0);
  for (const std::size_t i : {0, 1, 3, 4}) CHECK(std::abs(chosen[i] - 2500) < 250);
}

TEST_CASE("least request serves unequal weights by their shares") {
  Fixture f({3, 1}, shm::BalancePolicy::least_request);
  const std::vector<int> idle = f.pick_many(10'000);
  CHECK(std::abs(idle[0] - 7500) < 300);
  // Three requests on the one with weight 3 weigh as much as one on the other.
  for (int i = 0; i < 4; ++i) REQUIRE(f.region.table().begin_request(f.slots[0]));
  REQUIRE(f.region.table().begin_request(f.slots[1]));
  CHECK(f.pick_many(1000)[1] > 300);
}

TEST_CASE("a single endpoint is chosen without a round") {
  Fixture f({5}, shm::BalancePolicy::least_request);
  CHECK(f.pick() == 0);
}

TEST_CASE("more backends than rounds are balanced all the same") {
  Fixture f({1, 1}, shm::BalancePolicy::round_robin);
  for (std::uint64_t id = 1; id < 3 * rounds_max; ++id) {
    f.backend.id = id * 0x9e37'79b9'7f4a'7c15ULL;
    REQUIRE(f.pick() < 2);
  }
}

}  // namespace byway::l7::upstream
