#include "benchmarks/lib/proxied_world.h"

namespace byway::benchmark {

namespace {

net::Prefix prefix(const char* text) {
  return *net::parse_prefix(text);
}

/// One listener, one route, one backend with one endpoint.
shm::PolicySpec policy() {
  shm::PolicySpec spec;
  spec.listeners.push_back({.name = "default/bench/http", .tcp_port = 80});
  shm::RouteSpec route{.route_namespace = "default", .route_name = "bench"};
  route.listeners = {0};
  route.rules.push_back({});
  route.rules[0].backends.push_back({.backend = "default/service:80"});
  spec.routes.push_back(route);
  return spec;
}

std::vector<shm::BackendSpec> backends() {
  return {{.name = "default/service:80",
           .endpoints = {{.address = shm::IpAddress::from_ipv4(0x0a020002), .tcp_port = 8080, .weight = 1}}}};
}

}  // namespace

ProxiedWorld::ProxiedWorld(shm::SlotRegion& slots, shm::EndpointStatsRegion& stats, std::uint32_t worker,
                           std::uint32_t connections)
    : buffers_(32'768),
      client_(buffers_, now_),
      gateway_(buffers_, now_),
      server_(buffers_, now_),
      set_(policy(), backends(), 1, slots),
      node_addresses_{prefix("10.1.0.1/24").address} {
  const auto client_link = client_.add_link(prefix("10.1.0.2/24"), now_);
  const auto front = gateway_.add_link(prefix("10.1.0.1/24"), now_);
  const auto back = gateway_.add_link(prefix("10.2.0.1/24"), now_);
  const auto server_link = server_.add_link(prefix("10.2.0.2/24"), now_);
  Machine::connect(client_, client_link, gateway_, front);
  Machine::connect(gateway_, back, server_, server_link);

  proxy_.emplace(l7::ProxySeams{.connector = gateway_.stack,
                                .timers = gateway_.wheel,
                                .memory = gateway_.memory(),
                                .telemetry = telemetry_.telemetry,
                                .slots = slots.table(),
                                .endpoint_stats = stats.table(worker)},
                 l7::ProxyOptions{.downstream_max = connections_max,
                                  .exchanges_max = connections_max,
                                  .upstream_max = connections_max,
                                  .node_addresses = node_addresses_,
                                  .random_seed = 1});
  proxy_->set_now(now_);
  proxy_->use_set(set_.live());
  BYWAY_ASSERT(gateway_.stack.listen({net::IpAddress{}, 80}, *proxy_));

  origin_.emplace(server_.memory(), 64, connections_max);
  loadgen::Scenario scenario;
  scenario.target = {prefix("10.1.0.1/24").address, 80};
  scenario.host = "shop.example.com";
  scenario.path = "/api/v1/items/1234567890?page=2&sort=price&filter=in-stock";
  scenario.connections = connections;
  load_.emplace(scenario, client_.stack, client_.memory());
  BYWAY_ASSERT(origin_->start() && load_->start(now_) &&
               server_.stack.listen({net::IpAddress{}, 8080}, *origin_));
}

ProxiedWorld::~ProxiedWorld() {
  load_->close_all();
  load_->release_request();
  origin_->close_all();
  origin_->release_answer();
  proxy_->abort_all();
}

}  // namespace byway::benchmark
