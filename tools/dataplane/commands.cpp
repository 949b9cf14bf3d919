#include "tools/dataplane/commands.h"

#include <fmt/format.h>

#include <new>

#include "tools/dataplane/connection_list.h"
#include "tools/dataplane/metrics.h"

namespace byway::tools {

using shm::AnswerStatus;

namespace {

/// What each port does by itself; names are plain (node_config.cpp), so nothing has to be escaped.
std::string port_list(const NodeRuntime& runtime) {
  std::string list;
  for (const LinkSetup& link : runtime.links()) {
    const PortInfo& info = link.port->info();
    std::string offloads;
    for (const std::string& name : names_of(info.offloads))
      offloads += fmt::format(R"({}"{}")", offloads.empty() ? "" : ",", name);
    const std::string vlan = link.vlan != net::vlan_none ? fmt::format(R"("vlan":{},)", link.vlan) : "";
    list +=
        fmt::format(R"({}{{"name":"{}","driver":"{}",{}"mtu":{},"queuePairs":{},"isUp":{},"offloads":[{}]}})",
                    list.empty() ? "" : ",", link.name, info.driver, vlan, link.mtu, info.queue_pairs,
                    link.port->is_link_up(), offloads);
  }
  return list;
}

}  // namespace

Commands::Commands(NodeRuntime& runtime, shm::DataPlaneRegions& regions, std::span<const unsigned> cores)
    : runtime_(runtime), regions_(regions), cores_(cores), jobs_(runtime) {}

Commands::~Commands() = default;

void Commands::start(shm::CommandTicket ticket, const shm::CommandRequest& request) {
  const auto without = [&](auto&& run) {
    if (request.arguments.empty()) return run();
    server_->answer(ticket, AnswerStatus::invalid_arguments, fmt::format("{} takes nothing", request.name));
  };
  if (request.name == "workers") return without([&] { answer_workers(ticket); });
  if (request.name == "connections") return start_connections(ticket, request.arguments);
  if (request.name == "capture") return start_capture(ticket, request.arguments);
  if (request.name == "capture-read") return without([&] { read_capture(ticket); });
  if (request.name == "capture-stop") return without([&] { stop_capture(ticket); });
  server_->answer(ticket, AnswerStatus::unknown_command,
                  fmt::format("no such command: {}; known are connections, workers, capture, capture-read, "
                              "capture-stop",
                              request.name));
}

void Commands::tick() {
  jobs_.tick();
  if (capture_ == nullptr) return;
  capture_->tick();
  if (capture_->is_over()) capture_.reset();
}

void Commands::start_connections(shm::CommandTicket ticket, std::string_view arguments) {
  const auto query = parse_connection_query(arguments, runtime_.worker_count());
  if (!query) return server_->answer(ticket, AnswerStatus::invalid_arguments, query.error());
  if (jobs_.is_full()) return server_->answer(ticket, AnswerStatus::busy, "too many commands wait");
  jobs_.add(make_connections_job(runtime_, *query, [this, ticket](const std::string& text) {
    server_->answer(ticket, AnswerStatus::ok, text);
  }));
}

// ---- captures --------------------------------------------------------------------------------------------

void Commands::start_capture(shm::CommandTicket ticket, std::string_view arguments) {
  auto request = shm::parse_capture_request(arguments);
  if (!request) return server_->answer(ticket, AnswerStatus::invalid_arguments, request.error());
  const auto links = links_of(*request, runtime_);
  if (!links) return server_->answer(ticket, AnswerStatus::invalid_arguments, links.error());
  if (capture_ != nullptr || jobs_.is_full()) {
    return server_->answer(ticket, AnswerStatus::busy,
                           "another capture is running, and there is one at a time");
  }
  try {
    capture_ =
        std::make_unique<CaptureSession>(runtime_, jobs_, *server_, std::move(*request), *links, ticket);
  } catch (const std::bad_alloc&) {
    server_->answer(ticket, AnswerStatus::failed, "there is no memory for rings of this size");
  }
}

void Commands::read_capture(shm::CommandTicket ticket) {
  if (capture_ == nullptr || capture_->owner() != ticket.peer_serial) {
    return server_->answer(ticket, AnswerStatus::failed, "no capture of this connection is running");
  }
  capture_->read(ticket);
}

void Commands::stop_capture(shm::CommandTicket ticket) {
  if (capture_ == nullptr) return server_->answer(ticket, AnswerStatus::failed, "no capture is running");
  capture_->stop();
  server_->answer(ticket, AnswerStatus::ok, "");
}

void Commands::answer_workers(shm::CommandTicket ticket) {
  std::string list;
  for (std::uint32_t i = 0; i < runtime_.worker_count(); ++i) {
    const WorkerCells cells = cells_of_worker(regions_.counters, i);
    const auto value = [&](WorkerCounter counter) { return cells.blocks.worker.value(counter); };
    const std::uint64_t total = std::max<std::uint64_t>(value(WorkerCounter::total_ns), 1);
    list += fmt::format(
        R"({}{{"id":{},"core":{},"busy":{:.4f},"connections":{},"requests":{},"mbufsFree":{},"mbufs":{}}})",
        i > 0 ? "," : "", i, cores_[i],
        static_cast<double>(value(WorkerCounter::busy_ns)) / static_cast<double>(total),
        cells.blocks.tcp.value(tcp::CounterIndex::sockets_in_use),
        cells.telemetry.value(l7::Counter::requests), value(WorkerCounter::mbufs_free),
        value(WorkerCounter::mbufs_total));
  }
  server_->answer(
      ticket, shm::AnswerStatus::ok,
      fmt::format(R"({{"kind":"WorkerList","workers":[{}],"ports":[{}]}})", list, port_list(runtime_)));
}

}  // namespace byway::tools
