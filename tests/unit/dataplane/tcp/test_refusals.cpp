// What the stack does not take or cannot do, and how it says so.
#include <catch2/catch_test_macros.hpp>
#include <set>
#include <string_view>

#include "dataplane/tcp/handover.h"
#include "dataplane/tcp/state.h"
#include "tests/unit/dataplane/tcp/stack_bench.h"

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

namespace {

/// A SYN to the service from `remote`.
void receive_syn(StackBench& bench, const net::IpAddress& remote, std::uint16_t remote_port) {
  HeaderFields fields;
  fields.source_port = remote_port;
  fields.target_port = service_port;
  fields.seq = Seq{1000};
  fields.window = 1000;
  fields.flags = flag::syn;
  std::array<std::uint8_t, header_bytes_max> header;
  const std::uint8_t size = write_header(fields, header);
  Buffer* buffer = bench.pool.allocate(size);
  REQUIRE(buffer != nullptr);
  std::copy_n(header.begin(), size, buffer->memory);
  bench.stack.on_segment(remote, gateway_address, 0, Slice::adopt(buffer, buffer->memory, size), bench.now);
}

struct NoAcceptor final : Acceptor {
  void on_accept(Stream&) override {}
};

}  // namespace

TEST_CASE(
    "a SYN from an address or port that nobody can have is dropped without an answer (RFC 1122 4.2.3.10)") {
  StackBench bench;
  net::IpAddress group{};
  group.bytes[0] = 0xff;
  const net::IpAddress nobodies[] = {net::IpAddress::from_v4({0x00000001}),
                                     net::IpAddress::from_v4({0xe0000001}),
                                     net::IpAddress::from_v4({0xffffffff}), net::IpAddress{}, group};
  std::uint32_t dropped = 0;
  for (const net::IpAddress& nobody : nobodies) {
    receive_syn(bench, nobody, 40'000);
    CHECK(bench.count(CounterIndex::drop_bad_address) == ++dropped);
  }
  receive_syn(bench, peer_address, 0);
  CHECK(bench.count(CounterIndex::drop_bad_address) == ++dropped);
  CHECK(bench.flush().empty());
  receive_syn(bench, net::IpAddress::from_v4({0xdfffffff}), 40'000);  // the last before the groups
  CHECK(bench.flush().size() == 1);
}

TEST_CASE(
    "no more is listened on than the options say; who listens again where he does takes no other place") {
  StackOptions options;
  options.listeners_max = 2;
  StackBench bench(options);  // it listens itself
  NoAcceptor acceptor;
  for (int again = 0; again < 2; ++again) CHECK(bench.stack.listen({net::IpAddress{}, 1000}, acceptor));
  CHECK(bench.count(CounterIndex::listen_full) == 0);
  CHECK_FALSE(bench.stack.listen({net::IpAddress{}, 999}, acceptor));
  CHECK(bench.count(CounterIndex::listen_full) == 1);
}

TEST_CASE("states and errors of a handover have a name each, those of RFC 9293 for states") {
  CHECK(name_of(State::syn_sent) == "SYN-SENT");
  CHECK(name_of(State::fin_wait_2) == "FIN-WAIT-2");
  std::set<std::string_view> names;
  constexpr auto last_state = static_cast<std::size_t>(State::time_wait);
  for (std::size_t i = 0; i <= last_state; ++i) names.insert(name_of(static_cast<State>(i)));
  CHECK(names.size() == last_state + 1);
  CHECK_FALSE(names.contains("unknown"));
  names.clear();
  constexpr auto last_error = static_cast<std::size_t>(HandoverError::in_use);
  for (std::size_t i = 0; i <= last_error; ++i) names.insert(name_of(static_cast<HandoverError>(i)));
  CHECK(names.size() == last_error + 1);
  CHECK_FALSE(names.contains("unknown"));
}
