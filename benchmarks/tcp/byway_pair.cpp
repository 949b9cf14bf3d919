// A Byway worker as a server, and another process with one as its client, over memif. Prints one line of
// JSON.
//
// The server is the product's Worker with an application on top (echo.h), or with --staged 1 a loop of the
// same functions that times its parts (staged_worker.h). The client is a worker too, on another core; what it
// costs does not count, but that it must keep the server busy.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "benchmarks/lib/arguments.h"
#include "benchmarks/tcp/echo.h"
#include "benchmarks/tcp/pair.h"
#include "benchmarks/tcp/staged_worker.h"
#include "dataplane/net/address_text.h"
#include "tools/loadgen/generator.h"

namespace byway::benchmark {

namespace {

/// Connections that the server has closed wait for a minute, one for each of the client's ports.
constexpr std::uint32_t sockets_for_waiting = 65'536;
constexpr const char* server_prefix = "10.88.0.1/24";
constexpr const char* client_prefix = "10.88.0.2/24";
constexpr Nanoseconds end_grace = 1s;

struct Setting {
  Load load = Load::exchanges;
  std::uint32_t connections = 0;
  unsigned server_cpu = 1;
  unsigned client_cpu = 0;
  std::string socket;
  bool is_staged = false;
};

int fail(const std::string& message) {
  fmt::print(stderr, "error: {}\n", message);
  return 1;
}

std::string device(const Setting& setting, std::string_view role) {
  return fmt::format("net_memif0,role={},socket={},socket-abstract=no", role, setting.socket);
}

loadgen::Options options_for(const Setting& setting, bool is_server) {
  loadgen::Options options;
  options.device = device(setting, is_server ? "server" : "client");
  options.address = *net::parse_prefix(is_server ? server_prefix : client_prefix);
  options.cpu = is_server ? setting.server_cpu : setting.client_cpu;
  options.scenario.connections =
      setting.load == Load::connections ? sockets_for_waiting : setting.connections;
  options.busy_poll = true;
  return options;
}

/// Runs a side that is the product's Worker. `is_ready` and `count` run on the worker's thread.
int run_side(Shared& shared, const loadgen::Options& options, Application& application,
             const std::function<bool()>& is_ready, const std::function<void(SideCounts&)>& count,
             SideCounts& first, SideCounts& last) {
  auto created = loadgen::Generator::create(options, application);
  if (!created) return fail(created.error());
  loadgen::Generator& generator = **created;
  if (auto started = generator.start(); !started) return fail(started.error());
  const auto wait = [&](auto until) {
    while (!until()) {
      generator.tend();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  };
  const auto sample = [&](SideCounts& out) {
    generator.on_worker([&] {
      count(out);
      out.at_ns = steady_ns();
      out.busy_ns = generator.busy_ns();
      out.frames_in = generator.value(net::Counter::rx_frames);
      out.frames_out = generator.value(net::Counter::tx_frames);
    });
  };
  wait([&] {
    bool ready = false;
    generator.on_worker([&] { ready = is_ready(); });
    return ready;
  });
  shared.ready_count.fetch_add(1);
  wait([&] { return shared.phase.load() != Phase::starting; });
  sample(first);
  wait([&] { return shared.phase.load() == Phase::done; });
  sample(last);
  // The server's connections stay until the client has counted what it has.
  if (&last == &shared.client_last) shared.client_is_done.store(true);
  wait([&] { return shared.client_is_done.load(); });
  const std::uint32_t missing = generator.stop(end_grace);
  return missing == 0 ? 0 : fail(fmt::format("{} packet buffers did not come back", missing));
}

int run_server(Shared& shared, const Setting& setting) {
  EchoServer server(setting.load);
  if (setting.is_staged) {
    const loadgen::Options options = options_for(setting, true);
    auto worker = StagedWorker::create({.device = options.device,
                                        .address = options.address,
                                        .cpu = options.cpu,
                                        .sockets_max = 2 * options.scenario.connections + 1024},
                                       server);
    if (!worker) return fail(worker.error());
    if (auto ran = (*worker)->run(shared, [&] { return server.operations(); }); !ran)
      return fail(ran.error());
    return 0;
  }
  return run_side(
      shared, options_for(setting, true), server, [] { return true; },
      [&](SideCounts& out) {
        out.operations = server.operations();
        out.bytes = server.bytes();
      },
      shared.server_first, shared.server_last);
}

int run_client(Shared& shared, const Setting& setting) {
  EchoClient client(setting.load, {net::parse_prefix(server_prefix)->address, server_port},
                    setting.connections);
  bool is_first = true;
  return run_side(
      shared, options_for(setting, false), client, [&] { return client.is_ready(); },
      [&](SideCounts& out) {
        out.operations = client.operations();
        out.bytes = client.bytes();
        if (!is_first) {
          shared.latency = client.round_trips().latency();
          shared.latency.failed = client.failed();
        }
        client.round_trips().clear();
        is_first = false;
      },
      shared.client_first, shared.client_last);
}

int run(int argc, char** argv) {
  const Arguments arguments(argc, argv,
                            {"--load", "--connections", "--seconds", "--warm-up", "--server-cpu",
                             "--client-cpu", "--socket", "--staged"});
  const auto load = load_named(arguments.text("--load", "exchanges"));
  if (!load) return fail("--load: exchanges, connections, to-server or to-client");
  Setting setting;
  setting.load = *load;
  setting.connections = arguments.count("--connections", 256);
  setting.server_cpu = arguments.count("--server-cpu", 1);
  setting.client_cpu = arguments.count("--client-cpu", 0);
  setting.socket = arguments.text("--socket", fmt::format("/run/byway-pair-{}.sock", getpid()));
  setting.is_staged = arguments.count("--staged", 0) != 0;
  Shared& shared = make_shared();
  const bool went_well = run_pair(
      shared,
      {.warm_up_seconds = arguments.number("--warm-up", 0.5), .seconds = arguments.number("--seconds", 2)},
      [&](Shared& s) { return run_server(s, setting); }, [&](Shared& s) { return run_client(s, setting); });
  std::error_code ignored;
  std::filesystem::remove(setting.socket, ignored);
  if (!went_well) return 1;
  figures_of(shared).print();
  return 0;
}

}  // namespace
}  // namespace byway::benchmark

int main(int argc, char** argv) {
  return byway::benchmark::run(argc, argv);
}
