// The agent's line to the data plane: a thread that keeps connected, hands the newest set over, watches the
// workers take it up, and connects again when the data plane comes back. Commands go over a second
// connection, so that they do not wait for a hand-over.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "control/api/data_plane.h"
#include "control/compile/compile.h"
#include "control/publish/publisher.h"
#include "control/shm/channel_client.h"

namespace byway::control {

/// Between attempts to connect. Short, since a data plane that restarts should not serve an old set for
/// long; connecting to a socket that is not there costs microseconds.
inline constexpr std::chrono::milliseconds reconnect_interval{200};
/// For the data plane to verify and publish a set: it verifies 256 MiB in less than a second.
inline constexpr std::chrono::seconds handover_timeout{10};
/// How often the control page is looked at while workers are still to come, and how often the connection is
/// when there is nothing to do.
inline constexpr std::chrono::milliseconds progress_interval{1};
inline constexpr std::chrono::milliseconds idle_interval{100};
/// How long after the start what a data plane makes of the first set may stay open (publisher.h). A hand-over
/// and its workers take milliseconds.
inline constexpr std::chrono::seconds settle_time{5};
/// A set that was refused because too many older ones are in use is tried again after this time.
inline constexpr std::chrono::milliseconds straggler_interval{1'000};

class DataPlaneClient final : public Publisher, public DataPlane {
 public:
  /// `on_progress` is called from the client's thread whenever progress() may have changed; it may be set
  /// until start() only.
  explicit DataPlaneClient(std::string socket_path) : socket_path_(std::move(socket_path)) {}
  ~DataPlaneClient() override;
  DataPlaneClient(const DataPlaneClient&) = delete;
  DataPlaneClient& operator=(const DataPlaneClient&) = delete;

  void start(std::function<void()> on_progress);
  void stop();

  Ticket publish(std::shared_ptr<const CompiledSet> set, std::uint64_t revision) override;
  Receipt await(Ticket ticket, Deadline deadline) override;
  [[nodiscard]] PublishProgress progress() const override;

  [[nodiscard]] DataPlaneView view() const override;
  std::expected<std::string, CommandFailure> command(std::string_view name, std::string_view arguments,
                                                     std::chrono::steady_clock::time_point deadline) override;
  std::expected<std::unique_ptr<CaptureReader>, CommandFailure> capture(
      const shm::CaptureRequest& request, std::chrono::steady_clock::time_point deadline) override;
  [[nodiscard]] std::string metrics_text() const override;

 private:
  /// What shall run.
  struct Wanted {
    Ticket ticket = 0;
    std::uint64_t revision = 0;
    std::shared_ptr<const CompiledSet> set;
  };
  /// What became of the newest hand-over on this connection.
  struct Handed {
    Ticket ticket = 0;
    std::uint64_t generation = 0;
    std::string refused;  ///< why, if it was
    bool is_applied = false;
    std::chrono::steady_clock::time_point retry_at = std::chrono::steady_clock::time_point::max();
  };

  void run();
  void connect();
  void disconnect(std::string reason);
  void report(std::unique_lock<std::mutex>& lock);
  void hand_over(const Wanted& wanted);
  void watch_workers();
  [[nodiscard]] bool has_work() const;
  [[nodiscard]] std::shared_ptr<shm::ChannelClient> channel() const;
  int sealed(std::shared_ptr<const shm::BlobBytes>& held, shm::OwnedFd& fd,
             const std::shared_ptr<const shm::BlobBytes>& blob, const char* name);

  const std::string socket_path_;
  std::function<void()> on_progress_;

  mutable std::mutex mutex_;            ///< guards all below up to the thread
  std::condition_variable work_;        ///< something to hand over, or stop
  std::condition_variable progressed_;  ///< a ticket was applied or refused
  Wanted wanted_;
  Handed handed_;
  PublishProgress progress_{0, nullptr, false};
  std::chrono::steady_clock::time_point settle_at_;
  bool is_stopping_ = false;
  std::string disconnected_reason_ = "not tried yet";
  std::shared_ptr<shm::ChannelClient> channel_;  ///< regions are read by all threads, the rest by ours only
  std::uint64_t last_generation_ = 0;

  /// Blobs that lie sealed in memfds already; endpoints change while the policy stays.
  struct Sealed {
    std::shared_ptr<const shm::BlobBytes> policy, endpoints, secrets;
    shm::OwnedFd policy_fd, endpoints_fd, secrets_fd;
  };
  Sealed sealed_;                                ///< the thread's own
  PublishProgress reported_{0, nullptr, false};  ///< the thread's own: what on_progress was called for
  std::thread thread_;

  std::mutex command_mutex_;  ///< one command at a time; guards the connection for them
  std::unique_ptr<shm::ChannelClient> command_channel_;
};

}  // namespace byway::control
