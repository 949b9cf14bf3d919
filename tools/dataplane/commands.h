// Commands that come over the socket: `connections` and captures, done by the workers in steps, and
// `workers`.
#pragma once

#include <memory>
#include <span>

#include "control/shm/channel_server.h"
#include "control/shm/regions.h"
#include "tools/dataplane/capture_session.h"
#include "tools/dataplane/node_runtime.h"
#include "tools/dataplane/worker_jobs.h"

namespace byway::tools {

/// Commands of all peers; one capture at a time. Main thread.
class Commands {
 public:
  Commands(NodeRuntime& runtime, shm::DataPlaneRegions& regions, std::span<const unsigned> cores);
  ~Commands();
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;

  /// Where answers go; before the first command.
  void set_server(shm::ChannelServer& server) { server_ = &server; }
  void start(shm::CommandTicket ticket, const shm::CommandRequest& request);
  /// Once a turn of the main loop: answers what the workers have done.
  void tick();
  /// How long the main loop may sleep.
  [[nodiscard]] bool is_waiting() const { return !jobs_.is_idle() || capture_ != nullptr; }

 private:
  void answer_workers(shm::CommandTicket ticket);
  void start_connections(shm::CommandTicket ticket, std::string_view arguments);
  void start_capture(shm::CommandTicket ticket, std::string_view arguments);
  void read_capture(shm::CommandTicket ticket);
  void stop_capture(shm::CommandTicket ticket);

  NodeRuntime& runtime_;
  shm::DataPlaneRegions& regions_;
  std::span<const unsigned> cores_;
  shm::ChannelServer* server_ = nullptr;
  WorkerJobs jobs_;
  std::unique_ptr<CaptureSession> capture_;
};

}  // namespace byway::tools
