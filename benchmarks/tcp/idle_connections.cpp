// What an idle connection costs: memory, and the longest pause while a machine fills up with them.
//
// Two machines in one process, joined by a wire in memory; one opens connections to the other, each carries
// one exchange and then idles. Without --http both ends of a connection are the stack's alone, so its bytes
// are the growth of the process divided by both ends. With --http the accepting end is layer 7's, which
// answers a request (404: it has no policy) and keeps the connection; its bytes are what is left when the
// client's end, known from the first run, is taken off.
//
// A pause is the time that a round of the accepting machine runs: a burst of at most 32 frames with
// everything that follows from it. The machines' time is simulated, so that every fill consists of the same
// rounds: of each the shortest over all fills counts, since what the table, the slabs or the wheel cause
// comes every time, and what the hypervisor or another process causes does not.
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "benchmarks/lib/arguments.h"
#include "benchmarks/lib/figures.h"
#include "benchmarks/lib/machine.h"
#include "benchmarks/lib/ticks.h"
#include "l7/proxy.h"

namespace byway::benchmark {

namespace {

constexpr std::string_view request = "GET /idle HTTP/1.1\r\nHost: shop.example.com\r\n\r\n";
/// Connections opened a round: each is a SYN, a request and an acknowledgment to the server, and a burst
/// is 32.
constexpr std::uint32_t opened_per_round = 8;
/// A client has some 49,000 ports for each address and port of a server, and probes for a free one.
constexpr std::uint32_t connections_per_port = 16'384;
constexpr std::uint16_t first_port = 1000;
/// Simulated time of a round, and steps of the time in which nothing happens.
constexpr Nanoseconds round_time = 100us;
constexpr Nanoseconds idle_step = 1ms;
/// Longer than layer 7's idle time-out: until that ends the first connection, the wheel has moved most down.
constexpr Nanoseconds idle_time_max = 6min;

std::uint64_t resident_bytes() {
  unsigned long total = 0;
  unsigned long resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  BYWAY_ASSERT(file != nullptr && std::fscanf(file, "%lu %lu", &total, &resident) == 2);
  std::fclose(file);
  return std::uint64_t{resident} * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t allocated_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// Sends a request when it is connected, drops what comes.
class Client final : public StreamHandler {
 public:
  explicit Client(Memory memory) : memory_(memory), text_(memory.slices) {
    Buffer* buffer = memory.buffers.allocate(request.size());
    BYWAY_ASSERT(buffer != nullptr);
    std::memcpy(buffer->memory, request.data(), request.size());
    BYWAY_ASSERT(text_.append(Slice::adopt(buffer, buffer->memory, request.size())));
  }
  ~Client() = default;

  void on_connected(Stream& stream) override {
    Rope data(memory_.slices);
    BYWAY_ASSERT(text_.share(0, text_.size(), data) && stream.write(data) == request.size());
  }
  void on_readable(Stream& stream) override {
    stream.discard(stream.readable().size());
    ++answered_;
  }
  void on_writable(Stream&) override {}
  void on_closed(Stream&, StreamEnd) override { ++closed_; }

  [[nodiscard]] std::uint32_t answered() const { return answered_; }
  [[nodiscard]] std::uint32_t closed() const { return closed_; }

 private:
  Memory memory_;
  Rope text_;
  std::uint32_t answered_ = 0;
  std::uint32_t closed_ = 0;
};

/// Sends back what it gets.
class Echo final : public Acceptor, public StreamHandler {
 public:
  explicit Echo(Memory memory) : memory_(memory) {}
  ~Echo() = default;
  void on_accept(Stream& stream) override { stream.set_handler(this); }
  void on_connected(Stream&) override {}
  void on_readable(Stream& stream) override {
    Rope data(memory_.slices);
    stream.take(stream.readable().size(), data);
    stream.write(data);
  }
  void on_writable(Stream&) override {}
  void on_closed(Stream&, StreamEnd) override {}

 private:
  Memory memory_;
};

struct Pauses {
  std::vector<std::uint32_t> rounds;  ///< nanoseconds of each, the shortest of all fills
  std::vector<std::uint32_t> idle;    ///< of the wheel, while nothing comes

  static void take(std::vector<std::uint32_t>& shortest, const std::vector<std::uint32_t>& of_this_fill) {
    if (shortest.empty()) shortest = of_this_fill;
    BYWAY_ASSERT(shortest.size() == of_this_fill.size());  // else the fills were not the same
    for (std::size_t i = 0; i < shortest.size(); ++i) shortest[i] = std::min(shortest[i], of_this_fill[i]);
  }
};

struct Filled {
  double resident = 0;  ///< growth of the process
  double allocated =
      0;  ///< what was asked of the allocator: whole slabs, of which untouched pages cost nothing
  double fill_seconds = 0;  ///< of running, both machines
};

class Bed {
 public:
  Bed(BlockProvider& buffers, std::uint32_t connections, bool has_http)
      : connections_(connections),
        options_{.stack = {.sockets_max = connections}, .slices = 65'536},
        resident_before_(resident_bytes()),
        allocated_before_(allocated_bytes()),
        client_(buffers, now_, options_),
        server_(buffers, now_, options_),
        user_(client_.memory()),
        echo_(server_.memory()) {
    const auto near = client_.add_link(*net::parse_prefix("10.1.0.2/24"), now_);
    const auto far = server_.add_link(*net::parse_prefix("10.1.0.1/24"), now_);
    Machine::connect(client_, near, server_, far);
    if (has_http) {
      slots_.emplace(std::move(*shm::SlotRegion::create(1)));
      stats_.emplace(std::move(*shm::EndpointStatsRegion::create(1, 1)));
      proxy_.emplace(l7::ProxySeams{.connector = server_.stack,
                                    .timers = server_.wheel,
                                    .memory = server_.memory(),
                                    .telemetry = telemetry_.telemetry,
                                    .slots = slots_->table(),
                                    .endpoint_stats = stats_->table(0)},
                     l7::ProxyOptions{.downstream_max = connections, .random_seed = 1});
    }
    ports_ = connections / connections_per_port + 1;
    Acceptor& acceptor = has_http ? static_cast<Acceptor&>(*proxy_) : echo_;
    for (std::uint32_t i = 0; i < ports_; ++i)
      BYWAY_ASSERT(server_.stack.listen({net::IpAddress{}, port(i)}, acceptor));
  }
  ~Bed() {
    if (proxy_) proxy_->abort_all();
  }

  Filled fill(Pauses& pauses) {
    const std::uint64_t began = thread_ns();
    std::vector<std::uint32_t> rounds;
    rounds.reserve(std::size_t{connections_} * 2);
    std::uint32_t opened = 0;
    std::uint64_t idle_rounds = 0;
    while (user_.answered() < connections_ || client_.waiting() + server_.waiting() > 0) {
      now_ = now_ + round_time;
      for (std::uint32_t i = 0; i < opened_per_round && opened < connections_; ++i, ++opened) {
        const net::SocketAddress target{net::parse_prefix("10.1.0.1/32")->address, port(opened % ports_)};
        BYWAY_ASSERT(client_.stack.connect(target, user_) != nullptr);
      }
      client_.round(now_);
      rounds.push_back(timed_round());
      BYWAY_ASSERT(user_.closed() == 0 && ++idle_rounds < 64ull * connections_ + 100'000);
    }
    // Delayed acknowledgments go out, and what was in flight is forgotten.
    for (int i = 0; i < 1000; ++i) {
      now_ = now_ + idle_step;
      client_.round(now_);
      rounds.push_back(timed_round());
    }
    BYWAY_ASSERT(server_.stack.connection_count() == connections_);
    Filled filled;
    filled.fill_seconds = static_cast<double>(thread_ns() - began) / 1e9;
    // The notes of the fill are no part of it: reserved, they were touched as it went on.
    const std::uint64_t notes = rounds.size() * sizeof(std::uint32_t);
    filled.resident = static_cast<double>(resident_bytes() - resident_before_ - notes);
    filled.allocated = static_cast<double>(allocated_bytes() - allocated_before_) -
                       static_cast<double>(rounds.capacity() * sizeof(std::uint32_t));
    Pauses::take(pauses.rounds, rounds);
    return filled;
  }

  /// Nothing comes, time goes on: what timers of idle connections cost.
  void idle(Pauses& pauses) {
    std::vector<std::uint32_t> steps;
    const Instant end = now_ + idle_time_max;
    while (now_ < end) {
      now_ = now_ + idle_step;
      const std::uint32_t step = timed_round();
      if (proxy_ && proxy_->downstream_count() != connections_) break;
      steps.push_back(step);
    }
    Pauses::take(pauses.idle, steps);
  }

 private:
  [[nodiscard]] std::uint16_t port(std::uint32_t index) const {
    return static_cast<std::uint16_t>(first_port + index);
  }
  std::uint32_t timed_round() {
    if (proxy_) proxy_->set_now(now_);
    const std::uint64_t began = thread_ns();
    server_.round(now_);
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(thread_ns() - began, UINT32_MAX));
  }

  std::uint32_t connections_;
  std::uint32_t ports_ = 0;
  Instant now_{1'000'000'000};
  MachineOptions options_;
  std::uint64_t resident_before_;
  std::uint64_t allocated_before_;
  Machine client_;
  Machine server_;
  Client user_;
  Echo echo_;
  l7::OwnTelemetry telemetry_;
  std::optional<shm::SlotRegion> slots_;
  std::optional<shm::EndpointStatsRegion> stats_;
  std::optional<l7::Proxy> proxy_;
};

double longest(const std::vector<std::uint32_t>& pauses) {
  return pauses.empty() ? 0 : *std::ranges::max_element(pauses);
}

int run(int argc, char** argv) {
  const Arguments arguments(argc, argv, {"--connections", "--fills"});
  const std::uint32_t connections = arguments.count("--connections", 1'000'000);
  const std::uint32_t fills = arguments.count("--fills", 3);
  // What grows once and belongs to no connection is there before anything is measured.
  mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  BlockProvider buffers(16'384);

  Figures figures;
  figures.add("connections", std::uint64_t{connections});
  double tcp_bytes = 0;
  for (const bool has_http : {false, true}) {
    Pauses pauses;
    Filled filled;
    for (std::uint32_t i = 0; i < fills; ++i) {
      Bed bed(buffers, connections, has_http);
      const Filled this_one = bed.fill(pauses);
      if (i == 0 || this_one.resident > filled.resident) filled = this_one;
      bed.idle(pauses);
    }
    const std::string what = has_http ? "http" : "tcp";
    const double ends = has_http ? 1 : 2;
    const double each = (filled.resident - (has_http ? tcp_bytes * connections : 0)) / ends / connections;
    if (!has_http) tcp_bytes = each;
    figures.add(what + "ResidentBytes", each);
    if (!has_http) figures.add(what + "ReservedBytes", filled.allocated / ends / connections);
    figures.add(what + "FillPauseUs", longest(pauses.rounds) / 1000);
    figures.add(what + "IdlePauseUs", longest(pauses.idle) / 1000);
    figures.add(what + "ConnectionsPerSecond", connections / filled.fill_seconds);
  }
  figures.add("socketBytes", std::uint64_t{Slab<tcp::Socket>::place_bytes()});
  figures.add("timerBytes", std::uint64_t{sizeof(Timer)});
  figures.add("flowTableBytes",
              static_cast<double>(tcp::FlowTable::entry_count(connections) * tcp::FlowTable::entry_bytes) /
                  connections);
  figures.add("codecBytes", std::uint64_t{Slab<l7::http1::ServerCodec>::place_bytes()});
  figures.print();
  return 0;
}

}  // namespace
}  // namespace byway::benchmark

int main(int argc, char** argv) {
  return byway::benchmark::run(argc, argv);
}
