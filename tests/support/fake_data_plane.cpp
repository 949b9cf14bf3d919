#include "tests/support/fake_data_plane.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <utility>

namespace byway::test {
namespace {

constexpr shm::MetricDescription metrics[] = {
    {"fake_rounds", shm::MetricKind::counter, "Rounds of the workers."},
    {"fake_round_time", shm::MetricKind::histogram, "Invented times of rounds."},
};

/// The thread looks this often whether it shall stop and lets its workers go on.
constexpr int turn_ms_max = 2;

template <typename Value>
Value value_or_abort(std::expected<Value, std::string> value) {
  if (!value) {
    std::fprintf(stderr, "fake data plane: %s\n", value.error().c_str());
    std::abort();
  }
  return std::move(*value);
}

}  // namespace

struct FakeDataPlane::Log {
  std::mutex mutex;
  std::vector<std::string> lines;
};

uid_t FakeDataPlane::own_user() {
  return ::geteuid();
}

FakeDataPlane::FakeDataPlane(const Options& options)
    : socket_path_(options.runtime_folder + "/dataplane.sock"),
      workers_run_(options.workers_run),
      regions_(value_or_abort(shm::DataPlaneRegions::create(
          options.sizes, metrics,
          static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count())))),
      publication_(*regions_.control.page),
      installer_(
          publication_, regions_.slots, [this] { return now_ns(); }, options.runtime_folder + "/last_good"),
      log_(std::make_unique<Log>()) {
  if (auto installed = installer_.install_last_good(); !installed)
    on_peer("last good set", installed.error());
  server_ = value_or_abort(shm::ChannelServer::open(
      {socket_path_, options.allowed_users, options.allowed_groups, options.node_addresses}, regions_,
      publication_, *this));
  for (std::uint32_t worker = 0; worker < options.sizes.worker_count; ++worker) {
    workers_.emplace_back(publication_, worker);
  }
  thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
}

FakeDataPlane::~FakeDataPlane() {
  thread_.request_stop();
  thread_.join();
}

std::uint64_t FakeDataPlane::now_ns() const {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count()) + clock_offset_ns_;
}

void FakeDataPlane::serve(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto wanted = server_->poll_entries();
    std::vector<pollfd> entries(wanted.begin(), wanted.end());
    ::poll(entries.data(), entries.size(), std::min(turn_ms_max, server_->poll_timeout_ms()));
    server_->on_ready(entries, now_ns());
    if (workers_run_) run_workers();
    server_->on_tick(now_ns());
    if (auto written = installer_.on_tick(); !written) on_peer("last good set", written.error());
    peer_count_ = server_->peer_count();
  }
}

void FakeDataPlane::run_workers() {
  for (std::uint32_t worker = 0; worker < workers_.size(); ++worker) {
    workers_[worker].refresh(now_ns());
    const auto cells = regions_.counters.worker_cells(worker);
    shm::add_to_cell(cells[regions_.counters.first_cell(0)], 1);
    shm::HistogramWriter(&cells[regions_.counters.first_cell(1)]).record(2'000);
  }
}

shm::HandoverOutcome FakeDataPlane::on_handover(const shm::Handover& handover,
                                                std::array<shm::OwnedFd, shm::blob_count> blobs,
                                                std::uint64_t) {
  return installer_.install(handover, std::move(blobs));
}

void FakeDataPlane::on_command(shm::CommandTicket ticket, const shm::CommandRequest& request) {
  if (request.name == "echo") {
    server_->answer(ticket, shm::AnswerStatus::ok, request.arguments);
  } else if (request.name == "connections") {
    server_->answer(ticket, shm::AnswerStatus::ok, "[]");
  } else if (request.name == "long") {
    server_->answer(ticket, shm::AnswerStatus::ok,
                    std::string(std::strtoul(request.arguments.c_str(), nullptr, 10), 'x'));
  } else if (request.name != "silent") {
    server_->answer(ticket, shm::AnswerStatus::unknown_command, "no such command: " + request.name);
  }
}

void FakeDataPlane::on_peer(std::string_view name, std::string_view what) {
  const std::scoped_lock lock(log_->mutex);
  log_->lines.push_back(std::string(name) + ": " + std::string(what));
}

std::vector<std::string> FakeDataPlane::log() const {
  const std::scoped_lock lock(log_->mutex);
  return log_->lines;
}

}  // namespace byway::test
