// A data plane without packets, for tests of whoever talks to one: real regions, publication, installer and
// channel, served by a thread, and workers that do nothing but take up sets. It differs from the real one in
// nothing that can be seen over the socket, but that its commands are those of a test.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "control/shm/channel_server.h"
#include "control/shm/installer.h"

namespace byway::test {

class FakeDataPlane : private shm::ChannelHandler {
 public:
  struct Options {
    std::string runtime_folder;  ///< of dataplane.sock and last_good
    shm::RegionSizes sizes{2, 64, 64 * 1024};
    std::vector<uid_t> allowed_users = {own_user()};
    std::vector<gid_t> allowed_groups = {};
    bool workers_run = true;
    std::vector<shm::NodeAddress> node_addresses = {
        {shm::IpAddress::from_ipv4(0x0A500001), 96 + 24}};  ///< 10.80.0.1/24
  };

  /// Serves from here on. Aborts if it cannot: a test has nothing to do without.
  explicit FakeDataPlane(const Options& options);
  /// Stops like a process that is killed: nothing is written any more.
  ~FakeDataPlane() override;

  [[nodiscard]] const std::string& socket_path() const { return socket_path_; }
  /// False: workers stand still and take no set up.
  void let_workers_run(bool run) { workers_run_ = run; }
  /// The clock of the server jumps ahead, to reach timeouts.
  void advance_clock(std::uint64_t by_ns) { clock_offset_ns_ += by_ns; }
  /// Connections that are open.
  [[nodiscard]] std::size_t peer_count() const { return peer_count_; }
  /// Messages to the log, in order.
  [[nodiscard]] std::vector<std::string> log() const;

  [[nodiscard]] static uid_t own_user();

 private:
  shm::HandoverOutcome on_handover(const shm::Handover& handover,
                                   std::array<shm::OwnedFd, shm::blob_count> blobs,
                                   std::uint64_t now_ns) override;
  /// "echo": the arguments; "long": as many 'x' as the arguments say; "silent": no answer; "connections":
  /// "[]".
  void on_command(shm::CommandTicket ticket, const shm::CommandRequest& request) override;
  void on_peer(std::string_view name, std::string_view what) override;
  void serve(const std::stop_token& stop);
  void run_workers();
  [[nodiscard]] std::uint64_t now_ns() const;

  std::string socket_path_;
  std::atomic<bool> workers_run_;
  std::atomic<std::uint64_t> clock_offset_ns_{0};
  std::atomic<std::size_t> peer_count_{0};
  shm::DataPlaneRegions regions_;
  shm::Publication publication_;
  shm::SetInstaller installer_;
  std::unique_ptr<shm::ChannelServer> server_;
  std::deque<shm::WorkerPolicy> workers_;
  struct Log;
  std::unique_ptr<Log> log_;
  std::jthread thread_;  ///< last: it uses all of the above
};

}  // namespace byway::test
