#include "control/publish/data_plane_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "control/publish/endpoint_metrics.h"
#include "control/publish/metrics_text.h"
#include "control/shm/apply_times.h"

namespace byway::control {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* publisher_name = "byway-agent";
constexpr const char* command_name = "byway-agent-commands";
constexpr const char* capture_name = "byway-agent-capture";

/// For an answer to `capture-read`, which comes after shm::capture_read_wait_ms.
constexpr std::chrono::seconds capture_read_timeout{5};

/// installer.h's word for a set that may be taken later.
constexpr std::string_view straggler_prefix = "stragglers:";

int http_status(shm::AnswerStatus status) {
  switch (status) {
    case shm::AnswerStatus::ok:
      return 200;
    case shm::AnswerStatus::unknown_command:
      return 501;
    case shm::AnswerStatus::invalid_arguments:
      return 400;
    case shm::AnswerStatus::failed:
      return 502;
    case shm::AnswerStatus::timed_out:
      return 504;
    case shm::AnswerStatus::busy:
      return 503;
  }
  return 502;
}

std::expected<std::string, CommandFailure> ask(shm::ChannelClient& channel, std::string_view name,
                                               std::string_view arguments, Clock::time_point deadline) {
  auto answer = channel.command(name, arguments, deadline);
  if (!answer) return std::unexpected(CommandFailure{503, answer.error().text});
  if (answer->status != shm::AnswerStatus::ok)
    return std::unexpected(CommandFailure{
        http_status(answer->status), answer->text.empty() ? "the data plane gave no reason" : answer->text});
  return std::move(answer->text);
}

/// A capture, which lives as long as its connection.
class ChannelCapture final : public CaptureReader {
 public:
  explicit ChannelCapture(std::unique_ptr<shm::ChannelClient> channel) : channel_(std::move(channel)) {}

  std::expected<Piece, CommandFailure> read() override {
    auto answer = ask(*channel_, "capture-read", "", Clock::now() + capture_read_timeout);
    if (!answer) return std::unexpected(std::move(answer.error()));
    if (answer->empty() || (answer->front() != shm::capture_more && answer->front() != shm::capture_last))
      return std::unexpected(CommandFailure{502, "the data plane's answer makes no sense"});
    const bool is_last = answer->front() == shm::capture_last;
    return Piece{answer->substr(1), is_last};
  }

 private:
  std::unique_ptr<shm::ChannelClient> channel_;
};

std::vector<std::uint64_t> times_of(const shm::ControlPage& page, std::uint64_t generation) {
  return shm::apply_times(page, generation, page.publication.published_at_ns.load(std::memory_order_relaxed));
}

}  // namespace

DataPlaneClient::~DataPlaneClient() {
  stop();
}

void DataPlaneClient::start(std::function<void()> on_progress) {
  on_progress_ = std::move(on_progress);
  settle_at_ = Clock::now() + settle_time;
  thread_ = std::thread([this] { run(); });
}

void DataPlaneClient::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  work_.notify_all();
  progressed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Ticket DataPlaneClient::publish(std::shared_ptr<const CompiledSet> set, std::uint64_t revision) {
  const std::lock_guard lock(mutex_);
  wanted_ = {wanted_.ticket + 1, revision, std::move(set)};
  work_.notify_all();
  return wanted_.ticket;
}

PublishProgress DataPlaneClient::progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

std::shared_ptr<shm::ChannelClient> DataPlaneClient::channel() const {
  const std::lock_guard lock(mutex_);
  return channel_;
}

bool DataPlaneClient::has_work() const {
  return wanted_.ticket > handed_.ticket || (!handed_.refused.empty() && Clock::now() >= handed_.retry_at);
}

void DataPlaneClient::run() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    const bool is_connected = channel_ != nullptr && channel_->is_connected();
    if (channel_ != nullptr && !is_connected) {
      disconnect("the data plane closed the connection");
      report(lock);
    }
    if (channel_ == nullptr) {
      lock.unlock();
      connect();
      lock.lock();
      report(lock);
      if (channel_ == nullptr) {
        work_.wait_for(lock, reconnect_interval, [this] { return is_stopping_; });
        continue;
      }
    }
    if (has_work()) {
      const Wanted wanted = wanted_;
      lock.unlock();
      hand_over(wanted);
      lock.lock();
    }
    watch_workers();
    progress_.is_settled |= !handed_.refused.empty() || Clock::now() >= settle_at_;
    report(lock);
    const bool is_waiting =
        channel_ != nullptr && handed_.refused.empty() && !handed_.is_applied && handed_.ticket != 0;
    work_.wait_for(lock, is_waiting ? progress_interval : idle_interval,
                   [this] { return is_stopping_ || has_work(); });
  }
}

