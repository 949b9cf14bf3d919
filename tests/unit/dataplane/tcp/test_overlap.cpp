#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "tests/unit/dataplane/tcp/stack_bench.h"

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

namespace {

std::vector<std::uint8_t> octets(Bytes count, char letter) {
  return std::vector<std::uint8_t>(count, static_cast<std::uint8_t>(letter));
}

std::string read(const Peer& peer) {
  std::string text(peer.stream().readable().size(), ' ');
  peer.stream().readable().copy_to(0, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  return text;
}

}  // namespace

TEST_CASE("of octets that come twice with different values the first count, in order or behind a hole") {
  StackBench bench;
  Listening listening;
  bench.handler = &listening;
  Peer peer(bench, 1000);
  SECTION("behind the hole that it fills") {
    peer.send_ahead(3, octets(2, 'a'));
    peer.send_ahead(0, octets(5, 'b'));
    CHECK(read(peer) == "bbbaa");
  }
  SECTION("and octets behind what waited are kept") {
    peer.send_ahead(3, octets(2, 'a'));
    peer.send_ahead(7, octets(1, 'c'));
    peer.send_ahead(0, octets(10, 'b'));
    CHECK(read(peer) == "bbbaabbcbb");
  }
  SECTION("already in order") {
    peer.send_ahead(0, octets(4, 'a'));
    peer.send_ahead(2, octets(4, 'b'));
    CHECK(read(peer) == "aaaabb");
  }
  bench.flush();
}

TEST_CASE("an end that comes with octets of which some wait behind the hole is not lost") {
  StackBench bench;
  Listening listening;
  bench.handler = &listening;
  Peer peer(bench, 1000);
  HeaderFields header;
  header.source_port = 1000;
  header.target_port = service_port;
  header.seq = peer.next();
  header.ack = peer.acknowledged;
  header.flags = flag::ack | flag::fin;
  header.window = UINT16_MAX;
  peer.send_ahead(3, octets(2, 'a'));
  SECTION("up to it") {
    bench.receive(header, octets(5, 'b'));
    CHECK(read(peer) == "bbbaa");
  }
  SECTION("and more") {
    bench.receive(header, octets(7, 'b'));
    CHECK(read(peer) == "bbbaabb");
  }
  CHECK(peer.stream().peer_finished());
  bench.flush();
}
