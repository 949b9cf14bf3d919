#include "tools/dataplane/gateway.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "dataplane/net/address_text.h"
#include "tools/dataplane/channel_access.h"
#include "tools/dataplane/least_privilege.h"
#include "tools/dataplane/log.h"
#include "tools/dataplane/metrics.h"
#include "tools/dataplane/proxy_application.h"

namespace byway::tools {

namespace {

/// Longest pause of the main thread: ports are looked after and sets freed at least so often.
constexpr int turn_ms_max = 100;
/// Between two looks at what devices count.
constexpr Nanoseconds ports_read_interval = 1s;
/// While workers answer a command.
constexpr int turn_ms_waiting = 1;

/// The first port of each device, in their order: what its metrics are called by.
std::vector<std::string> device_port_names(const NodeConfig& config) {
  std::vector<std::string> names;
  for (const PortConfig& port : config.ports) {
    const auto first = std::ranges::find(config.ports, port.device, &PortConfig::device);
    if (&*first == &port) names.push_back(port.name);
  }
  return names;
}

}  // namespace

Gateway::Gateway(const NodeConfig& config) : config_(config) {
  for (const PortConfig& port : config_.ports) {
    for (const net::Prefix& address : port.addresses) {
      node_prefixes_.push_back(address);
      node_addresses_.push_back(address.address);
    }
  }
}

Gateway::~Gateway() = default;

std::expected<std::unique_ptr<Gateway>, std::string> Gateway::start(const NodeConfig& config) {
  std::unique_ptr<Gateway> gateway(new Gateway(config));
  if (auto started = gateway->start_all(); !started) {
    if (gateway->runtime_) {
      gateway->runtime_->drain(0ns);
      static_cast<void>(gateway->runtime_->stop());
    }
    return std::unexpected(started.error());
  }
  return gateway;
}

std::expected<void, std::string> Gateway::start_all() {
  if (auto made = make_runtime_dir(); !made) return made;
  const auto worker_count = static_cast<std::uint32_t>(config_.cores.size());
  port_metrics_.emplace(device_port_names(config_));
  std::vector<shm::MetricDescription> metrics(metric_descriptions().begin(), metric_descriptions().end());
  const auto first_of_ports = static_cast<std::uint32_t>(metrics.size());
  std::ranges::copy(port_metrics_->descriptions(), std::back_inserter(metrics));
  auto regions = shm::DataPlaneRegions::create({.worker_count = worker_count}, metrics, random_number());
  if (!regions) return std::unexpected(regions.error());
  regions_.emplace(std::move(*regions));
  port_metrics_->attach(regions_->counters, first_of_ports);
  publication_.emplace(*regions_->control.page);

  auto runtime = NodeRuntime::open(config_);
  if (!runtime) return std::unexpected(runtime.error());
  runtime_ = std::move(*runtime);
  installer_.emplace(
      *publication_, regions_->slots, [this] { return now_ns(); }, config_.runtime_dir + "/last_good",
      [this](const shm::Snapshot& snapshot) { return prepare(snapshot); });
  install_last_good();
  tell_time();
  if (auto running = runtime_->run([this](std::uint32_t worker) { return make_parts(worker); }); !running)
    return running;
  commands_.emplace(*runtime_, *regions_, config_.cores);
  if (auto opened = open_socket(); !opened) return opened;
  const bool with_af_xdp =
      std::ranges::any_of(config_.ports, [](const PortConfig& port) { return is_af_xdp(port.device); });
  if (auto dropped = drop_privileges(with_af_xdp); !dropped) return dropped;

  for (const LinkSetup& link : runtime_->links()) {
    const PortInfo& info = link.port->info();
    const std::string offloads = fmt::format("{}", fmt::join(names_of(info.offloads), " "));
    const std::string vlan = link.vlan != net::vlan_none ? fmt::format(", VLAN {}", link.vlan) : "";
    log("port {}: {}{}, MTU {}, {} queue pair{}, offloads {}{}", link.name, info.driver, vlan, link.mtu,
        info.queue_pairs, info.queue_pairs == 1 ? "" : "s", offloads.empty() ? "none" : offloads,
        link.port->is_link_up() ? "" : ", link down");
  }
  for (const PortConfig& port : config_.ports) {
    if (!port.kernel_interface.empty())
      log("port {}: what is not the gateway's goes to the kernel by {}", port.name, port.kernel_interface);
  }
  log("{} worker{}, {} polling, {}; socket {}/dataplane.sock", worker_count, worker_count == 1 ? "" : "s",
      config_.poll == PollMode::busy ? "busy" : "adaptive",
      runtime_->uses_huge_pages() ? "huge pages" : "no huge pages", config_.runtime_dir);
  return {};
}

std::expected<void, std::string> Gateway::make_runtime_dir() const {
  std::error_code error;
  const bool made = std::filesystem::create_directories(config_.runtime_dir, error);
  if (error) return std::unexpected(fmt::format("runtime_dir {}: {}", config_.runtime_dir, error.message()));
  // The group may connect; what else is there (the last good set) is its owner's.
  if (made) ::chmod(config_.runtime_dir.c_str(), 0750);
  return {};
}

WorkerParts Gateway::make_parts(std::uint32_t worker) {
  const WorkerCells cells = cells_of_worker(regions_->counters, worker);
  ProxyApplicationOptions options;
  options.worker = worker;
  options.connections_max = config_.connections;
  options.buffers = config_.mbufs;
  options.random_seed = random_number();
  options.node_addresses = node_addresses_;
  options.wall_seconds = &wall_seconds_;
  return {std::make_unique<ProxyApplication>(options, *regions_, *publication_, cells.telemetry),
          cells.blocks};
}

std::expected<std::unique_ptr<const shm::SetAttachment>, std::string> Gateway::prepare(
    const shm::Snapshot& snapshot) const {
  auto plan = make_listen_plan(snapshot.policy(), node_prefixes_);
  if (!plan) return std::unexpected(plan.error());
  for (const net::IpAddress& address : (*plan)->unusable_addresses) {
    char text[net::address_text_max];
    log("generation {}: no port's network has a place for the address {}: nobody can reach it",
        snapshot.generation(), std::string_view(text, net::write_address(address, text)));
  }
  return std::move(*plan);
}

void Gateway::install_last_good() {
  const auto installed = installer_->install_last_good();
  if (!installed) {
    log("the last good set cannot be used: {}", installed.error());
  } else if (*installed) {
    log("running the last good set, generation {}", publication_->newest_generation());
  }
}

std::expected<void, std::string> Gateway::open_socket() {
  const auto options = channel_options(config_);
  if (!options) return std::unexpected(options.error());
  auto server = shm::ChannelServer::open(*options, *regions_, *publication_, *this);
  if (!server) return std::unexpected(server.error());
  server_ = std::move(*server);
  commands_->set_server(*server_);
  return {};
}

// ---- the main thread's loop ------------------------------------------------------------------------------

ExitCode Gateway::run(SignalSource& signals) {
  while (!runtime_->has_ended()) turn(signals);
  server_.reset();
  commands_.reset();
  if (const auto written = installer_->flush_last_good(); !written)
    log("the last good set: {}", written.error());
  const auto stopped = runtime_->stop();
  if (!stopped) {
    log("{}", stopped.error());
    return ExitCode::leaked;
  }
  log_line(*stopped ? "stopped, all packet buffers came back" : "stopped");
  return ExitCode::done;
}

void Gateway::tell_time() {
  const std::int64_t now = std::time(nullptr);
  if (wall_seconds_.load(std::memory_order_relaxed) != now)
    wall_seconds_.store(now, std::memory_order_relaxed);
}

void Gateway::turn(SignalSource& signals) {
  tell_time();
  const auto wanted = server_->poll_entries();
  std::vector<pollfd> entries(wanted.begin(), wanted.end());
  entries.push_back({signals.fd(), POLLIN, 0});
  // A drain ends when the workers say so; they are asked often then.
  const int patience = commands_->is_waiting() || signals_seen_ > 0 ? turn_ms_waiting : turn_ms_max;
  ::poll(entries.data(), entries.size(), std::min(patience, server_->poll_timeout_ms()));
  entries.pop_back();
  if (signals.take() != 0) on_signal();
  server_->on_ready(entries, now_ns());
  server_->on_tick(now_ns());
  commands_->tick();
  runtime_->tick(log_line);
  read_ports();
  if (const auto written = installer_->on_tick(); !written) log("the last good set: {}", written.error());
}

void Gateway::read_ports() {
  if (runtime_->now() < ports_read_at_ + ports_read_interval) return;
  ports_read_at_ = runtime_->now();
  const auto& devices = runtime_->devices();
  for (std::size_t i = 0; i < devices.size(); ++i) {
    if (const auto statistics = devices[i]->statistics())
      port_metrics_->update(i, *statistics, devices[i]->is_link_up());
  }
}

void Gateway::on_signal() {
  ++signals_seen_;
  if (signals_seen_ == 1) {
    log("stopping: connections have {} ms to end; a second signal ends them at once",
        config_.drain_timeout_ms);
    runtime_->drain(std::chrono::milliseconds(config_.drain_timeout_ms));
  } else {
    runtime_->drain(0ns);
  }
}

shm::HandoverOutcome Gateway::on_handover(const shm::Handover& handover,
                                          std::array<shm::OwnedFd, shm::blob_count> blobs, std::uint64_t) {
  shm::HandoverOutcome outcome = installer_->install(handover, std::move(blobs));
  if (!outcome.is_accepted) log("generation {} refused: {}", handover.generation, outcome.reason);
  return outcome;
}

void Gateway::on_command(shm::CommandTicket ticket, const shm::CommandRequest& request) {
  commands_->start(ticket, request);
}

void Gateway::on_peer(std::string_view name, std::string_view what) {
  log("peer {}: {}", name, what);
}

}  // namespace byway::tools
