// The whole proxy between clients and servers, all with the real stack, over a random bad link, one run a
// seed. After each run every client has had the bytes of its own response or an answer that fits, no server
// has seen a request twice that may not be sent again, and everything that was taken has been given back.
//
//   sim_proxy [--seeds N] [--seed S] [--trace]
#include <algorithm>
#include <cstdio>
#include <list>
#include <string>

#include "tests/sim/proxy_world.h"
#include "tests/sim/seeds.h"

using namespace byway;
using namespace byway::sim;

namespace {

/// Every exchange is over within this much virtual time: a client sends some requests one after the other,
/// and each may end only with an idle timeout.
constexpr Nanoseconds exchange_time_max = std::chrono::hours(1);
/// TIME-WAIT, keep-alive of peers that have gone, idle connections of clients whose end was lost.
constexpr Nanoseconds quiet_time = 20min;
/// Timers that fire at the gateway in one second. While chain nodes are out, TCP looks for some a hundred
/// times a second for each connection (tcp::starved_retry), and there are up to 16; what spins takes many
/// thousands.
constexpr std::uint32_t timers_per_second_max = 2'000;
/// How often exchanges look for memory in one second: each a few times at first, and as often as events come.
constexpr std::uint64_t waits_per_second_max = 300;

/// Packet buffers that the gateway's stack is told of, and how many of them are free while memory is short.
constexpr std::uint32_t buffers_total = 1'000;
constexpr std::uint32_t buffers_free_high = buffers_total / tcp::supply_high_parts - 1;
constexpr std::uint32_t buffers_free_critical = buffers_total / tcp::supply_critical_parts - 1;

/// The gateway's worker counts in every round. With `has_relief` connections that are stuck may be reset, as
/// it is when their buffers are what makes memory short; where nobody errs, only their windows are.
void make_short(Host& host, tcp::Pressure pressure, bool has_relief) {
  const std::uint32_t free = pressure == tcp::Pressure::critical ? buffers_free_critical : buffers_free_high;
  host.on_round = [&host, free, has_relief](Instant now) {
    host.stack.set_buffers(free, buffers_total);
    if (has_relief) static_cast<void>(host.stack.relieve(now));
  };
}

void make_plentiful(Host& host) {
  host.on_round = nullptr;
  host.stack.set_buffers(buffers_total, buffers_total);
}

void plan_spells(Network& network, Host& host, const ProxyWorld& world) {
  for (const MemorySpell& spell : world.spells) {
    network.at(network.now() + spell.from, [&host, &network, &world, spell] {
      network.note(spell.has_no_buffers ? "gateway: no buffers" : "gateway: memory is short");
      if (spell.has_no_buffers)
        host.heap.fail_after(0);
      else
        make_short(host, spell.pressure, !world.is_clean);
    });
    network.at(network.now() + spell.from + spell.length, [&host, &network, spell] {
      network.note("gateway: memory is back");
      if (spell.has_no_buffers)
        host.heap.fail_after(UINT64_MAX);
      else
        make_plentiful(host);
    });
  }
}

void plan_outages(Network& network, const ProxyWorld& world) {
  LinkOptions broken = world.link;
  broken.loss = 1;
  for (const Outage& outage : world.outages) {
    network.at(network.now() + outage.from, [&network, broken] { network.set_link(broken); });
    network.at(network.now() + outage.from + outage.length,
               [&network, &world] { network.set_link(world.link); });
  }
}

std::string leftovers(Host& host) {
  if (host.stack.connection_count() != 0) return "connections";
  if (host.counters.block.value(tcp::CounterIndex::sockets_in_use) != 0) return "sockets";
  if (host.slices.in_use() != 0) return "chain nodes";
  if (host.heap.live() != 0) return "buffers";
  if (host.wheel.armed_count() != 0) return "timers";
  return {};
}

class Run {
 public:
  Run(std::uint64_t seed, bool trace)
      : random_(seed), network_(random_.next()), world_(random_world(random_)), is_traced_(trace) {
    network_.set_trace(trace);
    network_.set_link(world_.link);
  }
  std::string run();

 private:
  void start_servers();
  void start_clients();
  [[nodiscard]] bool is_over() const {
    return std::ranges::all_of(clients_, &HttpClient::is_over) && gateway_->proxy().exchange_count() == 0;
  }
  [[nodiscard]] std::string what_went_wrong() const;
  void print_state();