/// Under the lock, which it gives back for the call: the engine takes its own, under which it calls us.
void DataPlaneClient::report(std::unique_lock<std::mutex>& lock) {
  if (progress_ == reported_) return;
  reported_ = progress_;
  lock.unlock();
  if (on_progress_) on_progress_();
  lock.lock();
}

void DataPlaneClient::connect() {
  auto connected = shm::ChannelClient::connect(socket_path_, publisher_name, Clock::now() + handover_timeout);
  const std::lock_guard lock(mutex_);
  if (!connected) {
    disconnected_reason_ = connected.error().text;
    progress_.is_settled = true;
    return;
  }
  channel_ = std::move(*connected);
  disconnected_reason_.clear();
  last_generation_ = channel_->welcome().generation;
  progress_.node = std::make_shared<const NodeAddresses>(channel_->welcome().node_addresses);
  // What it runs may be ours or not: the newest set is handed over in any case.
  handed_ = {};
}

/// Under the lock.
void DataPlaneClient::disconnect(std::string reason) {
  channel_.reset();
  disconnected_reason_ = std::move(reason);
  handed_ = {};
  progress_ = {};
}

/// The descriptor of a blob in a sealed memfd; made anew only when the blob is another than before.
int DataPlaneClient::sealed(std::shared_ptr<const shm::BlobBytes>& held, shm::OwnedFd& fd,
                            const std::shared_ptr<const shm::BlobBytes>& blob, const char* name) {
  if (held == blob && fd.is_open()) return fd.get();
  auto made = shm::make_sealed_memfd(name, *blob);
  if (!made) return -1;
  fd = std::move(*made);
  held = blob;
  return fd.get();
}

void DataPlaneClient::hand_over(const Wanted& wanted) {
  const std::shared_ptr<shm::ChannelClient> line = channel();
  shm::SetToPublish set;
  set.generation = last_generation_ + 1;
  set.revision = wanted.revision;
  set.policy_fd = sealed(sealed_.policy, sealed_.policy_fd, wanted.set->policy, "byway-policy");
  set.endpoints_fd =
      sealed(sealed_.endpoints, sealed_.endpoints_fd, wanted.set->endpoints, "byway-endpoints");
  set.secrets_fd = sealed(sealed_.secrets, sealed_.secrets_fd, wanted.set->secrets, "byway-secrets");
  const bool has_blobs = set.policy_fd >= 0 && set.endpoints_fd >= 0 && set.secrets_fd >= 0;
  auto receipt =
      has_blobs
          ? line->publish(set, shm::WaitFor::accepted, Clock::now() + handover_timeout)
          : std::unexpected(shm::ChannelError{shm::ChannelError::Kind::timed_out, "no memory for a memfd"});
  const std::lock_guard lock(mutex_);
  if (!receipt && receipt.error().kind != shm::ChannelError::Kind::timed_out)
    return disconnect(receipt.error().text);
  handed_ = {wanted.ticket, set.generation, "", false, Clock::time_point::max()};
  if (receipt && receipt->result != shm::ReceiptResult::refused) {
    last_generation_ = set.generation;
    return;
  }
  handed_.refused = receipt ? receipt->reason : receipt.error().text;
  // Sets in use are given back with time; an unanswered set may have been published after all, so that the
  // next number must be greater. What was refused for its content would be refused again.
  if (!receipt) last_generation_ = set.generation;
  if (!receipt || receipt->reason.starts_with(straggler_prefix))
    handed_.retry_at = Clock::now() + straggler_interval;
  progressed_.notify_all();
}

/// Under the lock: has every worker taken up what was handed over?
void DataPlaneClient::watch_workers() {
  if (channel_ == nullptr || handed_.ticket == 0 || handed_.is_applied || !handed_.refused.empty()) return;
  const auto times = times_of(channel_->regions().control(), handed_.generation);
  if (std::ranges::find(times, shm::apply_time_pending) != times.end()) return;
  // Before the first worker has begun nothing runs at all.
  if (std::ranges::all_of(times, [](std::uint64_t time) { return time == shm::apply_time_no_worker; }))
    return;
  handed_.is_applied = true;
  progress_.applied = handed_.ticket;
  progress_.is_settled = true;
  progressed_.notify_all();
}

