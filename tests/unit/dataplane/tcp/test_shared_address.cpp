// An address that the kernel has too: which segments are the stack's, and which TCP ports it connects from.
#include <catch2/catch_test_macros.hpp>

#include "tests/unit/dataplane/tcp/stack_bench.h"

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

namespace {

constexpr std::uint16_t ssh_port = 22;

HeaderFields segment(std::uint16_t target_port, std::uint8_t flags) {
  HeaderFields fields;
  fields.source_port = 40'000;
  fields.target_port = target_port;
  fields.seq = Seq{1000};
  fields.ack = Seq{2000};
  fields.window = 1000;
  fields.flags = flags;
  return fields;
}

}  // namespace

TEST_CASE("segments of no connection and to no listener are left to the kernel, whatever they are") {
  StackBench bench;
  bench.is_shared = true;
  std::uint32_t left = 0;
  for (const std::uint8_t flags :
       {flag::syn, flag::ack, flag::rst, flag::fin, static_cast<std::uint8_t>(flag::syn | flag::ack),
        static_cast<std::uint8_t>(flag::rst | flag::ack)}) {
    REQUIRE(bench.receive(segment(ssh_port, flags), std::array<std::uint8_t, 3>{1, 2, 3}));
    CHECK(bench.left_to_kernel == ++left);
    CHECK(bench.flush().empty());  // and nobody answers for it
  }
  CHECK(bench.count(CounterIndex::segments_not_ours) == left);
  CHECK(bench.count(CounterIndex::drop_no_connection) == 0);
  CHECK(bench.pool.available() == bench.pool.capacity());
}

TEST_CASE("without a kernel at the address such segments are answered by a reset") {
  StackBench bench;
  REQUIRE(bench.receive(segment(ssh_port, flag::syn)));
  const auto answer = bench.flush();
  REQUIRE(answer.size() == 1);
  CHECK(answer[0].view.has(flag::rst));
  CHECK(bench.count(CounterIndex::segments_not_ours) == 0);
}

TEST_CASE("all segments to a listener are ours, those of no connection too") {
  StackBench bench;
  bench.is_shared = true;
  REQUIRE(bench.receive(segment(service_port, flag::ack)));
  auto answer = bench.flush();
  REQUIRE(answer.size() == 1);
  CHECK(answer[0].view.has(flag::rst));
  REQUIRE(bench.receive(segment(service_port, flag::syn)));
  answer = bench.flush();
  REQUIRE(answer.size() == 1);
  CHECK(answer[0].view.has(flag::syn | flag::ack));
  CHECK(bench.left_to_kernel == 0);
}

TEST_CASE("a connection stays ours when its listener goes, until its end") {
  StackBench bench;
  Listening handler;
  bench.handler = &handler;
  bench.is_shared = true;
  Peer peer(bench, 40'001);
  bench.stack.unlisten({net::IpAddress{}, service_port});
  const std::array<std::uint8_t, 4> data{1, 2, 3, 4};
  CHECK(peer.send(data));
  CHECK(peer.stream().readable().size() == data.size());
  peer.stream().close();
  for (const Sent& sent : bench.flush()) {
    if (sent.view.has(flag::fin)) peer.acknowledge(sent.view.end());
  }
  peer.finish();
  bench.flush();
  peer.acknowledge(peer.acknowledged);  // in TIME-WAIT
  CHECK(bench.left_to_kernel == 0);
  bench.advance(120s);
  peer.acknowledge(peer.acknowledged);  // forgotten
  CHECK(bench.left_to_kernel == 1);
}

TEST_CASE("from a shared address the stack connects by TCP ports that the kernel does not take") {
  constexpr std::uint16_t kernel_first = 32'768;  // Linux: net.ipv4.ip_local_port_range
  for (const bool is_shared : {true, false}) {
    StackBench bench;
    Listening handler;
    bench.is_shared = is_shared;
    std::uint32_t high = 0;
    for (std::uint16_t i = 0; i < 200; ++i) {
      REQUIRE(bench.stack.connect({peer_address, static_cast<std::uint16_t>(8000 + i)}, handler) != nullptr);
    }
    for (const Sent& sent : bench.flush()) high += sent.view.source_port >= kernel_first ? 1 : 0;
    CHECK((high == 0) == is_shared);
  }
}
