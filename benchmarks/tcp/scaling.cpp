// What grows with connections and with workers, without ports: each core makes and takes its own traffic,
// over wires in memory, and only what the machine that is measured does is timed. Prints one line of JSON.
//
//   --what connections   the stack's cost of a packet among so many connections: each in turn, in an order
//                        without pattern, sends a request of 64 octets and gets 64 back. What acknowledges a
//                        response is the next request, for any number of connections, so that the packets
//                        are alike. A burst is 32 frames, or one for each connection if they are fewer.
//   --what workers       the gateway's cost of a proxied request, on one core or on two, all workers with one
//                        endpoint's runtime slot (--slots shared) or each with one of its own.
#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "benchmarks/lib/arguments.h"
#include "benchmarks/lib/figures.h"
#include "benchmarks/lib/proxied_world.h"
#include "benchmarks/lib/ticks.h"
#include "benchmarks/tcp/echo.h"

namespace byway::benchmark {

namespace {

constexpr std::uint32_t opened_per_round = 8;
constexpr std::uint32_t connections_per_port = 16'384;
/// While connections are opened; an acknowledgment may be 40 ms late.
constexpr Nanoseconds opening_round_time = 100us;
/// A million connections have their turn within 10 ms, before acknowledgments go alone.
constexpr Nanoseconds exchange_round_time = 300ns;

void stay_on(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  BYWAY_ASSERT(sched_setaffinity(0, sizeof set, &set) == 0);
}

// ---- connections -----------------------------------------------------------------------------------------

/// Answers each message with one of its own.
class Answerer final : public Acceptor, public StreamHandler {
 public:
  explicit Answerer(Memory memory) : memory_(memory), material_(memory, message_bytes) {}
  ~Answerer() = default;
  void on_accept(Stream& stream) override { stream.set_handler(this); }
  void on_connected(Stream&) override {}
  void on_readable(Stream& stream) override {
    stream.discard(stream.readable().size());
    Rope data(memory_.slices);
    BYWAY_ASSERT(material_.append_to(data));
    stream.write(data);
  }
  void on_writable(Stream&) override {}
  void on_closed(Stream&, StreamEnd) override {}

 private:
  Memory memory_;
  Material material_;
};

class Asker final : public StreamHandler {
 public:
  explicit Asker(Memory memory) : memory_(memory), material_(memory, message_bytes) {}
  ~Asker() = default;
  void ask(Stream& stream) {
    Rope data(memory_.slices);
    BYWAY_ASSERT(material_.append_to(data) && stream.write(data) == message_bytes);
  }
  void on_connected(Stream& stream) override { streams.push_back(&stream); }
  void on_readable(Stream& stream) override {
    stream.discard(stream.readable().size());
    ++answers;
  }
  void on_writable(Stream&) override {}
  void on_closed(Stream&, StreamEnd) override { BYWAY_ASSERT(false); }

  std::vector<Stream*> streams;
  std::uint64_t answers = 0;

