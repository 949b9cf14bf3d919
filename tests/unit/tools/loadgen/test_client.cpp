#include <catch2/catch_test_macros.hpp>
#include <string>

#include "tests/support/memory_stream.h"
#include "tools/loadgen/client.h"

using namespace byway;
using namespace byway::loadgen;
using byway::test::MemoryConnector;
using byway::test::MemoryStream;

namespace {

const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

struct Bed {
  HeapProvider heap;
  SlicePool slices{1024};
  MemoryConnector connector{slices, heap};
  Scenario scenario;
  std::unique_ptr<Client> client;
  Instant now{1'000'000'000};

  Bed() {
    scenario.target = {net::IpAddress::from_v4({0x0a000001}), 80};
    scenario.connections = 1;
  }
  ~Bed() {
    if (client) {
      client->close_all();
      client->release_request();
      client.reset();
    }
    connector.clear();
    CHECK(slices.in_use() == 0);
    CHECK(heap.live() == 0);
  }
  void start() {
    client = std::make_unique<Client>(scenario, connector, Memory{slices, heap});
    REQUIRE(client->start(now));
    round();
  }
  void round(Nanoseconds after = Nanoseconds{0}) {
    now = now + after;
    client->on_round(now);
  }
  MemoryStream& connect() {
    connector.last().complete_connect();
    return connector.last();
  }
  [[nodiscard]] std::uint64_t failures(Failure kind) const {
    return client->results().failures[static_cast<std::size_t>(kind)];
  }
};

}  // namespace

TEST_CASE("a closed loop sends the next request when the answer is whole, however it is cut") {
  Bed bed;
  bed.scenario.host = "shop";
  bed.start();
  MemoryStream& stream = bed.connect();
  CHECK(stream.take_written() ==
        "GET / HTTP/1.1\r\nHost: shop\r\nUser-Agent: byway-loadgen\r\nAccept: */*\r\n\r\n");
  for (const char byte : answer) stream.deliver(std::string(1, byte));
  CHECK(bed.client->results().completed == 1);
  CHECK(stream.take_written().starts_with("GET / "));
  stream.deliver(answer);
  CHECK(bed.client->results().completed == 2);
  CHECK(bed.client->results().failed() == 0);
  CHECK(bed.client->results().bytes_in == 10);
}

TEST_CASE("other bytes, another length, another status, no HTTP and a broken connection are told apart") {
  Bed bed;
  bed.start();
  MemoryStream* stream = &bed.connect();
  stream->deliver(answer);
  stream->deliver("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhellO");
  CHECK(bed.failures(Failure::body) == 1);
  stream->deliver("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhell");
  CHECK(bed.failures(Failure::body) == 2);
  stream->deliver("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
  CHECK(bed.failures(Failure::status) == 1);
  CHECK(bed.failures(Failure::body) == 2);
  stream->deliver("garbage\r\n\r\n");
  CHECK(bed.failures(Failure::parse) == 1);
  bed.round();
  stream = &bed.connect();
  stream->deliver("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
  stream->end(StreamEnd::reset);
  CHECK(bed.failures(Failure::reset) == 1);
  CHECK(bed.client->results().completed == 1);
  CHECK(bed.client->results().begun == bed.client->results().completed + bed.client->results().failed());
}

TEST_CASE("an open loop counts latency from when the request was due, not from when it could be sent") {
  Bed bed;
  bed.scenario.rate = 1000;
  bed.start();
  MemoryStream& stream = bed.connect();
  bed.round();
  CHECK(stream.take_written().starts_with("GET "));
  bed.round(10ms);  // ten more are due; the one connection is busy
  CHECK(stream.take_written().empty());
  stream.deliver(answer);
  bed.round();
  CHECK(stream.take_written().starts_with("GET "));
  stream.deliver(answer);  // due 9 ms ago, sent just now
  shm::HistogramSummary latency;
  latency.add(bed.client->results().latency);
  CHECK(latency.count() == 2);
  CHECK(latency.quantile_ns(0.0) >= 8'000'000);
}

TEST_CASE("an open loop begins with the first connection, and tells what it could not send") {
  Bed bed;
  bed.scenario.rate = 1000;
  bed.start();
  bed.round(5s);  // the target's port comes up late
  MemoryStream& stream = bed.connect();
  bed.round();
  CHECK(stream.take_written().starts_with("GET "));
  stream.deliver(answer);
  shm::HistogramSummary latency;
  latency.add(bed.client->results().latency);
  CHECK(latency.quantile_ns(1.0) < 1'000'000);
  CHECK(bed.client->overdue() == 0);
  bed.round(10ms);
  CHECK(stream.take_written().starts_with("GET "));
  CHECK(bed.client->overdue() == 9);  // they wait for the one connection
}

TEST_CASE("a POST without content says so") {
  Bed bed;
  bed.scenario.method = "POST";
  bed.start();
  CHECK(bed.connect().take_written().ends_with("Content-Length: 0\r\n\r\n"));
}

TEST_CASE(
    "connections are opened anew after the number of requests that was asked for, and after a refusal") {
  Bed bed;
  bed.scenario.requests_per_connection = 1;
  bed.start();
  MemoryStream& first = bed.connect();
  first.deliver(answer);
  CHECK(first.is_closed());
  bed.round();
  CHECK(bed.connector.count() == 2);
  bed.connector.last().end(StreamEnd::refused);
  CHECK(bed.failures(Failure::connect) == 1);
  bed.round();
  CHECK(bed.connector.count() == 3);
}
