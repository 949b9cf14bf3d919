// Two stacks, random connections between them over a random bad link, one run a seed. After each run every
// byte has arrived once and in order, the connections have ended as planned, and all memory is back.
//
//   sim_tcp [--seeds N] [--seed S] [--trace]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "tests/sim/network.h"
#include "tests/sim/random_link.h"
#include "tests/sim/seeds.h"
#include "tests/sim/tcp_endpoint.h"

using namespace byway;
using namespace byway::sim;

namespace {

constexpr std::uint16_t service_port = 80;
/// Every transfer is over within this much virtual time, whatever the link does: the slowest (300 KB, a tenth
/// of the packets lost, a reader that pauses) takes some minutes.
constexpr Nanoseconds transfer_time_max = std::chrono::minutes(30);
/// TIME-WAIT and timers that run out.
constexpr Nanoseconds quiet_time = 5min;

const net::IpAddress client_address = net::IpAddress::from_v4({0x0a000001});
const net::IpAddress server_address = net::IpAddress::from_v4({0x0a000002});

HostOptions random_host(Random& random) {
  HostOptions host;
  host.stack.sockets_max = 32;
  host.stack.listeners_max = 4;
  host.stack.user_timeout = transfer_time_max;
  host.stack.keepalive = {true, 2min, 10s, 9};  // a lost reset leaves a reader that waits for ever
  if (random.chance(0.3)) host.stack.receive_buffer_bytes = static_cast<Bytes>(random.between(1'000, 60'000));
  if (random.chance(0.3)) host.stack.send_buffer_bytes = static_cast<Bytes>(random.between(1'000, 60'000));
  if (random.chance(0.3)) host.mtu = static_cast<std::uint16_t>(random.between(600, 9000));
  if (random.chance(0.2)) host.slices = static_cast<std::uint32_t>(random.between(64, 400));
  for (auto& byte : host.stack.secret) byte = static_cast<std::uint8_t>(random.next());
  return host;
}

std::uint64_t random_size(Random& random) {
  switch (random.below(4)) {
    case 0:
      return random.below(3);
    case 1:
      return random.below(3000);
    default:
      return random.below(150'000);
  }
}

struct Pair {
  EndpointPlan plans[2];
  std::unique_ptr<Endpoint> client;
  std::unique_ptr<Endpoint> server;
};

void plan(Pair& pair, Random& random) {
  for (auto& plan : pair.plans) {
    plan.key = random.next();
    plan.bytes_to_send = random_size(random);
    plan.write_max = random.chance(0.2) ? random.between(1, 100) : random.between(100, 30'000);
    plan.read_max = random.chance(0.2) ? random.between(1, 2'000) : 100'000;
    if (random.chance(0.3)) plan.read_pause = random.duration(100ms);
    plan.finish_before_reading = random.chance(0.5);
    if (random.chance(0.1)) plan.abort_after = random.between(1, 50'000);
  }
  // One side has to finish first.
  if (!pair.plans[1].finish_before_reading) pair.plans[0].finish_before_reading = true;
  for (int side = 0; side < 2; ++side) {
    pair.plans[side].peer_key = pair.plans[1 - side].key;
    pair.plans[side].bytes_to_expect = pair.plans[1 - side].bytes_to_send;
  }
}

/// Gives each accepted connection to the endpoint that belongs to its client's port.
class Server final : public Acceptor {
 public:
  void expect(std::uint16_t client_port, Endpoint& endpoint) { expected_[client_port] = &endpoint; }
  void on_accept(Stream& stream) override {
    const auto found = expected_.find(stream.remote_address().tcp_port);
    if (found == expected_.end()) {
      stream.abort();
      return;
    }
    Endpoint& endpoint = *found->second;
    expected_.erase(found);
    endpoint.start(stream);
    endpoint.on_connected(stream);
  }

 private:
  std::map<std::uint16_t, Endpoint*> expected_;
};

/// What is wrong with a pair that is over, or nothing.
std::string judge(const Pair& pair) {
  for (const Endpoint* endpoint : {pair.client.get(), pair.server.get()}) {
    if (!endpoint->error().empty()) return endpoint->error();
  }
  const bool aborted = pair.client->was_aborted() || pair.server->was_aborted();
  for (const Endpoint* endpoint : {pair.client.get(), pair.server.get()}) {
    if (aborted || endpoint->was_aborted()) continue;
    if (endpoint->end() != StreamEnd::finished) return "ended: " + std::string(name_of(endpoint->end()));
    if (!endpoint->saw_finish()) return "ended without the peer's finish";
  }
  return {};
}

/// Runs one seed; returns what went wrong, or nothing.
std::string run(std::uint64_t seed, bool trace) {
  Random random(seed);
  Network network(random.next());
  network.set_trace(trace);
  network.set_link(random_link(random));
  Host& client = network.add_host(client_address, random_host(random));
  Host& server = network.add_host(server_address, random_host(random));
  Server acceptor;
  if (!server.stack.listen({net::IpAddress{}, service_port}, acceptor)) return "listen failed";

  std::list<Pair> pairs(random.between(1, 4));
  for (Pair& pair : pairs) {
    plan(pair, random);
    pair.client = std::make_unique<Endpoint>(network, client, pair.plans[0], random.fork());
    pair.server = std::make_unique<Endpoint>(network, server, pair.plans[1], random.fork());
    network.at(network.now() + random.duration(50ms), [&] {
      Stream* stream = client.stack.connect({server_address, service_port}, *pair.client);
      if (stream == nullptr) return;
      acceptor.expect(stream->local_address().tcp_port, *pair.server);
      pair.client->start(*stream);
    });
  }

  const auto all_over = [&] {
    return std::all_of(pairs.begin(), pairs.end(),
                       [](const Pair& pair) { return pair.client->is_over() && pair.server->is_over(); });
  };
  if (!network.run_until(network.now() + transfer_time_max, all_over)) {
    client.print_state();
    server.print_state();
    return "transfers did not end";
  }
  for (const Pair& pair : pairs) {
    if (std::string wrong = judge(pair); !wrong.empty()) return wrong;
  }
  network.run_until(network.now() + quiet_time, [] { return false; });
  for (Host* host : {&client, &server}) {
    if (host->stack.connection_count() != 0) return "connections are left";
    if (host->counters.block.value(tcp::CounterIndex::sockets_in_use) != 0) return "sockets are left";
    if (host->slices.in_use() != 0) return "chain nodes are left";
    if (host->buffers_live() != 0) return "buffers are left";
    if (host->wheel.armed_count() != 0) return "timers are left";
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return run_seeds(argc, argv, &run);
}
