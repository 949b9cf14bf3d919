// Whole stacks, honest and hostile ones, over links of all kinds, one world a seed. After each run every byte
// has arrived once and in order, the connections have ended as planned, timers have kept still when nothing
// happened, and all memory is back. In some worlds connections move between two stacks of their host, with
// packets that come late by the one that they left, and with imports that must be refused.
//
//   sim_tcp [--seeds N] [--seed S] [--jobs N] [--trace] | --report
#include <optional>
#include <string>

#include "tests/sim/seeds.h"
#include "tests/sim/tcp_hostile.h"
#include "tests/sim/tcp_report.h"
#include "tests/sim/tcp_world.h"

using namespace byway;
using namespace byway::sim;

namespace {

/// TIME-WAIT and timers that run out.
constexpr Nanoseconds quiet_time = 5min;
/// Each third seed has hostile peers.
constexpr std::uint64_t hostile_share = 3;
/// Each eighth of the others runs once more by the general way alone, which must make the same packets.
constexpr std::uint64_t compared_share = 8;

std::string judge_host(Host& host, const Traffic::Excuses& excuses) {
  if (std::string left = host.leftovers(); !left.empty()) return left + " are left";
  if (!host.silence().storm().empty()) return host.silence().storm();
  if (host.arrivals_refused() != 0) return "packets found no buffer";
  if (!host.move_error().empty()) return host.move_error();
  const bool was_short = host.counter(tcp::CounterIndex::closed_no_memory) != 0;
  if (was_short && !excuses.short_memory) return "connections were reset for memory that was not short";
  return {};
}

/// A host that drains refuses new connections.
std::string judge_drain(Network& network, Host& host, Host& other) {
  struct Caller final : StreamHandler {
    void on_connected(Stream& stream) override {
      is_connected = true;
      stream.abort();
    }
    void on_readable(Stream&) override {}
    void on_writable(Stream&) override {}
    void on_closed(Stream&, StreamEnd how) override { end = how; }
    bool is_connected = false;
    std::optional<StreamEnd> end;
  } caller;
  host.stack.drain();
  if (other.stack.connect({host.address(), service_port}, caller) == nullptr) return {};
  network.run_until(network.now() + quiet_time, [&caller] { return caller.is_connected || caller.end; });
  if (caller.is_connected) return "a host that drains took a connection";
  if (!caller.end) return "a connect to a host that drains did not end";
  const bool is_right = *caller.end == StreamEnd::refused || *caller.end == StreamEnd::timed_out;  // lost
  return is_right ? std::string() : "a connect to a host that drains: " + std::string(name_of(*caller.end));
}

/// Runs one seed; returns what went wrong, or nothing. `digest`: of all that was on the wire.
std::string run_world(std::uint64_t seed, bool trace, bool lone_segments, std::uint64_t& digest) {
  TcpWorld world(seed, trace, lone_segments);
  Network& network = *world.network;
  const Instant start = network.now();
  if (!network.run_until(start + transfer_time_max, [&world] { return world.traffic->is_over(); })) {
    if (trace) {
      for (Host* host : world.hosts) host->print_state();
    }
    return "transfers did not end";
  }
  for (Host* host : world.hosts) {
    world.excuses.short_time_wait |= host->counter(tcp::CounterIndex::time_wait_reclaimed) != 0;
  }
  if (std::string wrong = world.traffic->judge(world.excuses); !wrong.empty()) return wrong;
  if (std::string wrong = judge_drain(network, *world.hosts[1], *world.hosts[0]); !wrong.empty())
    return wrong;
  network.run_until(network.now() + quiet_time, [] { return false; });
  for (Host* host : world.hosts) {
    if (std::string wrong = judge_host(*host, world.excuses); !wrong.empty()) {
      return "host " + text_of(host->address()) + ": " + wrong;
    }
  }
  digest = network.digest();
  return {};
}

std::string run_honest(std::uint64_t seed, bool trace) {
  std::uint64_t digest = 0;
  std::string wrong = run_world(seed, trace, true, digest);
  if (!wrong.empty() || seed % compared_share != 0) return wrong;
  std::uint64_t general = 0;
  wrong = run_world(seed, false, false, general);
  if (!wrong.empty() || digest == general) return wrong;
  if (trace) static_cast<void>(run_world(seed, true, false, general));
  return "the way of lone segments and the general one differ on the wire";
}

std::string run(std::uint64_t seed, bool trace) {
  return seed % hostile_share == 0 ? run_hostile(seed / hostile_share, trace) : run_honest(seed, trace);
}

}  // namespace

int main(int argc, char** argv) {
  return run_seeds(argc, argv, &run, &report_figures);
}
