#include "l7/upstream/pool.h"

#include <catch2/catch_test_macros.hpp>
#include <deque>
#include <map>
#include <random>
#include <vector>

namespace byway::l7::upstream {
namespace {

struct Idle : IdleLinks {
  explicit Idle(std::uint64_t number_) : number(number_) {}
  std::uint64_t number;
};

std::uint64_t number_of(IdleLinks* idle) {
  return idle == nullptr ? 0 : static_cast<Idle*>(idle)->number;
}

}  // namespace

TEST_CASE("the newest idle connection of an endpoint is taken first") {
  Pool pool(8);
  Idle a(1), b(2), other(3);
  REQUIRE(pool.put(a, 7));
  REQUIRE(pool.put(b, 7));
  REQUIRE(pool.put(other, 8));
  CHECK(number_of(pool.oldest()) == 1);
  CHECK(number_of(pool.take(7)) == 2);
  CHECK(number_of(pool.take(7)) == 1);
  CHECK(pool.take(7) == nullptr);
  CHECK(number_of(pool.take(8)) == 3);
  CHECK(pool.count() == 0);
}

TEST_CASE("an endpoint keeps its bound of idle connections and not one more") {
  Pool pool(idle_per_endpoint_max + 2);
  std::deque<Idle> idle;
  for (std::uint32_t i = 0; i < idle_per_endpoint_max; ++i) REQUIRE(pool.put(idle.emplace_back(i), 7));
  Idle surplus(0);
  CHECK_FALSE(pool.put(surplus, 7));
  CHECK_FALSE(surplus.is_pooled());
  CHECK(pool.put(surplus, 8));
  while (pool.oldest() != nullptr) pool.remove(*pool.oldest());
}

TEST_CASE("the pool behaves as lists per endpoint do, whatever is put, taken and removed") {
  constexpr std::uint32_t connections = 64;
  std::mt19937_64 random(1);
  Pool pool(connections);
  std::deque<Idle> all;
  for (std::uint32_t i = 0; i < connections; ++i) all.emplace_back(i + 1);
  std::map<std::uint64_t, std::vector<Idle*>> model;  // oldest first
  std::vector<Idle*> order;                           // oldest first, over all
  // Few ids, and such as differ in their high bits only, so that probe sequences meet.
  const auto id = [&] { return (random() % 12) << (random() % 2 * 40); };
  const auto forget = [&](Idle* idle) {
    std::erase(order, idle);
    for (auto& [key, list] : model) std::erase(list, idle);
  };
  for (int step = 0; step < 200'000; ++step) {
    switch (random() % 3) {
      case 0: {
        Idle& idle = all[random() % connections];
        if (idle.is_pooled()) break;
        const std::uint64_t key = id();
        REQUIRE(pool.put(idle, key));
        model[key].push_back(&idle);
        order.push_back(&idle);
        break;
      }
      case 1: {
        const std::uint64_t key = id();
        Idle* expected = model[key].empty() ? nullptr : model[key].back();
        REQUIRE(pool.count_of(key) == model[key].size());
        REQUIRE(pool.take(key) == expected);
        if (expected != nullptr) forget(expected);
        break;
      }
      default: {
        if (order.empty()) break;
        Idle* idle = order[random() % order.size()];
        pool.remove(*idle);
        forget(idle);
      }
    }
    REQUIRE(pool.count() == order.size());
    REQUIRE(pool.oldest() == (order.empty() ? nullptr : order.front()));
  }
  while (pool.oldest() != nullptr) pool.remove(*pool.oldest());
}

}  // namespace byway::l7::upstream