 private:
  Memory memory_;
  Material material_;
};

class Crowd {
 public:
  explicit Crowd(std::uint32_t connections)
      : connections_(connections),
        buffers_(16'384),
        // A response that waits for its acknowledgment holds a chain node, and memory is not to be short.
        options_{.stack = {.sockets_max = std::max(connections, 64u)},
                 .slices = std::max(65'536u, 4 * connections)},
        client_(buffers_, now_, options_),
        server_(buffers_, now_, options_),
        asker_(client_.memory()),
        answerer_(server_.memory()) {
    const auto near = client_.add_link(*net::parse_prefix("10.1.0.2/24"), now_);
    const auto far = server_.add_link(*net::parse_prefix("10.1.0.1/24"), now_);
    Machine::connect(client_, near, server_, far);
    open_all();
    order_.resize(connections);
    std::iota(order_.begin(), order_.end(), 0);
    std::ranges::shuffle(order_, std::mt19937(1));
  }

  /// Exchanges for `seconds`, at least one with each connection; returns ticks of the server for each packet.
  double measure(double seconds) {
    const auto burst = std::min<std::uint32_t>(connections_, rx_burst_frames);
    std::uint64_t taken = 0;
    std::uint64_t rounds = 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    for (std::uint64_t asked = 0;; ++rounds) {
      if (asked >= connections_ && std::chrono::steady_clock::now() >= end) break;
      now_ = now_ + exchange_round_time;
      for (std::uint32_t i = 0; i < burst; ++i) asker_.ask(*asker_.streams[next()]);
      asked += burst;
      client_.tcp_out(now_);
      client_.flush();
      const std::uint64_t began = ticks();
      server_.round(now_);
      taken += ticks() - began;
      BYWAY_ASSERT(server_.burst_count() == burst);
      asker_.answers = 0;
      client_.round(now_);
      BYWAY_ASSERT(asker_.answers == burst);
    }
    return static_cast<double>(taken) / static_cast<double>(2 * rounds * burst);
  }

 private:
  void open_all() {
    const std::uint32_t ports = connections_ / connections_per_port + 1;
    const net::IpAddress address = net::parse_prefix("10.1.0.1/32")->address;
    const auto port = [](std::uint32_t i) { return static_cast<std::uint16_t>(1000 + i); };
    for (std::uint32_t i = 0; i < ports; ++i)
      BYWAY_ASSERT(server_.stack.listen({net::IpAddress{}, port(i)}, answerer_));
    for (std::uint32_t opened = 0; asker_.streams.size() < connections_;) {
      now_ = now_ + opening_round_time;
      for (std::uint32_t i = 0; i < opened_per_round && opened < connections_; ++i, ++opened)
        BYWAY_ASSERT(client_.stack.connect({address, port(opened % ports)}, asker_) != nullptr);
      client_.round(now_);
      server_.round(now_);
    }
    for (int i = 0; i < 100; ++i) {
      now_ = now_ + opening_round_time;
      client_.round(now_);
      server_.round(now_);
    }
  }
  std::uint32_t next() {
    if (at_ == order_.size()) at_ = 0;
    return order_[at_++];
  }

  std::uint32_t connections_;
  Instant now_{1'000'000'000};
  BlockProvider buffers_;
  MachineOptions options_;
  Machine client_;
  Machine server_;
  Asker asker_;
  Answerer answerer_;
  std::vector<std::uint32_t> order_;
  std::size_t at_ = 0;
};

void measure_connections(const Arguments& arguments, Figures& figures) {
  const std::uint32_t connections = arguments.count("--connections", 1);
  const double seconds = arguments.number("--seconds", 1);
  stay_on(arguments.count("--cpu", 1));
  Crowd crowd(connections);
  const double ns_per_tick = measure_ns_per_tick();
  static_cast<void>(crowd.measure(seconds / 4));
  figures.add("connections", std::uint64_t{connections});
  figures.add("nsPerPacket", crowd.measure(seconds) * ns_per_tick);
}

// ---- workers ---------------------------------------------------------------------------------------------

struct alignas(64) WorkerFigures {
  double requests_per_second = 0;
  double gateway_ns = 0;  ///< of one request
};

void work(ProxiedWorld& world, double seconds, WorkerFigures& out, double ns_per_tick) {
  std::uint64_t taken = 0;
  const auto gateway_round = [&taken](Machine& gateway, l7::Proxy& proxy, Instant now) {
    const std::uint64_t began = ticks();
    gateway.parse(now);
    gateway.tcp_in(now);
    proxy.set_now(now);
    gateway.events(now);
    gateway.timers(now);
    gateway.tcp_out(now);
    taken += ticks() - began;
  };
  const std::uint64_t before = world.completed();
  const std::uint64_t began = steady_ns();
  const auto length = static_cast<std::uint64_t>(seconds * 1e9);
  std::uint64_t passed = 0;
  while (passed < length) {
    for (int i = 0; i < 64; ++i) world.round(gateway_round);
    passed = steady_ns() - began;
  }
  const auto requests = static_cast<double>(world.completed() - before);
  out.requests_per_second = requests / (static_cast<double>(passed) / 1e9);
  out.gateway_ns = static_cast<double>(taken) * ns_per_tick / requests;
}

void measure_workers(const Arguments& arguments, Figures& figures) {
  const std::uint32_t workers = arguments.count("--workers", 1);
  const bool is_shared = arguments.text("--slots", "shared") == "shared";
  const double seconds = arguments.number("--seconds", 1);
  const double ns_per_tick = measure_ns_per_tick();
  auto shared_slots = std::move(*shm::SlotRegion::create(256));
  auto stats = std::move(*shm::EndpointStatsRegion::create(workers, 256));
  std::vector<WorkerFigures> results(workers);
  std::vector<std::jthread> threads;
  std::atomic<std::uint32_t> ready{0};
  std::atomic<bool> has_failed{false};
  std::mutex building;  // the region of slots has one owner
  for (std::uint32_t i = 0; i < workers; ++i) {
    threads.emplace_back([&, i] {
      stay_on(workers == 1 ? 1 : i);
      auto own_slots = std::move(*shm::SlotRegion::create(256));
      std::unique_ptr<ProxiedWorld> world;
      {
        const std::lock_guard lock(building);
        world = std::make_unique<ProxiedWorld>(is_shared ? shared_slots : own_slots, stats, i);
      }
      WorkerFigures warm_up;
      work(*world, seconds / 4, warm_up, ns_per_tick);
      ready.fetch_add(1);
      while (ready.load() < workers) std::this_thread::yield();
      work(*world, seconds, results[i], ns_per_tick);
      if (world->failed() > 0) has_failed = true;
      const std::lock_guard lock(building);
      world.reset();
    });
  }
  threads.clear();
  BYWAY_ASSERT(!has_failed);
  WorkerFigures sum;
  for (const WorkerFigures& one : results) {
    sum.requests_per_second += one.requests_per_second;
    sum.gateway_ns += one.gateway_ns / workers;
  }
  figures.add("workers", std::uint64_t{workers});
  figures.add("requestsPerSecond", sum.requests_per_second);
  figures.add("gatewayNsPerRequest", sum.gateway_ns);
}

int run(int argc, char** argv) {
  const Arguments arguments(argc, argv,
                            {"--what", "--connections", "--workers", "--slots", "--seconds", "--cpu"});
  Figures figures;
  const std::string what = arguments.text("--what", "connections");
  if (what == "connections") {
    measure_connections(arguments, figures);
  } else if (what == "workers") {
    measure_workers(arguments, figures);
  } else {
    fmt::print(stderr, "error: --what: connections or workers\n");
    return 2;
  }
  figures.print();
  return 0;
}

}  // namespace
}  // namespace byway::benchmark

int main(int argc, char** argv) {
  return byway::benchmark::run(argc, argv);
}
