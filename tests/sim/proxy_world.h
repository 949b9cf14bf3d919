// What a seed makes of the proxy's world: hosts, links, memory, what clients ask for and servers answer. And
// what may be seen in such a world.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/gateway.h"
#include "tests/sim/http_client.h"
#include "tests/sim/http_exchange.h"
#include "tests/sim/http_server.h"
#include "tests/sim/network.h"

namespace byway::sim {

inline constexpr std::uint16_t gateway_port = 80;
inline constexpr std::uint16_t server_port = 8080;
inline constexpr std::size_t server_count = 2;

/// Longest padding with which a head still has at most l7::head_bytes_max.
inline constexpr std::uint32_t padding_max = 60'000;

/// For a while: the worker says that memory is short, or no buffer can be had at all.
struct MemorySpell {
  Nanoseconds from{0};
  Nanoseconds length{0};
  tcp::Pressure pressure = tcp::Pressure::none;
  bool has_no_buffers = false;
};

/// For a while no packet arrives.
struct Outage {
  Nanoseconds from{0};
  Nanoseconds length{0};
};

/// A server comes or goes in the endpoints of the backend.
struct EndpointChange {
  Nanoseconds at{0};
  std::vector<shm::BackendSpec> backends;
};

struct ProxyWorld {
  /// Nobody does anything wrong and there is memory: every request has its response, however bad the link.
  bool is_clean = false;
  bool is_memory_short = false;   ///< at the gateway
  bool are_tables_small = false;  ///< at the gateway
  bool has_timeouts = false;
  bool drains = false;
  LinkOptions link;
  HostOptions gateway_host;
  HostOptions server_hosts[server_count];
  std::vector<HostOptions> client_hosts;
  GatewayPlan gateway;
  std::vector<MemorySpell> spells;
  std::vector<Outage> outages;
  std::vector<EndpointChange> endpoint_changes;
  HttpServerPlan servers;
  struct Client {
    std::size_t host = 0;
    HttpClientPlan plan;
    Nanoseconds starts{0};
    std::vector<std::uint64_t> exchanges;
  };
  std::vector<Client> clients;
  HttpExchanges exchanges;
};

[[nodiscard]] net::IpAddress gateway_address();
[[nodiscard]] net::IpAddress server_address(std::size_t index);
[[nodiscard]] net::IpAddress client_address(std::size_t index);

[[nodiscard]] ProxyWorld random_world(Random& random);

/// What is wrong with how an exchange ended in such a world, or nothing.
[[nodiscard]] std::string judge(const ProxyWorld& world, const HttpExchange& exchange);

}  // namespace byway::sim
