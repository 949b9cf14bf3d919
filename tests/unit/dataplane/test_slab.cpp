#include <catch2/catch_test_macros.hpp>

#include "dataplane/slab.h"

using byway::Slab;
using byway::SlabHandle;

TEST_CASE("a slab hands out its capacity and then nothing") {
  Slab<int> slab(2);
  int* a = slab.acquire(1);
  int* b = slab.acquire(2);
  REQUIRE(a != nullptr);
  REQUIRE(b != nullptr);
  CHECK(slab.acquire(3) == nullptr);
  CHECK(slab.is_full());
  slab.release(a);
  CHECK(slab.acquire(4) != nullptr);
}

TEST_CASE("a stale handle finds nothing, also when its place is taken again") {
  Slab<int> slab(1);
  int* a = slab.acquire(7);
  const SlabHandle<int> handle = slab.handle(a);
  CHECK(slab.find(handle) == a);
  slab.release(a);
  CHECK(slab.find(handle) == nullptr);
  int* b = slab.acquire(8);
  CHECK(slab.find(handle) == nullptr);
  CHECK(slab.find(slab.handle(b)) == b);
  CHECK(slab.find(SlabHandle<int>{}) == nullptr);
  Slab<int> unused(128);
  CHECK(unused.find(SlabHandle<int>{99, 1}) == nullptr);
}

TEST_CASE("visit_some sees every object once, in bounded steps") {
  Slab<int> slab(100);
  int* places[50];
  for (int i = 0; i < 50; ++i) places[i] = slab.acquire(i);
  slab.release(places[10]);
  int sum = 0;
  int calls = 0;
  for (std::uint32_t at = 0; at < slab.capacity(); ++calls) {
    at = slab.visit_some(at, 7, [&](int& value) { sum += value; });
  }
  CHECK(sum == 49 * 50 / 2 - 10);
  CHECK(calls == 8);
}
