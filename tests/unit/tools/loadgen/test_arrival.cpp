#include <catch2/catch_test_macros.hpp>

#include "tools/loadgen/arrival.h"
#include "tools/loadgen/results.h"

using namespace byway;
using namespace byway::loadgen;

TEST_CASE("arrivals keep their rate exactly over millions of requests") {
  Arrival arrival(300'000, Instant{0});
  for (int i = 0; i < 3'000'000; ++i) arrival.take();
  CHECK(arrival.next() == Instant{10'000'000'000});
  CHECK(arrival.overdue(Instant{10'000'000'000} - 1ns) == 0);
  CHECK(arrival.overdue(Instant{10'000'000'000}) == 1);
  CHECK(arrival.overdue(Instant{11'000'000'000}) == 300'001);
}

TEST_CASE("a report names every failure and is JSON that adds up") {
  Results results;
  results.begun = 3;
  results.completed = 2;
  results.failures[static_cast<std::size_t>(Failure::status)] = 1;
  shm::HistogramWriter(results.latency.data()).record(50'000);
  shm::HistogramWriter(results.latency.data()).record(90'000);
  const std::string text = report_text(results, {.seconds = 2, .connections = 1});
  CHECK(text.find("failed 1: status 1") != std::string::npos);
  CHECK(text.find("1 requests/s") != std::string::npos);
  const std::string json = report_json(results, {.seconds = 2, .connections = 1});
  CHECK(json.find("\"status\": 1") != std::string::npos);
  CHECK(json.find("\"completed\": 2") != std::string::npos);
}
