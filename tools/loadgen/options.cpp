#include "tools/loadgen/options.h"

#include <fmt/format.h>

#include <xxhash.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>

#include "byway_version.h"
#include "dataplane/eal.h"
#include "dataplane/net/address_text.h"

namespace byway::loadgen {

namespace {

/// What the options say as text, checked and turned into values afterwards.
struct Texts {
  std::string address;
  std::string target;
  double warm_up_s = 1;
  double duration_s = 10;
  bool adaptive = false;
};

std::expected<net::SocketAddress, std::string> socket_address(const std::string& text) {
  const auto colon = text.rfind(':');
  const std::string host = text.substr(0, colon);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const auto v4 = net::parse_ipv4(host);
  const auto ip = is_bracketed ? net::parse_ipv6(host.substr(1, host.size() - 2))
                  : v4         ? std::optional(net::IpAddress::from_v4(*v4))
                               : std::nullopt;
  unsigned long tcp_port = 0;
  if (colon != std::string::npos && colon + 1 < text.size() && text.size() - colon <= 6 &&
      text.find_first_not_of("0123456789", colon + 1) == std::string::npos) {
    tcp_port = std::stoul(text.substr(colon + 1));
  }
  if (!ip || tcp_port == 0 || tcp_port > 65'535) {
    return std::unexpected(fmt::format("{}: not ADDRESS:PORT, as in 10.0.0.1:80 or [2001:db8::1]:80", text));
  }
  return net::SocketAddress{*ip, static_cast<std::uint16_t>(tcp_port)};
}

void add_common(CLI::App& app, Options& options, Texts& texts) {
  app.add_option(
         "--device", options.device,
         "port: PCI address or vdev, e.g. net_memif0,role=client,socket=/run/m.sock,socket-abstract=no")
      ->required();
  app.add_option("--address", texts.address, "own address with prefix, e.g. 10.0.0.2/24 or 2001:db8::2/64")
      ->required();
  app.add_option("--gateway", options.gateway, "next hop for other networks");
  app.add_option("--cpu", options.cpu, "CPU that the worker runs on")->capture_default_str();
  app.add_option("--memory", options.memory_mib, "MiB for packet buffers")
      ->capture_default_str()
      ->check(CLI::Range(64, 65'536));
  app.add_flag("--adaptive", texts.adaptive, "sleep when idle instead of polling all the time");
}

void add_client(CLI::App& client, Options& options, Texts& texts) {
  Scenario& scenario = options.scenario;
  add_common(client, options, texts);
  client.add_option("--target", texts.target, "where requests go, ADDRESS:PORT, [ADDRESS]:PORT for IPv6")
      ->required();
  client.add_option("--host", scenario.host, "Host field, instead of the target's address");
  client.add_option("--path", scenario.path, "path and query")->capture_default_str();
  client.add_option("--method", scenario.method, "GET, POST, …")->capture_default_str();
  client.add_option("--body", scenario.request_body_bytes, "bytes of body in each request")
      ->check(CLI::Range(0u, body_bytes_max));
  client.add_option("-c,--connections", scenario.connections, "connections")
      ->capture_default_str()
      ->check(CLI::Range(1u, connections_max));
  client
      .add_option("-r,--rate", scenario.rate,
                  "requests a second, open loop: latency counts from when each was due; 0: closed loop")
      ->check(CLI::Range(0.0, 1e8));
  client.add_option("-d,--duration", texts.duration_s, "seconds that are measured")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 86'400.0));
  client.add_option("--warm-up", texts.warm_up_s, "seconds before, not counted")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 3'600.0));
  client.add_option("--requests-per-connection", scenario.requests_per_connection,
                    "close a connection after so many; 0: never");
  client.add_option("--expect-status", scenario.expected_status, "any other status is a failure")
      ->capture_default_str()
      ->check(CLI::Range(200, 599));
  client.add_option("--json", options.json_file,
                    "also write the report as JSON to this file, - for standard output");
}

bool has_only_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

/// What would not be a request of HTTP/1.1; the error is a sentence.
std::expected<void, std::string> check_request(const Scenario& scenario) {
  const bool is_method = !scenario.method.empty() && std::ranges::all_of(scenario.method, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (!is_method || scenario.method == "CONNECT")
    return std::unexpected(fmt::format("--method {}: not a method in capitals, as GET", scenario.method));
  if (!scenario.path.starts_with('/') || !has_only_visible(scenario.path))
    return std::unexpected(fmt::format("--path {}: not a path, as /a?b=c", scenario.path));
  if (!has_only_visible(scenario.host))
    return std::unexpected(fmt::format("--host {}: not a host, as shop.example", scenario.host));
  return {};
}

/// Turns the texts into values; the error is a sentence.
std::expected<void, std::string> convert(const Texts& texts, Options& options) {
  const auto address = net::parse_prefix(texts.address);
  if (!address)
    return std::unexpected(
        fmt::format("--address {}: not ADDRESS/LENGTH, as in 10.0.0.2/24 or 2001:db8::2/64", texts.address));
  options.address = *address;
  const std::vector<unsigned> cpus = allowed_cpus();
  if (std::ranges::find(cpus, options.cpu) == cpus.end()) {
    std::string choice;
    for (const unsigned cpu : cpus) choice += (choice.empty() ? "" : ", ") + std::to_string(cpu);
    return std::unexpected(
        fmt::format("--cpu {}: not a CPU that this process may use; those are {}", options.cpu, choice));
  }
  if (!options.gateway.empty()) {
    const auto gateway = net::parse_address(options.gateway);
    if (!gateway) return std::unexpected(fmt::format("--gateway {}: not an IP address", options.gateway));
    if (*gateway == address->address || gateway->is_v4() != address->address.is_v4() ||
        !address->contains(*gateway))
      return std::unexpected(
          fmt::format("--gateway {}: not a neighbour in the network of {}", options.gateway, texts.address));
  }
  if (options.role == Role::client) {
    auto target = socket_address(texts.target);
    if (!target) return std::unexpected("--target " + target.error());
    options.scenario.target = *target;
    if (target->ip.is_v4() != address->address.is_v4()) {
      return std::unexpected(
          fmt::format("--target {}: not of the IP version of {}", texts.target, texts.address));
    }
    if (options.gateway.empty() && !address->contains(target->ip)) {
      return std::unexpected(fmt::format("--target {}: not in the network of {}, and there is no --gateway",
                                         texts.target, texts.address));
    }
    if (auto checked = check_request(options.scenario); !checked) return checked;
  }
  const auto seconds = [](double value) { return Nanoseconds{static_cast<std::int64_t>(value * 1e9)}; };
  options.scenario.warm_up = seconds(texts.warm_up_s);
  options.scenario.duration = seconds(texts.duration_s);
  options.busy_poll = !texts.adaptive;
  return {};
}

}  // namespace

std::expected<Options, int> parse_options(int argc, char** argv, const char* dpdk_version) {
  Options options;
  Texts texts;
  CLI::App app{"byway-loadgen: HTTP/1.1 load from Byway's own stack, every answer checked"};
  app.set_version_flag(
      "--version", fmt::format("byway-loadgen {}\n{}\nCLI11 {}\nfmt {}.{}.{}\nxxHash {}.{}.{}", BYWAY_VERSION,
                               dpdk_version, CLI11_VERSION, FMT_VERSION / 10000, FMT_VERSION / 100 % 100,
                               FMT_VERSION % 100, XXH_VERSION_MAJOR, XXH_VERSION_MINOR, XXH_VERSION_RELEASE));
  app.require_subcommand(1);
  CLI::App* client = app.add_subcommand("client", "send requests and report rate, latency and failures");
  CLI::App* server = app.add_subcommand("server", "answer requests until SIGTERM or Ctrl-C");
  add_client(*client, options, texts);
  add_common(*server, options, texts);
  server->add_option("--port", options.tcp_port, "TCP port to listen on")->capture_default_str();
  server->add_option("--body", options.response_body_bytes, "bytes of body in each answer")
      ->capture_default_str()
      ->check(CLI::Range(0u, body_bytes_max));
  server->add_option("-c,--connections", options.scenario.connections, "most connections")
      ->capture_default_str()
      ->check(CLI::Range(1u, connections_max));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return std::unexpected(app.exit(error) == 0 ? 0 : 2);
  }
  options.role = server->parsed() ? Role::server : Role::client;
  if (auto converted = convert(texts, options); !converted) {
    fmt::print(stderr, "error: {}\n", converted.error());
    return std::unexpected(2);
  }
  return options;
}

}  // namespace byway::loadgen
