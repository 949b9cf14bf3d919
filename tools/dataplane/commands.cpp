#include "tools/dataplane/commands.h"

#include <fmt/format.h>

#include <charconv>

#include "dataplane/net/address_text.h"
#include "tools/dataplane/metrics.h"

namespace byway::tools {

namespace {

std::string text_of(const net::IpAddress& ip, std::uint16_t tcp_port) {
  char text[net::address_text_max];
  const std::size_t size = net::write_address(ip, text);
  const std::string_view address(text, size);
  return ip.is_v4() ? fmt::format("{}:{}", address, tcp_port) : fmt::format("[{}]:{}", address, tcp_port);
}

/// Collects the connections of one worker, on its thread, without allocating.
class Collector final : public WorkerCommand, private tcp::ConnectionVisitor {
 public:
  Collector(Worker& worker, std::uint32_t places, std::uint32_t limit) : worker_(worker), places_(places) {
    found_.reserve(limit);
  }

  bool step() override {
    next_ = worker_.stack().visit(next_, places_per_step, *this);
    return next_ >= places_ || truncated_;
  }
  [[nodiscard]] std::span<const tcp::ConnectionInfo> found() const { return found_; }
  [[nodiscard]] bool is_truncated() const { return truncated_; }

 private:
  void on_connection(const tcp::ConnectionInfo& info) override {
    if (found_.size() < found_.capacity()) {
      found_.push_back(info);
    } else {
      truncated_ = true;
    }
  }

  Worker& worker_;
  std::vector<tcp::ConnectionInfo> found_;
  std::uint32_t places_;
  std::uint32_t next_ = 0;
  bool truncated_ = false;
};

}  // namespace

class Commands::Connections {
 public:
  Connections(NodeRuntime& runtime, const Waiting& waiting) : waiting_(waiting), runtime_(runtime) {
    for (std::uint32_t i = 0; i < runtime.worker_count(); ++i) {
      collectors_.push_back(
          std::make_unique<Collector>(runtime.worker(i), runtime.connections_max(), waiting.limit));
      // One command at a time: the mailbox is free.
      BYWAY_ASSERT(runtime.mailbox(i).post(*collectors_.back()));
    }
  }

  [[nodiscard]] bool is_done() const {
    for (std::uint32_t i = 0; i < collectors_.size(); ++i) {
      // A worker that has ended answers no more; what it had found by then is shown.
      if (!runtime_.mailbox(i).is_command_done() && !runtime_.worker(i).has_ended()) return false;
    }
    return true;
  }
  [[nodiscard]] shm::CommandTicket ticket() const { return waiting_.ticket; }

  [[nodiscard]] std::string text() const {
    std::string list;
    std::uint32_t shown = 0;
    bool truncated = false;
    for (std::size_t worker = 0; worker < collectors_.size(); ++worker) {
      truncated = truncated || collectors_[worker]->is_truncated();
      for (const tcp::ConnectionInfo& info : collectors_[worker]->found()) {
        if (shown == waiting_.limit) {
          truncated = true;
          break;
        }
        if (shown++ > 0) list += ',';
        append(list, worker, info);
      }
    }
    return fmt::format(R"({{"kind":"ConnectionList","connections":[{}],"truncated":{}}})", list, truncated);
  }

 private:
  static void append(std::string& out, std::size_t worker, const tcp::ConnectionInfo& info) {
    out += fmt::format(
        R"({{"worker":{},"state":"{}","local":"{}","remote":"{}","rttNs":{},"rtoNs":{},"cwnd":{},"mss":{},)"
        R"("sendWindow":{},"inFlight":{},"sendQueue":{},"receiveQueue":{},"reassembly":{},"retransmits":{}}})",
        worker, tcp::name_of(info.state), text_of(info.flow.local, info.flow.local_port),
        text_of(info.flow.remote, info.flow.remote_port), info.srtt.count(), info.rto.count(), info.cwnd,
        info.mss, info.send_window, info.in_flight, info.send_queue, info.receive_queue, info.reassembly,
        info.retransmits);
  }

  Waiting waiting_;
  NodeRuntime& runtime_;
  std::vector<std::unique_ptr<Collector>> collectors_;
};

Commands::Commands(NodeRuntime& runtime, shm::DataPlaneRegions& regions, std::span<const unsigned> cores)
    : runtime_(runtime), regions_(regions), cores_(cores) {}

Commands::~Commands() = default;

std::optional<std::uint32_t> parse_limit(std::string_view arguments) {
  if (arguments.empty()) return connections_shown_default;
  if (!arguments.starts_with("limit=")) return std::nullopt;
  arguments.remove_prefix(6);
  std::uint32_t limit = 0;
  const auto [end, error] = std::from_chars(arguments.data(), arguments.data() + arguments.size(), limit);
  if (error != std::errc{} || end != arguments.data() + arguments.size() || limit == 0) return std::nullopt;
  return std::min(limit, connections_shown_max);
}

void Commands::start(shm::CommandTicket ticket, const shm::CommandRequest& request) {
  if (request.name == "workers" && request.arguments.empty()) return answer_workers(ticket);
  if (request.name != "connections" && request.name != "workers") {
    return server_->answer(ticket, shm::AnswerStatus::unknown_command,
                           fmt::format("no such command: {}; known are connections, workers", request.name));
  }
  const auto limit = request.name == "connections" ? parse_limit(request.arguments) : std::nullopt;
  if (!limit) {
    return server_->answer(ticket, shm::AnswerStatus::invalid_arguments,
                           "connections takes limit=N or nothing, workers takes nothing");
  }
  waiting_.push_back({ticket, *limit});
  start_next();
}

void Commands::start_next() {
  if (active_ != nullptr || waiting_.empty()) return;
  active_ = std::make_unique<Connections>(runtime_, waiting_.front());
  waiting_.erase(waiting_.begin());
}

void Commands::tick() {
  if (active_ == nullptr || !active_->is_done()) return;
  server_->answer(active_->ticket(), shm::AnswerStatus::ok, active_->text());
  active_.reset();
  start_next();
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
  server_->answer(ticket, shm::AnswerStatus::ok,
                  fmt::format(R"({{"kind":"WorkerList","workers":[{}]}})", list));
}

}  // namespace byway::tools
