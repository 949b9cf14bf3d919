#include "tools/loadgen/generator.h"

#include <fmt/format.h>
#include <rte_cycles.h>

#include <random>
#include <thread>

#include "dataplane/eal.h"

namespace byway::loadgen {

namespace {

/// Buffers that the device's rings hold, both directions, besides those in use: 2 x 512 descriptors and the
/// caches.
constexpr std::uint32_t mbufs_min = 4096;

std::array<std::uint8_t, 16> random_secret() {
  std::random_device random;
  std::array<std::uint8_t, 16> secret;
  for (auto& byte : secret) byte = static_cast<std::uint8_t>(random());
  return secret;
}

/// A memif connects in several messages: a shorter time would start anew before they have gone back and
/// forth.
constexpr Nanoseconds link_retry_interval = 300ms;

constexpr const char* worker_counter_names[] = {
#define BYWAY_COUNTER(name, kind, help) "worker " #name,
#include "dataplane/worker_counters.def"
#undef BYWAY_COUNTER
};
constexpr const char* net_counter_names[] = {
#define BYWAY_DROP(reason, help) "ip drop_" #reason,
#define BYWAY_COUNTER(name, kind, help) "ip " #name,
#include "dataplane/net/counters.def"
#undef BYWAY_DROP
#undef BYWAY_COUNTER
};
constexpr const char* tcp_counter_names[] = {
#define BYWAY_COUNTER(name, kind, help) "tcp " #name,
#include "dataplane/tcp/counters.def"
#undef BYWAY_COUNTER
};

template <typename Index, std::size_t count>
void add_counters(std::string& text, const CounterBlock<Index>& block, const char* const (&names)[count]) {
  static_assert(count == CounterBlock<Index>::size);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t value = block.value(static_cast<Index>(i));
    if (value != 0) text += fmt::format("  {} {}\n", names[i], value);
  }
}

}  // namespace

void wait_a_little(std::chrono::microseconds time) {
  std::this_thread::sleep_for(time);
}

Generator::Generator(std::uint64_t ticks_per_second) : clock_(ticks_per_second), steering_(0, 1) {}

std::expected<std::unique_ptr<Generator>, std::string> Generator::create(const Options& options,
                                                                         Application& application) {
  EalOptions eal{.program = "byway-loadgen", .worker_cpus = {options.cpu}, .memory_mib = options.memory_mib};
  if (is_pci_address(options.device)) eal.pci_devices.push_back(options.device);
  if (auto started = start_eal(eal); !started) return std::unexpected(started.error());

  std::unique_ptr<Generator> generator(new Generator(rte_get_tsc_hz()));
  // Half of the memory is packet buffers; pools are laid out page by page, and rings and devices need the
  // rest.
  const auto mbufs =
      static_cast<std::uint32_t>(std::uint64_t{options.memory_mib} * (512 * 1024) / mbuf_bytes);
  auto buffers = BufferPool::create("loadgen", std::max(mbufs, mbufs_min));
  if (!buffers) return std::unexpected(buffers.error());
  generator->buffers_ = std::make_unique<BufferPool>(std::move(*buffers));

  const bool is_ipv6 = !options.address.address.is_v4();
  rte_mempool* const pools[] = {generator->buffers_->raw()};
  auto port = Port::open({.name = "load", .device = options.device, .receives_multicast = is_ipv6}, pools);
  if (!port) return std::unexpected(port.error());
  generator->port_ = std::move(*port);

  if (is_ipv6 && generator->port_->info().mtu < net::ipv6_mtu_min) {
    return std::unexpected(fmt::format("--device: its MTU is {}, and IPv6 needs at least {}",
                                       generator->port_->info().mtu, net::ipv6_mtu_min));
  }

  auto mailbox = Mailbox::create("loadgen");
  if (!mailbox) return std::unexpected(mailbox.error());
  generator->shared_ = std::make_unique<WorkerShared>(generator->clock_, generator->steering_);
  WorkerShared& shared = *generator->shared_;
  shared.links.push_back({generator->port_.get(), {options.address}});
  shared.mailboxes.push_back(std::move(*mailbox));
  if (!options.gateway.empty()) {
    const net::IpAddress gateway = *net::parse_address(options.gateway);
    shared.routes.push_back({gateway.is_v4() ? net::Prefix::from_v4({0}, 0) : net::Prefix{}, gateway});
  }
  WorkerOptions worker;
  worker.poll = options.busy_poll ? PollMode::busy : PollMode::adaptive;
  // Room for connections in TIME-WAIT beside those in use (connections that are opened anew).
  worker.stack.sockets_max = 2 * options.scenario.connections + 1024;
  worker.stack.secret = random_secret();
  worker.detects_duplicates = false;  // the first connections are opened at once
  worker.slices = std::max<std::uint32_t>(65'536, 4 * options.scenario.connections);
  generator->worker_ = std::make_unique<Worker>(
      worker, shared, *generator->buffers_, application,
      WorkerCounterBlocks{generator->worker_counters_.block, generator->net_counters_.block,
                          generator->tcp_counters_.block});
  return generator;
}

Generator::~Generator() {
  worker_.reset();
  port_.reset();
  shared_.reset();
  buffers_.reset();
}

void Generator::tend() {
  if (clock_.now() < next_retry_) return;
  next_retry_ = clock_.now() + link_retry_interval;
  static_cast<void>(port_->retry_link());
}

std::string Generator::counters_text() const {
  std::string text;
  add_counters(text, worker_counters_.block, worker_counter_names);
  add_counters(text, net_counters_.block, net_counter_names);
  add_counters(text, tcp_counters_.block, tcp_counter_names);
  return text;
}

int Generator::run_worker(void* generator) {
  static_cast<Generator*>(generator)->worker_->run();
  return 0;
}

std::expected<void, std::string> Generator::start() {
  if (auto started = port_->start(); !started) return started;
  next_retry_ = clock_.now() + link_retry_interval;
  if (!launch_worker(0, &Generator::run_worker, this)) return std::unexpected("the worker does not start");
  runs_ = true;
  return {};
}

std::uint32_t Generator::stop(Nanoseconds grace) {
  if (!runs_) return 0;
  worker_->drain(clock_.now() + grace);
  while (!worker_->has_ended()) {
    tend();
    wait_a_little(std::chrono::milliseconds(1));
  }
  join_worker(0);
  runs_ = false;
  worker_.reset();
  port_.reset();
  shared_->mailboxes.clear();
  return buffers_->missing();
}

}  // namespace byway::loadgen
