// A capture that runs (control/shm/capture_request.h): starts and ends the workers' part in it, takes frames
// out of their rings and makes a pcapng file of them, piece by piece, as its reader asks. Main thread.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/shm/capture_request.h"
#include "control/shm/channel_server.h"
#include "dataplane/capture.h"
#include "dataplane/pcapng.h"
#include "tools/dataplane/worker_jobs.h"

namespace byway::tools {

/// The links whose ports the request names. Error: there is no such port; lists those that there are.
[[nodiscard]] std::expected<std::uint32_t, std::string> links_of(const shm::CaptureRequest& request,
                                                                 const NodeRuntime& runtime);

class CaptureSession {
 public:
  /// Allocates the rings. `links`: links_of(request). `jobs`, `server` and `runtime` outlive this. Throws
  /// std::bad_alloc.
  CaptureSession(NodeRuntime& runtime, WorkerJobs& jobs, shm::ChannelServer& server,
                 shm::CaptureRequest request, std::uint32_t links, shm::CommandTicket ticket);
  /// Only when is_over(), or the workers have ended.
  ~CaptureSession();
  CaptureSession(const CaptureSession&) = delete;
  CaptureSession& operator=(const CaptureSession&) = delete;

  /// Whose connection it belongs to.
  [[nodiscard]] std::uint64_t owner() const { return owner_; }
  /// `capture-read` of the owner: answered when there is something, or after a while.
  void read(shm::CommandTicket ticket);
  /// The workers forget it; the reader gets what is left.
  void stop();
  /// Once a turn of the main loop.
  void tick();
  /// The workers have forgotten it and nobody reads any more.
  [[nodiscard]] bool is_over() const { return state_ == State::over; }

 private:
  class Switch;
  enum class State : std::uint8_t { starting, running, stopping, stopped, over };

  [[nodiscard]] bool is_due() const;
  [[nodiscard]] bool is_full() const;
  [[nodiscard]] Capture* next_ring() const;
  void answer();
  void begin_file();
  void fill();
  void end_file();
  [[nodiscard]] std::uint64_t now_ms() const;

  NodeRuntime& runtime_;
  WorkerJobs& jobs_;
  shm::ChannelServer& server_;
  const shm::CaptureRequest request_;
  const std::uint64_t owner_;
  State state_ = State::starting;
  bool stop_wanted_ = false;
  std::vector<std::unique_ptr<Capture>> captures_;  ///< by worker
  std::vector<std::uint32_t> links_;                ///< by interface of the file: the index of its port
  std::vector<std::uint32_t> interfaces_;           ///< by index of a port: its interface
  std::vector<std::uint64_t> delivered_;            ///< frames written, by interface
  std::string piece_;                               ///< of the file, for the next answer
  std::uint64_t frames_ = 0;
  std::uint64_t bytes_ = 0;  ///< of the file, those in `piece_` included
  bool has_begun_ = false;   ///< the file has its head
  std::optional<shm::CommandTicket> reader_;
  std::uint64_t read_at_ms_ = 0;
  std::uint64_t began_at_ms_ = 0;
  std::int64_t wall_offset_ns_ = 0;  ///< of the time of day from the workers' clock
  std::uint64_t began_at_ns_ = 0;    ///< time of day
};

}  // namespace byway::tools