Receipt DataPlaneClient::await(Ticket ticket, Deadline deadline) {
  std::unique_lock lock(mutex_);
  progressed_.wait_until(lock, deadline, [&] {
    const bool is_refused = handed_.ticket >= ticket && !handed_.refused.empty();
    return is_stopping_ || progress_.applied >= ticket || is_refused;
  });
  Receipt receipt;
  receipt.generation = handed_.ticket >= ticket ? handed_.generation : 0;
  if (channel_ == nullptr) {
    receipt.reason = disconnected_reason_;
    return receipt;
  }
  if (progress_.applied < ticket && handed_.ticket >= ticket && !handed_.refused.empty()) {
    receipt.state = ReceiptState::refused;
    receipt.reason = handed_.refused;
    return receipt;
  }
  receipt.state = progress_.applied >= ticket ? ReceiptState::applied : ReceiptState::late;
  if (receipt.generation == 0) return receipt;
  const auto times = times_of(channel_->regions().control(), receipt.generation);
  for (std::size_t i = 0; i < times.size(); ++i)
    if (times[i] != shm::apply_time_no_worker)
      receipt.workers.push_back({static_cast<std::uint32_t>(i), times[i] != shm::apply_time_pending,
                                 times[i] == shm::apply_time_pending ? 0 : times[i]});
  return receipt;
}

DataPlaneView DataPlaneClient::view() const {
  DataPlaneView view;
  std::shared_ptr<shm::ChannelClient> line;
  {
    const std::lock_guard lock(mutex_);
    line = channel_;
    view.reason = disconnected_reason_;
  }
  if (line == nullptr) return view;
  const shm::ControlPage& page = line->regions().control();
  view.is_connected = true;
  view.instance = page.instance;
  view.generation =
      shm::GenerationWord(page.publication.published.load(std::memory_order_acquire)).generation();
  for (std::uint32_t i = 0; i < page.worker_count; ++i) {
    const std::uint64_t running = page.workers[i].running.load(std::memory_order_acquire);
    const bool is_running = running != shm::worker_absent;
    view.workers.push_back({i, is_running, is_running ? running : 0});
  }
  return view;
}

std::string DataPlaneClient::metrics_text() const {
  std::shared_ptr<shm::ChannelClient> line;
  std::shared_ptr<const CompiledSet> set;
  {
    const std::lock_guard lock(mutex_);
    line = channel_;
    set = wanted_.set;
  }
  if (line == nullptr) return {};
  shm::AgentRegions& regions = line->regions();
  std::string text = prometheus_text(regions.counters());
  if (set != nullptr)
    text += endpoint_metrics_text(shm::EndpointsView(set->endpoints->data()), regions.slots(),
                                  regions.endpoint_stats());
  return text;
}

std::expected<std::string, CommandFailure> DataPlaneClient::command(std::string_view name,
                                                                    std::string_view arguments,
                                                                    Clock::time_point deadline) {
  const std::lock_guard lock(command_mutex_);
  if (command_channel_ == nullptr || !command_channel_->is_connected()) {
    auto connected = shm::ChannelClient::connect(socket_path_, command_name, deadline);
    if (!connected)
      return std::unexpected(CommandFailure{503, fmt::format("no data plane: {}", connected.error().text)});
    command_channel_ = std::move(*connected);
  }
  return ask(*command_channel_, name, arguments, deadline);
}

std::expected<std::unique_ptr<CaptureReader>, CommandFailure> DataPlaneClient::capture(
    const shm::CaptureRequest& request, Clock::time_point deadline) {
  auto connected = shm::ChannelClient::connect(socket_path_, capture_name, deadline);
  if (!connected)
    return std::unexpected(CommandFailure{503, fmt::format("no data plane: {}", connected.error().text)});
  auto started = ask(**connected, "capture", shm::arguments_of(request), deadline);
  if (!started) return std::unexpected(std::move(started.error()));
  return std::make_unique<ChannelCapture>(std::move(*connected));
}

}  // namespace byway::control