  Random random_;
  Network network_;
  ProxyWorld world_;
  bool is_traced_;
  Host* gateway_host_ = nullptr;
  std::vector<Host*> hosts_;
  std::list<HttpServer> servers_;
  std::list<HttpClient> clients_;
  std::unique_ptr<Gateway> gateway_;
};

void Run::start_servers() {
  for (std::size_t i = 0; i < server_count; ++i) {
    Host& host = network_.add_host(server_address(i), world_.server_hosts[i]);
    hosts_.push_back(&host);
    HttpServer& server =
        servers_.emplace_back(network_, host, world_.servers, world_.exchanges, random_.fork());
    BYWAY_ASSERT(host.stack.listen({net::IpAddress{}, server_port}, server));
  }
}

void Run::start_clients() {
  std::vector<Host*> client_hosts;
  for (std::size_t i = 0; i < world_.client_hosts.size(); ++i) {
    client_hosts.push_back(&network_.add_host(client_address(i), world_.client_hosts[i]));
    hosts_.push_back(client_hosts.back());
  }
  for (const ProxyWorld::Client& client : world_.clients) {
    std::vector<HttpExchange*> exchanges;
    for (const std::uint64_t id : client.exchanges) exchanges.push_back(&world_.exchanges[id]);
    const net::SocketAddress address{gateway_address(), gateway_port};
    HttpClient& started = clients_.emplace_back(network_, *client_hosts[client.host], address, client.plan,
                                                exchanges, random_.fork());
    network_.at(network_.now() + client.starts, [&started] { started.start(); });
  }
}

std::string Run::what_went_wrong() const {
  for (const HttpServer& server : servers_) {
    if (!server.error().empty()) return "server: " + server.error();
  }
  for (const HttpClient& client : clients_) {
    if (!client.error().empty()) return "client: " + client.error();
  }
  for (const auto& [id, x] : world_.exchanges) {
    if (const std::string wrong = judge(world_, x); !wrong.empty()) return wrong + ": " + describe(x);
  }
  const std::uint32_t timers = gateway_host_->timers_per_second_max();
  if (timers > timers_per_second_max) return "timers fired " + std::to_string(timers) + " times a second";
  const std::uint64_t waits = gateway_->waits_per_second_max();
  if (waits > waits_per_second_max) return "looked for memory " + std::to_string(waits) + " times a second";
  return {};
}

void Run::print_state() {
  for (const auto& [id, x] : world_.exchanges) {
    if (x.outcome == Outcome::pending) std::printf("  %s\n", describe(x).c_str());
  }
  gateway_->print_state();
  for (Host* host : hosts_) host->print_state();
}

std::string Run::run() {
  gateway_host_ = &network_.add_host(gateway_address(), world_.gateway_host);
  hosts_.push_back(gateway_host_);
  gateway_ = std::make_unique<Gateway>(*gateway_host_, world_.gateway);
  plan_spells(network_, *gateway_host_, world_);
  plan_outages(network_, world_);
  for (const EndpointChange& change : world_.endpoint_changes) {
    network_.at(network_.now() + change.at, [this, &change] { gateway_->change_endpoints(change.backends); });
  }
  start_servers();
  start_clients();
  if (world_.drains) {
    network_.at(network_.now() + random_.duration(5s), [this] {
      gateway_host_->stack.drain();
      gateway_->proxy().drain();
    });
  }
  if (!network_.run_until(network_.now() + exchange_time_max, [this] { return is_over(); })) {
    print_state();
    return "exchanges did not end";
  }
  std::string wrong = what_went_wrong();
  if (wrong.empty()) {
    network_.run_until(network_.now() + quiet_time, [] { return false; });
    wrong = what_went_wrong();
    if (const std::string left = gateway_->leftovers(); wrong.empty() && !left.empty())
      wrong = "left: " + left;
    for (Host* host : hosts_) {
      if (const std::string left = leftovers(*host); wrong.empty() && !left.empty()) wrong = "left: " + left;
    }
  }
  network_.note("gateway: " + std::to_string(gateway_host_->timers_per_second_max()) + " timers and " +
                std::to_string(gateway_->waits_per_second_max()) + " looks for memory in one second at most");
  if (is_traced_ && !wrong.empty()) print_state();
  return wrong;
}

std::string run_one(std::uint64_t seed, bool trace) {
  return Run(seed, trace).run();
}

}  // namespace

int main(int argc, char** argv) {
  return run_seeds(argc, argv, &run_one);
}
