#include "dataplane/port.h"

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "dataplane/driver_quiescence.h"

namespace byway {

namespace {

struct Default {
  const char* driver;  ///< device names begin with this
  const char* key;
  const char* argument;
};

/// Arguments that are wrong or slow as the drivers have them by themselves; a device that names the key keeps
/// its own.
constexpr Default argument_defaults[] = {
    {"net_af_packet", "framesz",
     "framesz=2048"},  // the driver's block size does not divide by its frame size
    {"net_af_packet", "blocksz", "blocksz=16384"},  // with every kernel's limits
    // 512 are full after 2 ms of 64-byte packets: what comes while a worker sends, or has no core, is lost.
    {"net_af_packet", "framecnt", "framecnt=2048"},
    {"net_af_packet", "qdisc_bypass", "qdisc_bypass=1"},  // nothing to schedule on a port of our own
    {"net_af_xdp", "busy_budget", "busy_budget=0"},       // else each empty poll is a system call
};

std::string with_defaults(const PortOptions& options) {
  std::string device = options.device;
  for (const Default& entry : argument_defaults) {
    if (device.starts_with(entry.driver) &&
        device.find(fmt::format(",{}=", entry.key)) == std::string::npos) {
      device += fmt::format(",{}", entry.argument);
    }
  }
  if (device.starts_with("net_af_packet") && options.queue_pairs_wanted > 1 &&
      device.find(",qpairs=") == std::string::npos) {
    device += fmt::format(",qpairs={}", options.queue_pairs_wanted);
  }
  return device;
}

/// A memif server (the role used to be called master) waits; a client has to be started to connect.
bool is_memif_client(const std::string& device) {
  return device.starts_with("net_memif") && device.find(",role=server") == std::string::npos &&
         device.find(",role=master") == std::string::npos;
}

}  // namespace

bool is_pci_address(const std::string& device) {
  unsigned domain = 0;
  unsigned bus = 0;
  unsigned slot = 0;
  unsigned function = 0;
  int used = 0;
  const char* text = device.c_str();
  if (std::sscanf(text, "%x:%x:%x.%x%n", &domain, &bus, &slot, &function, &used) == 4 ||
      std::sscanf(text, "%x:%x.%x%n", &bus, &slot, &function, &used) == 3) {
    return static_cast<std::size_t>(used) == device.size() || device[static_cast<std::size_t>(used)] == ',';
  }
  return false;
}

std::string kernel_interface(const std::string& device) {
  constexpr std::string_view key = ",iface=";
  const std::size_t at = device.find(key);
  if (!(device.starts_with("net_af_packet") || is_af_xdp(device)) || at == std::string::npos) return "";
  const std::string rest = device.substr(at + key.size());
  return rest.substr(0, rest.find(','));
}

std::string device_name(const std::string& device) {
  return device.substr(0, device.find(','));
}

std::expected<std::unique_ptr<Port>, std::string> Port::open(const PortOptions& options,
                                                             std::span<rte_mempool* const> pools) {
  std::unique_ptr<Port> port(new Port(options));  // tidy: allow(new) main thread, before the workers
  for (const auto step : {0, 1, 2, 3}) {
    const auto done = step == 0   ? port->probe()
                      : step == 1 ? port->configure(pools)
                      : step == 2 ? port->set_mtu()
                                  : port->join_multicast();
    if (!done) return std::unexpected(fmt::format("port {}: {}", options.name, done.error()));
  }
  remember_port(*port);
  return port;
}

std::expected<void, std::string> Port::probe() {
  const std::string name = device_name(options_.device);
  if (!is_pci_address(options_.device)) {
    const std::string device = with_defaults(options_);
    if (const int error = rte_dev_probe(device.c_str()); error != 0) {
      return std::unexpected(fmt::format("cannot open {}: {} (the driver's own message is above)", device,
                                         rte_strerror(-error)));
    }
  }
  if (rte_eth_dev_get_port_by_name(name.c_str(), &id_) != 0) {
    return std::unexpected(fmt::format(
        "{} is no device that DPDK can drive: check its address, and that it is bound to vfio-pci", name));
  }
  probed_ = true;
  return {};
}

std::expected<void, std::string> Port::configure(std::span<rte_mempool* const> pools) {
  rte_eth_dev_info device{};
  if (const int error = rte_eth_dev_info_get(id_, &device); error != 0) {
    return std::unexpected(fmt::format("no information about the device: {}", rte_strerror(-error)));
  }
  info_.driver = device.driver_name;
  info_.queue_pairs = std::min({options_.queue_pairs_wanted, device.max_rx_queues, device.max_tx_queues});
  std::uint16_t mtu = options_.mtu;
  if (mtu == 0 && rte_eth_dev_get_mtu(id_, &mtu) != 0) mtu = info_.mtu;
  info_.offloads = choose_offloads(options_.offloads, device, is_pci_address(options_.device), mtu);
  info_.reconnects = is_memif_client(options_.device);

  rte_eth_conf configuration{};
  configuration.rxmode.offloads |= rx_offload_flags(info_.offloads);
  configuration.txmode.offloads |= tx_offload_flags(info_.offloads);
  if (info_.queue_pairs > 1 && (device.flow_type_rss_offloads & RTE_ETH_RSS_IP) != 0) {
    configuration.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    rte_eth_rss_conf& rss = configuration.rx_adv_conf.rss_conf;
    rss.rss_hf = (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP) & device.flow_type_rss_offloads;
    // Virtual devices that say they had RSS spread packets by hashes of their own.
    const bool is_known = options_.offloads.rss && is_pci_address(options_.device) &&
                          info_.queue_pairs == options_.queue_pairs_wanted;
    if (is_known) rss_ = plan_rss(device, info_.queue_pairs, options_.rss_key);
    if (rss_) {
      rss_key_bytes_ = device.hash_key_size;
      rss.rss_key = options_.rss_key.data();
      rss.rss_key_len = rss_key_bytes_;
    }
  }
  if (const int error = rte_eth_dev_configure(id_, info_.queue_pairs, info_.queue_pairs, &configuration);
      error != 0) {
    return std::unexpected(fmt::format("cannot be configured: {}", rte_strerror(-error)));
  }
  std::uint16_t rx_descriptors = options_.descriptors;
  std::uint16_t tx_descriptors = options_.descriptors;
  rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx_descriptors, &tx_descriptors);
  const int socket = rte_eth_dev_socket_id(id_);
  for (std::uint16_t queue = 0; queue < info_.queue_pairs; ++queue) {
    rte_mempool* pool = pools[std::min<std::size_t>(queue, pools.size() - 1)];
    int error =
        rte_eth_rx_queue_setup(id_, queue, rx_descriptors, static_cast<unsigned>(socket), nullptr, pool);
    if (error == 0) {
      error = rte_eth_tx_queue_setup(id_, queue, tx_descriptors, static_cast<unsigned>(socket), nullptr);
    }
    if (error != 0) {
      return std::unexpected(fmt::format("queue {} cannot be set up: {}", queue, rte_strerror(-error)));
    }
  }
  rte_ether_addr mac{};
  if (rte_eth_macaddr_get(id_, &mac) != 0) return std::unexpected("has no MAC address");
  std::memcpy(info_.mac.bytes.data(), mac.addr_bytes, info_.mac.bytes.size());
  presences_ = std::make_unique<Presence[]>(info_.queue_pairs);
  return {};
}

