#include "tests/sim/proxy_world.h"

#include <algorithm>

#include "dataplane/net/address_text.h"
#include "tests/sim/random_link.h"
#include "tests/support/set_description.h"

namespace byway::sim {

namespace {

/// Longer than any exchange of a clean world takes.
constexpr Nanoseconds patience = 30min;

std::uint32_t number(Random& random, std::uint64_t first, std::uint64_t last) {
  return static_cast<std::uint32_t>(random.between(first, last));
}

HostOptions random_host(Random& random, bool may_be_short) {
  HostOptions host;
  host.stack.sockets_max = 64;
  host.stack.listeners_max = 4;
  host.stack.user_timeout = patience;
  host.stack.keepalive = {true, 2min, 10s, 9};  // a lost reset leaves a reader that waits for ever
  if (random.chance(0.3)) host.stack.receive_buffer_bytes = number(random, 1'000, 60'000);
  if (random.chance(0.3)) host.stack.send_buffer_bytes = number(random, 1'000, 60'000);
  if (random.chance(0.3)) host.mtu = static_cast<std::uint16_t>(random.between(600, 9000));
  if (may_be_short && random.chance(0.2)) host.slices = number(random, 64, 400);
  for (auto& byte : host.stack.secret) byte = static_cast<std::uint8_t>(random.next());
  return host;
}

std::uint32_t random_size(Random& random) {
  switch (random.below(6)) {
    case 0:
      return number(random, 0, 2);
    case 1:
    case 2:
      return number(random, 0, 3'000);
    case 3:
    case 4:
      return number(random, 0, 30'000);
    default:
      return number(random, 0, 100'000);
  }
}

std::uint32_t random_padding(Random& random) {
  switch (random.below(10)) {
    case 0:
      return number(random, 5'000, padding_max);
    case 1:
      return number(random, 500, 10'000);
    default:
      return 0;
  }
}

TextPace random_pace(Random& random) {
  TextPace pace;
  pace.write_max = random.chance(0.2) ? random.between(20, 200) : random.between(200, 30'000);
  pace.read_max = random.chance(0.2) ? random.between(100, 2'000) : 100'000;
  if (random.chance(0.3)) pace.read_pause = random.duration(100ms);
  return pace;
}

// ---- Exchanges -------------------------------------------------------------------------------------------

void plan_request(HttpExchange& x, const ProxyWorld& world, Random& random) {
  constexpr std::string_view methods[] = {"GET", "GET", "GET", "GET", "HEAD", "PUT", "POST", "POST", "POST"};
  x.method = methods[random.below(std::size(methods))];
  x.is_http10 = random.chance(0.1);
  x.asks_close = random.chance(0.15);
  if (x.method.starts_with('P')) {
    x.request_framing = !x.is_http10 && random.chance(0.5) ? Framing::chunked : Framing::length;
    x.request_bytes = random_size(random);
    x.expects_continue = !x.is_http10 && random.chance(0.2);
    x.is_content_withheld = x.expects_continue && random.chance(0.3);
  }
  x.request_padding = random_padding(random);
  if (random.chance(0.04)) x.host = host_of_nobody;
  if (random.chance(0.04)) x.host = host_without;
  if (world.is_clean) return;
  if (random.chance(0.04)) x.host = host_of_dead;
  if (random.chance(0.04)) x.host = host_of_refusing;
  if (random.chance(0.02)) x.request_padding = number(random, padding_max + 1'500, 100'000);
}

void plan_response(HttpExchange& x, const ProxyWorld& world, Random& random) {
  constexpr std::uint16_t statuses[] = {200, 200, 200, 200, 200, 200, 404, 500, 204, 304};
  constexpr Framing framings[] = {Framing::length,  Framing::length,  Framing::length,
                                  Framing::chunked, Framing::chunked, Framing::until_close};
  x.status = statuses[random.below(std::size(statuses))];
  x.response_framing = framings[random.below(std::size(framings))];
  x.response_bytes = random_size(random);
  x.response_padding = random_padding(random);
  if (random.chance(0.15)) x.interim_count = static_cast<std::uint8_t>(random.between(1, 4));
  // A client that never sends what it has not been asked for must be asked, or nobody moves.
  x.sends_continue = x.is_content_withheld || random.chance(0.7);
  x.says_close = random.chance(0.1);
  if (random.chance(0.5)) x.think_time = random.duration(random.chance(0.2) ? 5s : 300ms);
  if (world.is_clean) return;
  x.answers_early = random.chance(0.1);
  if (!random.chance(0.2)) return;
  x.fault = static_cast<ServerFault>(random.between(1, 5));
  if (x.fault == ServerFault::ends_within && x.response_framing_sent() == Framing::until_close) {
    x.fault = ServerFault::resets_within;  // nobody could tell that end from the right one
  }
  x.fault_after = random.chance(0.5) ? random.below(200) : random.below(30'000);
}

void plan_exchanges(ProxyWorld& world, ProxyWorld::Client& client, Random& random) {
  for (std::uint64_t left = random.between(1, 8); left > 0; --left) {
    const std::uint64_t id = world.exchanges.size() + 1;
    HttpExchange& x = world.exchanges[id];
    x.id = id;
    plan_request(x, world, random);
    plan_response(x, world, random);
    client.exchanges.push_back(id);
  }
}

void plan_clients(ProxyWorld& world, Random& random) {
  for (std::uint64_t left = random.between(1, 8); left > 0; --left) {
    ProxyWorld::Client& client = world.clients.emplace_back();
    client.host = random.below(world.client_hosts.size());
    client.plan.pace = random_pace(random);
    client.plan.pipeline_max = random.chance(0.4) ? random.between(2, 4) : 1;
    client.plan.finishes_with_last = random.chance(0.3);
    client.starts = random.duration(random.chance(0.3) ? 3s : 50ms);
    if (!world.is_clean && random.chance(0.1)) client.plan.abort_after_written = random.between(1, 50'000);
    if (!world.is_clean && random.chance(0.1)) client.plan.abort_after_read = random.between(1, 50'000);
    plan_exchanges(world, client, random);
  }
}

// ---- The gateway -----------------------------------------------------------------------------------------

std::string address_text(const net::IpAddress& address, std::uint16_t tcp_port) {
  char text[net::address_text_max];
  return std::string(text, net::write_address(address, text)) + ":" + std::to_string(tcp_port);
}

void plan_policy(ProxyWorld& world, Random& random) {
  constexpr std::uint16_t closed_port = 9;
  std::string text = "listener sim/gw/http " + std::to_string(gateway_port) + "\nbackend sim/servers:80";
  for (std::size_t i = 0; i < server_count; ++i) text += " " + address_text(server_address(i), server_port);
  if (random.chance(0.5)) text += " balance=least_request";
  text += "\nbackend sim/dead:80 " + address_text(server_address(server_count), server_port);
  text += "\nbackend sim/refuse:80 " + address_text(server_address(0), closed_port);
  for (const auto& [host, backend] :
       {std::pair{host_of_servers, "servers"}, std::pair{host_without, "without"},
        std::pair{host_of_dead, "dead"}, std::pair{host_of_refusing, "refuse"}}) {
    text +=
        "\nroute sim/" + std::string(backend) + " host=" + std::string(host) + " to sim/" + backend + ":80=1";
  }
  auto description = test::parse_set_description(text + "\n");
  BYWAY_ASSERT(description.has_value());
  world.gateway.policy = std::move(description->policy);
  world.gateway.backends = std::move(description->backends);

  const auto nanoseconds = [](Nanoseconds time) { return static_cast<std::uint64_t>(time.count()); };
  auto& limits = world.gateway.policy.listeners[0].limits;
  limits.connect_timeout_ns = nanoseconds(world.is_clean ? Nanoseconds(2min) : random.duration(20s) + 100ms);
  limits.idle_timeout_ns = nanoseconds(world.is_clean ? Nanoseconds(5min) : random.duration(1min) + 1s);
  world.has_timeouts = !world.is_clean && random.chance(0.3);
  if (!world.has_timeouts) return;
  for (auto& route : world.gateway.policy.routes) {
    route.rules[0].request_timeout_ns = nanoseconds(random.duration(20s) + 200ms);
    if (random.chance(0.5))
      route.rules[0].backend_request_timeout_ns = nanoseconds(random.duration(10s) + 100ms);
  }
}

void plan_memory(ProxyWorld& world, Random& random) {
  // Short windows do no harm: what is clean stays so.
  if (random.chance(0.2)) {
    world.spells.push_back({Nanoseconds(0), patience, tcp::Pressure::high});
  } else if (random.chance(0.1)) {
    world.gateway_host.stack.receive_buffer_bytes = number(random, 4'096, 16'384);
  }
  if (world.is_clean) return;
  if (random.chance(0.25)) {
    world.gateway_host.slices = number(random, 64, 1'000);
    world.is_memory_short = true;
  }
  for (std::uint64_t left = random.chance(0.4) ? random.between(1, 4) : 0; left > 0; --left) {
    MemorySpell spell{random.duration(10s), random.duration(random.chance(0.3) ? 20s : 1s)};
    if (random.chance(0.5)) {
      spell.pressure = tcp::Pressure::critical;
    } else {
      spell.has_no_buffers = true;
    }
    world.spells.push_back(spell);
    world.is_memory_short = true;
  }
}

void plan_events(ProxyWorld& world, Random& random) {
  for (std::uint64_t left = random.chance(0.3) ? random.between(1, 4) : 0; left > 0; --left) {
    EndpointChange& change = world.endpoint_changes.emplace_back(random.duration(5s), world.gateway.backends);
    // In a clean world one is always left.
    auto& endpoints = change.backends[0].endpoints;
    const std::uint64_t kept = random.between(world.is_clean ? 1 : 0, server_count);
    if (random.chance(0.5)) std::ranges::reverse(endpoints);
    endpoints.resize(kept);
  }
  if (world.is_clean) return;
  for (std::uint64_t left = random.chance(0.15) ? random.between(1, 3) : 0; left > 0; --left) {
    world.outages.push_back({random.duration(10s), random.duration(random.chance(0.3) ? 1min : 3s)});
  }
  world.drains = random.chance(0.05);
}

void plan_gateway(ProxyWorld& world, Random& random) {
  world.gateway_host = random_host(random, false);
  world.gateway_host.stack.receive_buffer_bytes =
      std::max<Bytes>(world.gateway_host.stack.receive_buffer_bytes, 4'096);
  world.gateway_host.stack.sockets_max = 256;
  world.gateway_host.stack.keepalive = {};  // as the data plane: its own timeouts have to do
  if (!world.is_clean) world.gateway_host.stack.user_timeout = tcp::StackOptions().user_timeout;
  world.gateway.options.downstream_max = world.gateway.options.exchanges_max =
      world.gateway.options.upstream_max = 64;
  world.gateway.options.random_seed = random.next();
  plan_policy(world, random);
  plan_memory(world, random);
  world.are_tables_small = !world.is_clean && random.chance(0.1);
  if (world.are_tables_small) {
    world.gateway.options.downstream_max = number(random, 1, 4);
    world.gateway.options.exchanges_max = number(random, 1, 4);
    world.gateway.options.upstream_max = number(random, 1, 3);
    world.gateway_host.stack.sockets_max = number(random, 4, 16);
  }
  plan_events(world, random);
}

// ---- Judgement -------------------------------------------------------------------------------------------

bool may_have(const ProxyWorld& world, const HttpExchange& x, l7::ResponseFlag flag) {
  using enum l7::ResponseFlag;
  switch (flag) {
    case NR:
      return x.host == host_of_nobody;
    case UH:
      return x.host == host_without || (!world.is_clean && !world.endpoint_changes.empty());
    case DPE:
      return x.request_padding > padding_max;
    case UPE:
      return x.fault == ServerFault::babbles;
    case UT:
      return world.has_timeouts;
    case OM:
      return world.is_memory_short || world.are_tables_small;
    case UO:
      return world.is_memory_short || world.are_tables_small;
    case UF:
    case UC:
    case UR:
    case SI:
      return !world.is_clean;
    default:
      return false;
  }
}

bool fits(std::uint16_t status, l7::ResponseFlag flag) {
  if (flag == l7::ResponseFlag::DPE) return status == 431;
  if (flag == l7::ResponseFlag::SI) return status == 408 || status == 504;
  return status == l7::status_of(flag);
}

// Of a HEAD request's answer only the status is seen.
bool fits_some_flag(const ProxyWorld& world, const HttpExchange& x) {
  for (int i = 0; i < static_cast<int>(l7::ResponseFlag::count_); ++i) {
    const auto flag = static_cast<l7::ResponseFlag>(i);
    if (may_have(world, x, flag) && fits(x.seen_status, flag)) return true;
  }
  return false;
}

}  // namespace

net::IpAddress gateway_address() {
  return net::IpAddress::from_v4({0x0a000001});
}
net::IpAddress server_address(std::size_t index) {
  return net::IpAddress::from_v4({0x0a000101 + static_cast<std::uint32_t>(index)});
}
net::IpAddress client_address(std::size_t index) {
  return net::IpAddress::from_v4({0x0a000201 + static_cast<std::uint32_t>(index)});
}

ProxyWorld random_world(Random& random) {
  ProxyWorld world;
  world.is_clean = random.chance(0.4);
  world.link = random_link(random);
  if (world.is_clean)
    world.link.loss /= 3;  // six lost SYNs in a row would be a right reason for an answer of 503
  if (world.is_clean) world.link.corrupt /= 3;
  for (HostOptions& host : world.server_hosts) host = random_host(random, !world.is_clean);
  world.client_hosts.resize(random.between(1, 2));
  for (HostOptions& host : world.client_hosts) host = random_host(random, !world.is_clean);
  world.servers.pace = random_pace(random);
  if (!world.is_clean && random.chance(0.5)) world.servers.idle_close = random.duration(5s) + 1ms;
  plan_gateway(world, random);
  plan_clients(world, random);
  return world;
}

std::string judge(const ProxyWorld& world, const HttpExchange& x) {
  const bool has_own_answer = x.host == host_of_nobody || x.host == host_without;
  switch (x.outcome) {
    case Outcome::pending:
      return "never ended";
    case Outcome::whole:
      return x.deliveries > 0 ? "" : "a response, and no server has seen the request";
    case Outcome::local:
      if (x.is_head() ? fits_some_flag(world, x)
                      : may_have(world, x, x.flag) && fits(x.seen_status, x.flag)) {
        return world.is_clean && !has_own_answer ? "refused without a reason" : "";
      }
      return "an answer that does not fit";
    case Outcome::broken:
    case Outcome::unanswered:
    case Outcome::aborted:
      return world.is_clean ? "no response" : "";
  }
  return {};
}

}  // namespace byway::sim
