#include "tools/dataplane/node_runtime.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <ctime>

#include "dataplane/net/address_text.h"
#include "tools/dataplane/least_privilege.h"
#include "tools/dataplane/listen_plan.h"

namespace byway::tools {

namespace {

constexpr std::uint16_t descriptors_per_queue = 512;

/// Memory for the pools of all workers, in MiB.
std::uint32_t pool_mib(const NodeConfig& config) {
  const std::uint64_t bytes = std::uint64_t{config.mbufs} * mbuf_bytes * config.cores.size();
  constexpr std::uint64_t per_port = 8ULL << 20;  // descriptor rings, and what drivers keep; both sides
  return static_cast<std::uint32_t>((bytes + config.ports.size() * per_port) >> 20) + 1;
}

/// The kernel's interface of a port: its MAC address, its MTU, a queue for each worker.
PortOptions kernel_side_of(const PortConfig& config, const PortInfo& port, std::size_t number,
                           std::uint32_t workers) {
  // What the driver keeps for one frame at a time, however many it may have.
  constexpr std::uint16_t descriptors = 64;
  const auto& mac = port.mac.bytes;
  PortOptions options;
  options.name = fmt::format("{} (kernel {})", config.name, config.kernel_interface);
  options.device =
      fmt::format("net_tap_kernel{},iface={},mac={:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", number,
                  config.kernel_interface, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
  options.mtu = port.mtu;
  options.queue_pairs_wanted = static_cast<std::uint16_t>(workers);
  options.descriptors = descriptors;
  return options;
}

/// Workers that have given up their capabilities, of this process.
std::atomic<std::uint32_t> workers_without_capabilities{0};

/// A worker, as DPDK runs it.
int run_worker(void* worker) {
  drop_thread_capabilities();
  workers_without_capabilities.fetch_add(1, std::memory_order_release);
  static_cast<Worker*>(worker)->run();
  return 0;
}

}  // namespace

void fill_random(std::span<std::uint8_t> out) {
  // Up to 256 bytes come whole, once the generator is seeded, which it is long before this program starts.
  BYWAY_ASSERT(out.size() <= 256);
  BYWAY_ASSERT(::getrandom(out.data(), out.size(), 0) == static_cast<ssize_t>(out.size()));
}

std::uint64_t random_number() {
  std::uint64_t number = 0;
  fill_random({reinterpret_cast<std::uint8_t*>(&number), sizeof number});
  return number;
}

std::expected<std::unique_ptr<NodeRuntime>, std::string> NodeRuntime::open(const NodeConfig& config) {
  std::unique_ptr<NodeRuntime> runtime(new NodeRuntime(config));
  if (auto opened = runtime->open_all(); !opened) return std::unexpected(opened.error());
  return runtime;
}

std::expected<void, std::string> NodeRuntime::open_all() {
  EalOptions options;
  options.worker_cpus = config_.cores;
  options.memory_mib = pool_mib(config_);
  options.huge_pages = config_.hugepages;
  for (const PortConfig& port : config_.ports) {
    if (is_pci_address(port.device) &&
        std::ranges::find(options.pci_devices, port.device) == options.pci_devices.end())
      options.pci_devices.push_back(port.device);
  }
  const auto started = start_eal(options);
  if (!started) return std::unexpected(started.error());
  huge_pages_ = started->huge_pages;
  clock_.emplace(timestamp_ticks_per_second());
  steering_.emplace(random_number(), worker_count());
  do {
    fill_random(rss_key_);
  } while (!spreads_ports(rss_key_));
  if (auto opened = open_pools(); !opened) return opened;
  return open_ports();
}

std::expected<void, std::string> NodeRuntime::open_pools() {
  pools_.reserve(worker_count());
  for (std::uint32_t i = 0; i < worker_count(); ++i) {
    auto pool = BufferPool::create(fmt::format("worker{}", i), config_.mbufs);
    if (!pool) return std::unexpected(fmt::format("{}; lower memory.mbufs", pool.error()));
    pools_.push_back(std::move(*pool));
  }
  return {};
}

std::vector<rte_mempool*> NodeRuntime::raw_pools() const {
  std::vector<rte_mempool*> raw;
  for (const BufferPool& pool : pools_) raw.push_back(pool.raw());
  return raw;
}

/// The device of `first` and of the ports that share it.
std::expected<Port*, std::string> NodeRuntime::open_device(const PortConfig& first) {
  PortOptions options;
  options.name = first.name;
  options.device = first.device;
  options.queue_pairs_wanted = static_cast<std::uint16_t>(worker_count());
  options.descriptors = descriptors_per_queue;
  options.rss_key = rss_key_;
  for (const PortConfig& port : config_.ports) {
    if (port.device != first.device) continue;
    options.mtu = std::max(options.mtu, port.mtu);
    options.receives_multicast =
        options.receives_multicast || !port.kernel_interface.empty() ||
        std::ranges::any_of(port.addresses, [](const net::Prefix& own) { return !own.address.is_v4(); });
    options.offloads.checksum = options.offloads.checksum && port.offloads.checksum;
    options.offloads.tso = options.offloads.tso && port.offloads.tso;
    // Where cards look for addresses behind a tag is their own matter.
    options.offloads.rss = options.offloads.rss && port.offloads.rss && port.vlan == net::vlan_none;
  }
  auto port = Port::open(options, raw_pools());
  if (!port) return std::unexpected(port.error());
  ports_.push_back(std::move(*port));
  return ports_.back().get();
}

std::expected<void, std::string> NodeRuntime::open_ports() {
  shared_.emplace(*clock_, *steering_);
  for (const PortConfig& wanted : config_.ports) {
    const auto sharing = std::ranges::find(config_.ports, wanted.device, &PortConfig::device);
    const auto at = static_cast<std::size_t>(sharing - config_.ports.begin());
    LinkSetup link{nullptr, wanted.addresses, nullptr, wanted.name, wanted.vlan, wanted.mtu};
    if (at < shared_->links.size()) {
      link.port = shared_->links[at].port;
    } else {
      const auto opened = open_device(wanted);
      if (!opened) return std::unexpected(opened.error());
      link.port = *opened;
    }
    if (link.mtu == 0) link.mtu = link.port->info().mtu;
    const bool has_ipv6 =
        std::ranges::any_of(wanted.addresses, [](const net::Prefix& own) { return !own.address.is_v4(); });
    if (has_ipv6 && link.mtu < net::ipv6_mtu_min) {
      return std::unexpected(fmt::format("port {}: its MTU is {}, and IPv6 needs at least {}", wanted.name,
                                         link.mtu, net::ipv6_mtu_min));
    }
    if (!wanted.kernel_interface.empty()) {
      PortInfo port = link.port->info();
      port.mtu = link.mtu;
      auto side = Port::open(kernel_side_of(wanted, port, kernel_sides_.size(), worker_count()), raw_pools());
      if (!side) {
        return std::unexpected(
            fmt::format("{}; if there is an interface {}, it must be a TAP device with "
                        "several queues (ip tuntap add {} mode tap multi_queue)",
                        side.error(), wanted.kernel_interface, wanted.kernel_interface));
      }
      kernel_sides_.push_back(std::move(*side));
      link.kernel = kernel_sides_.back().get();
    }
    shared_->links.push_back(std::move(link));
  }
  for (const RouteConfig& route : config_.routes)
    shared_->routes.push_back({route.to, route.via, route.port});
  for (std::uint32_t i = 0; i < worker_count(); ++i) {
    auto mailbox = Mailbox::create(fmt::format("mail{}", i));
    if (!mailbox) return std::unexpected(mailbox.error());
    shared_->mailboxes.push_back(std::move(*mailbox));
  }
  return {};
}

tcp::StackOptions NodeRuntime::stack_options() const {
  tcp::StackOptions options;
  options.sockets_max = config_.connections;
  options.listeners_max = listen_sockets_max;
  options.receive_buffer_bytes = config_.receive_buffer_bytes;
  options.send_buffer_bytes = config_.send_buffer_bytes;
  options.ecn = config_.ecn;
  options.pacing = config_.pacing;
  options.keepalive = config_.keepalive;
  options.user_timeout = config_.user_timeout;
  fill_random(options.secret);
  return options;
}

std::expected<void, std::string> NodeRuntime::run(const MakeWorkerParts& make_parts) {
  for (const auto& port : ports_) {
    if (auto started = port->start(); !started) return started;
  }
  for (const LinkSetup& link : shared_->links) steering_->add_link(link.port->rss());
  for (const auto& side : kernel_sides_) {
    if (auto started = side->start(); !started) return started;
  }
  running_ = true;
  // In queues a segment takes one chain node, on its way to a port another; slices of one buffer share it.
  constexpr std::uint32_t slices_per_mbuf = 4;
  for (std::uint32_t i = 0; i < worker_count(); ++i) {
    WorkerParts parts = make_parts(i);
    applications_.push_back(std::move(parts.application));
    WorkerOptions options;
    options.index = i;
    options.poll = config_.poll;
    options.stack = stack_options();
    options.slices = config_.mbufs * slices_per_mbuf;
    workers_.push_back(
        std::make_unique<Worker>(options, *shared_, pools_[i], *applications_[i], parts.counters));
  }
  const std::uint32_t wanted = workers_without_capabilities.load() + worker_count();
  for (std::uint32_t i = 0; i < worker_count(); ++i) {
    BYWAY_ASSERT(launch_worker(i, &run_worker, workers_[i].get()));
  }
  // The filter of system calls that follows applies to all threads, and knows no capset: a worker that had no
  // core until then would not start.
  constexpr timespec pause{0, 100'000};
  while (workers_without_capabilities.load(std::memory_order_acquire) != wanted) nanosleep(&pause, nullptr);
  return {};
}

void NodeRuntime::tick(const std::function<void(const std::string&)>& log) {
  for (const auto& port : ports_) {
    if (port->retry_link()) log(fmt::format("port {}: connected", port->name()));
  }
  if (workers_.empty()) return;
  // All workers find the same.
  const std::span<const DuplicateAddress> duplicates = workers_.front()->duplicates();
  for (; duplicates_told_ < duplicates.size(); ++duplicates_told_) {
    const DuplicateAddress& duplicate = duplicates[duplicates_told_];
    std::array<char, net::address_text_max> text;
    const std::size_t size = net::write_address(duplicate.address, text.data());
    log(fmt::format("port {}: {} belongs to another station there and is not used",
                    shared_->links[duplicate.link].name, std::string_view(text.data(), size)));
  }
}

void NodeRuntime::drain(Nanoseconds time) {
  for (const auto& worker : workers_) worker->drain(clock_->now() + time);
}

bool NodeRuntime::has_ended() const {
  for (const auto& worker : workers_) {
    if (!worker->has_ended()) return false;
  }
  return true;
}

std::expected<bool, std::string> NodeRuntime::stop() {
  for (std::uint32_t i = 0; i < workers_.size(); ++i) join_worker(i);
  workers_.clear();
  applications_.clear();
  shared_.reset();
  kernel_sides_.clear();
  ports_.clear();
  running_ = false;
  std::string leaks;
  // What af_xdp has lent to the kernel never comes back; it cannot be told from a leak.
  const bool countable =
      std::ranges::none_of(config_.ports, [](const PortConfig& port) { return is_af_xdp(port.device); });
  for (std::size_t i = 0; i < pools_.size() && countable; ++i) {
    if (pools_[i].missing() == 0) continue;
    leaks += fmt::format("{}{} packet buffers of worker {} did not come back", leaks.empty() ? "" : "; ",
                         pools_[i].missing(), i);
  }
  pools_.clear();
  if (!leaks.empty()) return std::unexpected(leaks);
  return countable;
}

NodeRuntime::~NodeRuntime() {
  BYWAY_ASSERT(!running_);
}

}  // namespace byway::tools
