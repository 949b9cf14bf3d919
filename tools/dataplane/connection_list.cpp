#include "tools/dataplane/connection_list.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/shm/command_words.h"
#include "control/shm/messages.h"
#include "dataplane/net/address_text.h"

namespace byway::tools {

namespace {

/// Left of an answer for what stands around the list.
constexpr std::size_t frame_bytes = 128;

constexpr tcp::State all_states[] = {
    tcp::State::syn_sent,   tcp::State::syn_received, tcp::State::established,
    tcp::State::fin_wait_1, tcp::State::fin_wait_2,   tcp::State::close_wait,
    tcp::State::closing,    tcp::State::last_ack,     tcp::State::time_wait};

std::expected<tcp::State, std::string> parse_state(std::string_view text) {
  std::string known;
  for (const tcp::State state : all_states) {
    if (tcp::name_of(state) == text) return state;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", tcp::name_of(state));
  }
  return std::unexpected(fmt::format("state: is one of {}", known));
}

std::string text_of(const net::IpAddress& ip, std::uint16_t tcp_port) {
  char text[net::address_text_max];
  const std::string_view address(text, net::write_address(ip, text));
  return ip.is_v4() ? fmt::format("{}:{}", address, tcp_port) : fmt::format("[{}]:{}", address, tcp_port);
}

std::string_view name_of(tcp::Phase phase) {
  switch (phase) {
    case tcp::Phase::open:
      return "open";
    case tcp::Phase::reduced:
      return "reduced";
    case tcp::Phase::recovery:
      return "recovery";
    case tcp::Phase::timeout:
      return "timeout";
  }
  return "unknown";
}

/// Collects the connections of one worker, on its thread, without allocating.
class Collector final : public WorkerCommand, private tcp::ConnectionVisitor {
 public:
  Collector(Worker& worker, std::uint32_t places, const ConnectionQuery& query)
      : worker_(worker), query_(query), places_(places) {
    found_.reserve(query.limit);
  }

  bool step() override {
    next_ = worker_.stack().visit(next_, places_per_step, *this);
    return next_ >= places_ || truncated_;
  }
  [[nodiscard]] std::span<const tcp::ConnectionInfo> found() const { return found_; }
  [[nodiscard]] bool is_truncated() const { return truncated_; }

 private:
  void on_connection(const tcp::ConnectionInfo& info) override {
    if (!query_.matches(info)) return;
    if (found_.size() < found_.capacity()) {
      found_.push_back(info);
    } else {
      truncated_ = true;
    }
  }

  Worker& worker_;
  const ConnectionQuery& query_;
  std::vector<tcp::ConnectionInfo> found_;
  std::uint32_t places_;
  std::uint32_t next_ = 0;
  bool truncated_ = false;
};

/// For a worker that is not asked.
class Nothing final : public WorkerCommand {
 public:
  bool step() override { return true; }
};

class ConnectionsJob final : public WorkerJob {
 public:
  ConnectionsJob(NodeRuntime& runtime, const ConnectionQuery& query,
                 std::function<void(const std::string&)> answer)
      : query_(query), answer_(std::move(answer)), collectors_(runtime.worker_count()) {
    for (std::uint32_t i = 0; i < runtime.worker_count(); ++i) {
      if (query.worker && *query.worker != i) continue;
      collectors_[i] = std::make_unique<Collector>(runtime.worker(i), runtime.connections_max(), query_);
    }
  }

  WorkerCommand& command(std::uint32_t worker) override {
    if (collectors_[worker] == nullptr) return nothing_;
    return *collectors_[worker];
  }
  void on_done() override { answer_(text()); }