std::expected<void, std::string> Port::set_mtu() {
  std::uint16_t current = 0;
  if (rte_eth_dev_get_mtu(id_, &current) == 0) info_.mtu = current;
  if (options_.mtu == 0 || options_.mtu == current) return {};
  // Many virtual devices have no MTU of their own; what counts there is that we keep to it.
  const int error = rte_eth_dev_set_mtu(id_, options_.mtu);
  if (error != 0 && error != -ENOTSUP) {
    return std::unexpected(fmt::format("MTU {} is refused: {}", options_.mtu, rte_strerror(-error)));
  }
  info_.mtu = options_.mtu;
  return {};
}

/// Devices of the kernel here; those of DPDK when they are started.
std::expected<void, std::string> Port::join_multicast() {
  const std::string interface = kernel_interface(options_.device);
  if (!options_.receives_multicast || interface.empty()) return {};
  auto joined = LinkMulticast::receive_all(interface);
  if (!joined) return std::unexpected(joined.error());
  multicast_.emplace(std::move(*joined));
  return {};
}

Port::Port(PortOptions options) : options_(std::move(options)) {}

Port::~Port() {
  forget_port(*this);
  if (!probed_) return;
  stop();
  rte_eth_dev_close(id_);
}

void Port::wait_until_quiescent() const {
  // A round that began before this line may have looked at the driver's state before the caller changed it;
  // the one after it, and all later ones, have not.
  constexpr std::uint32_t rounds_to_pass = 2;
  constexpr timespec pause{0, 20'000};  // a worker's round, or part of its sleep
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (std::uint16_t queue = 0; queue < info_.queue_pairs; ++queue) {
    const Presence& worker = presences_[queue];
    const std::uint32_t before = worker.rounds.load(std::memory_order_acquire);
    while (worker.is_inside.load(std::memory_order_acquire) &&
           worker.rounds.load(std::memory_order_acquire) - before < rounds_to_pass) {
      nanosleep(&pause, nullptr);
    }
  }
}

std::expected<void, std::string> Port::start() {
  // A client that is started every so often would fill the log with its server's absence.
  if (info_.reconnects) rte_log_set_level_pattern("pmd.net.memif", RTE_LOG_EMERG);
  const int error = rte_eth_dev_start(id_);
  if (error != 0 && !info_.reconnects) {
    return std::unexpected(fmt::format("port {} does not start: {}", options_.name, rte_strerror(-error)));
  }
  started_ = error == 0;
  if (started_ && rss_) {
    // Many drivers fill the table when they start.
    const auto applied = apply_rss(id_, *rss_, rss_key_bytes_);
    info_.offloads.rss = applied.has_value();
  }
  if (started_ && options_.receives_multicast && !multicast_) {
    // Devices without a filter, as memif and ring, do not know the call and need none.
    const int multicast = rte_eth_allmulticast_enable(id_);
    if (multicast != 0 && multicast != -ENOTSUP) {
      return std::unexpected(
          fmt::format("port {} does not receive multicast: {}", options_.name, rte_strerror(-multicast)));
    }
  }
  gate_open_.store(started_, std::memory_order_release);
  return {};
}

void Port::stop() {
  gate_open_.store(false, std::memory_order_release);
  if (!started_) return;
  rte_eth_dev_stop(id_);
  started_ = false;
}

bool Port::is_link_up() const {
  rte_eth_link link{};
  return started_ && rte_eth_link_get_nowait(id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

std::optional<PortStatistics> Port::statistics() const {
  rte_eth_stats counted{};
  if (rte_eth_stats_get(id_, &counted) != 0) return std::nullopt;
  return PortStatistics{counted.ipackets,  counted.ibytes,   counted.imissed, counted.ierrors,
                        counted.rx_nombuf, counted.opackets, counted.obytes,  counted.oerrors};
}

bool Port::retry_link() {
  if (!info_.reconnects) return false;
  if (is_link_up()) {
    // Connecting takes several messages, so the link comes up some time after the start.
    return !gate_open_.exchange(true, std::memory_order_acq_rel);
  }
  gate_open_.store(false, std::memory_order_release);
  for (std::uint16_t queue = 0; queue < info_.queue_pairs; ++queue) {
    if (presences_[queue].is_inside.load(std::memory_order_acquire)) return false;  // asked; next time then
  }
  if (started_) rte_eth_dev_stop(id_);
  started_ = rte_eth_dev_start(id_) == 0;
  return false;
}

std::uint16_t Port::rx_burst(std::uint16_t queue, std::span<rte_mbuf*> out) {
  return rte_eth_rx_burst(id_, queue, out.data(), static_cast<std::uint16_t>(out.size()));
}

std::uint16_t Port::tx_prepare(std::uint16_t queue, std::span<rte_mbuf*> frames) {
  return rte_eth_tx_prepare(id_, queue, frames.data(), static_cast<std::uint16_t>(frames.size()));
}

std::uint16_t Port::tx_burst(std::uint16_t queue, std::span<rte_mbuf*> frames) {
  return rte_eth_tx_burst(id_, queue, frames.data(), static_cast<std::uint16_t>(frames.size()));
}

}  // namespace byway