 private:
  [[nodiscard]] std::string text() const {
    std::string list;
    std::uint32_t shown = 0;
    bool truncated = false;
    for (std::size_t worker = 0; worker < collectors_.size(); ++worker) {
      if (collectors_[worker] == nullptr) continue;
      truncated = truncated || collectors_[worker]->is_truncated();
      for (const tcp::ConnectionInfo& info : collectors_[worker]->found()) {
        const std::size_t before = list.size();
        if (shown > 0) list += ',';
        append_connection(list, worker, info);
        if (shown == query_.limit || list.size() > shm::answer_bytes_max - frame_bytes) {
          list.resize(before);
          truncated = true;
          break;
        }
        ++shown;
      }
    }
    return fmt::format(R"({{"kind":"ConnectionList","connections":[{}],"truncated":{}}})", list, truncated);
  }

  ConnectionQuery query_;
  std::function<void(const std::string&)> answer_;
  std::vector<std::unique_ptr<Collector>> collectors_;
  Nothing nothing_;
};

}  // namespace

void append_connection(std::string& out, std::size_t worker, const tcp::ConnectionInfo& info) {
  const auto text = [&out](std::string_view name, std::string_view value) {
    out += fmt::format(R"("{}":"{}",)", name, value);
  };
  const auto number = [&out](std::string_view name, auto value) {
    out += fmt::format(R"("{}":{},)", name, value);
  };
  out += '{';
  // A new field is a line here; `byway connections --info` shows it by its name.
  number("worker", worker);
  text("state", tcp::name_of(info.state));
  text("local", text_of(info.flow.local, info.flow.local_port));
  text("remote", text_of(info.flow.remote, info.flow.remote_port));
  number("rttNs", info.srtt.count());
  number("minRttNs", info.min_rtt.count());
  number("rtoNs", info.rto.count());
  number("backoffs", info.backoffs);
  text("phase", name_of(info.phase));
  number("cwnd", info.cwnd);
  // Before the first loss there is none.
  if (info.ssthresh != UINT32_MAX) number("ssthresh", info.ssthresh);
  number("mss", info.mss);
  number("sendWindow", info.send_window);
  number("inFlight", info.in_flight);
  number("sacked", info.sacked);
  number("lost", info.lost);
  number("sendQueue", info.send_queue);
  number("receiveQueue", info.receive_queue);
  number("reassembly", info.reassembly);
  number("retransmits", info.retransmits);
  out.back() = '}';
}

bool ConnectionQuery::matches(const tcp::ConnectionInfo& info) const {
  if (state && info.state != *state) return false;
  if (address && info.flow.local != *address && info.flow.remote != *address) return false;
  return !tcp_port || info.flow.local_port == *tcp_port || info.flow.remote_port == *tcp_port;
}

std::expected<ConnectionQuery, std::string> parse_connection_query(std::string_view arguments,
                                                                   std::uint32_t worker_count) {
  constexpr std::string_view names[] = {"address", "limit", "state", "tcp-port", "worker"};
  const auto words = shm::parse_words(arguments, names);
  if (!words) return std::unexpected(words.error());
  ConnectionQuery query;
  for (const shm::CommandWord& word : *words) {
    if (word.name == "state") {
      const auto state = parse_state(word.value);
      if (!state) return std::unexpected(state.error());
      query.state = *state;
      continue;
    }
    if (word.name == "address") {
      query.address = net::parse_address(word.value);
      if (!query.address) return std::unexpected(std::string("address: is an IP address, without a port"));
      continue;
    }
    const std::uint64_t most = word.name == "limit"      ? UINT32_MAX
                               : word.name == "tcp-port" ? UINT16_MAX
                                                         : worker_count - 1;
    const auto number = shm::number_of(word, word.name == "worker" ? 0 : 1, most);
    if (!number) return std::unexpected(number.error());
    if (word.name == "limit") {
      query.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(*number, connections_shown_max));
    } else if (word.name == "tcp-port") {
      query.tcp_port = static_cast<std::uint16_t>(*number);
    } else {
      query.worker = static_cast<std::uint32_t>(*number);
    }
  }
  return query;
}

std::unique_ptr<WorkerJob> make_connections_job(NodeRuntime& runtime, const ConnectionQuery& query,
                                                std::function<void(const std::string&)> answer) {
  return std::make_unique<ConnectionsJob>(runtime, query, std::move(answer));
}

}  // namespace byway::tools
